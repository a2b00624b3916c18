"""NumPy arrays as files; kedro-datasets has none."""

from typing import IO, Any

import numpy as np
from kedro.io import AbstractDataset

from regbench.storage.arrays import release_memory
from regbench.storage.atomic import made_by_regbench
from regbench.storage.stored_file import stored_file

_BYTES_HELD = 64 << 20


class _Pieces:
    """Has NumPy write an array piece by piece in Python, and lets go of what is written.

    Given a file, NumPy writes from C, and where the disk is full its error does not say so.
    """

    def __init__(self, file: IO[bytes], array: np.ndarray) -> None:
        self._file, self._array = file, array
        self._held = 0

    def write(self, piece: bytes) -> int:
        """Write a piece."""
        self._held += len(piece)
        if self._held > _BYTES_HELD:
            release_memory(self._array)
            self._held = 0
        return self._file.write(piece)


class ArrayDataset(AbstractDataset[np.ndarray, np.ndarray]):
    """One array as an ``.npy`` file, memory-mapped read-only when loaded.

    Pickled objects are neither written nor read.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> np.ndarray:
        """Return the array, any shape and dtype, backed by the file."""
        with made_by_regbench(self._file):
            array: np.ndarray = np.load(self._file.readable(), mmap_mode="r", allow_pickle=False)
            return array

    def save(self, data: np.ndarray) -> None:
        """Write the array whole or not at all."""
        with self._file.written() as partial, partial.open("wb") as file:
            np.save(_Pieces(file, data), data, allow_pickle=False)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


class ArraysDataset(AbstractDataset[dict[str, np.ndarray], dict[str, np.ndarray]]):
    """Several named arrays as one ``.npz`` file."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        with (
            made_by_regbench(self._file),
            np.load(self._file.readable(), allow_pickle=False) as arrays,
        ):
            return dict(arrays)

    def save(self, data: dict[str, np.ndarray]) -> None:
        """Write the arrays whole or not at all."""
        with self._file.written() as partial:
            np.savez(partial, allow_pickle=False, **data)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}
