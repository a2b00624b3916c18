"""Kedro datasets for NumPy arrays, which kedro-datasets lacks."""

from typing import IO, Any

import numpy as np
from kedro.io import AbstractDataset

from regbench.storage.arrays import release_memory
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import stored_file

_RESIDENT_BYTES = 64 << 20  # of the array's pages kept in memory while it is written


class _ChunkedWriter:
    """A file wrapper for ``np.save`` that writes chunks in Python and releases written pages.

    With a real file NumPy writes in C, and its error does not say that the disk is full.
    """

    def __init__(self, file: IO[bytes], array: np.ndarray) -> None:
        """Set the file and the array written to it, which may be memory-mapped."""
        self._file, self._array = file, array
        self._resident = 0

    def write(self, chunk: bytes) -> int:
        """Write a chunk and return its size in bytes."""
        self._resident += len(chunk)
        if self._resident > _RESIDENT_BYTES:
            release_memory(self._array)
            self._resident = 0
        return self._file.write(chunk)


class ArrayDataset(AbstractDataset[np.ndarray, np.ndarray]):
    """One array as an ``.npy`` file (NEP 1), memory-mapped read-only when loaded.

    Arrays of Python objects are refused: reading them would unpickle, which can execute code.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: The path or URL of the ``.npy`` file.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> np.ndarray:
        """Return the array, memory-mapped, of any shape and dtype but object.

        Raises:
            DamagedFileError: The file cannot be read.
        """
        with damaged_file_errors(self._file):
            array: np.ndarray = np.load(self._file.local_copy(), mmap_mode="r", allow_pickle=False)
            return array

    def save(self, data: np.ndarray) -> None:
        """Write the array atomically."""
        with self._file.atomic_write() as partial, partial.open("wb") as file:
            np.save(_ChunkedWriter(file, data), data, allow_pickle=False)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


class ArraysDataset(AbstractDataset[dict[str, np.ndarray], dict[str, np.ndarray]]):
    """Several named arrays as one ``.npz`` file, without pickled objects."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: The path or URL of the ``.npz`` file.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> dict[str, np.ndarray]:
        """Return all arrays by name, in memory.

        Raises:
            DamagedFileError: The file cannot be read.
        """
        with (
            damaged_file_errors(self._file),
            np.load(self._file.local_copy(), allow_pickle=False) as arrays,
        ):
            return dict(arrays)

    def save(self, data: dict[str, np.ndarray]) -> None:
        """Write the arrays atomically."""
        with self._file.atomic_write() as partial:
            np.savez(partial, allow_pickle=False, **data)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}
