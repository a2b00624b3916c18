"""Kedro datasets for NumPy arrays, which kedro-datasets lacks."""

from typing import IO

import numpy as np

from regbench.datasets.one_file import OneFileDataset
from regbench.storage.arrays import release_memory
from regbench.storage.atomic import damaged_file_errors

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


class ArrayDataset(OneFileDataset[np.ndarray, np.ndarray]):
    """One array as an ``.npy`` file (NEP 1), memory-mapped read-only when loaded.

    Arrays of Python objects are refused: reading them would unpickle, which can execute code.
    """

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


class ArraysDataset(OneFileDataset[dict[str, np.ndarray], dict[str, np.ndarray]]):
    """Several named arrays as one ``.npz`` file, without pickled objects."""

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
