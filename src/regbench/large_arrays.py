"""Images that need not fit in memory: gone through in pieces, and put together in a file."""

import math
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 1 << 20  # of uint8; as float32, or through a layer of 500, it is some MB
_IN_MEMORY_BYTES = 64 << 20


def in_chunks(images: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield some images in pieces of about a megabyte.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Which, M ints.

    Yields:
        Some x H x W x C, uint8, M in all, in the order of ``rows``; at least one image each.
    """
    step = max(1, _CHUNK_BYTES // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(rows), step):
        yield images[rows[start : start + step]]


def empty_images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array to be filled, uint8; a large one lies in a file without a name.

    The system writes such an array to the disk when memory is short, and frees the disk with the
    array. The file is made where Python makes temporary files (``TMPDIR``).

    Raises:
        MemoryError: A small one does not fit.
        OSError: The disk is full.
    """
    size = math.prod(shape)
    if size <= _IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(prefix="regbench-") as file:
        if hasattr(os, "posix_fallocate"):  # a disk found full later would end the process
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                error.filename = tempfile.gettempdir()  # the file has no name
                raise
        return np.memmap(file, np.uint8, "r+", shape=shape)
