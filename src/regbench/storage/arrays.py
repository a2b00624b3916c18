"""Images that need not fit in memory: gone through in pieces, and put together in a file."""

import math
import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 1 << 20  # of uint8; as float32, or through a layer of 500, it is some MB
_IN_MEMORY_BYTES = 64 << 20


def in_chunks(
    images: np.ndarray, rows: np.ndarray | None = None, at_once: int | None = None
) -> Iterator[np.ndarray]:
    """Yield images in pieces, and let go of a file's parts that have been read.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Which, M ints; all if not given.
        at_once: How many to a piece; about a megabyte if not given.

    Yields:
        Some x H x W x C, uint8, M in all, in the order of ``rows``; at least one image each.
    """
    image_bytes = max(1, math.prod(images.shape[1:]))
    step = at_once or max(1, _CHUNK_BYTES // image_bytes)
    pieces_held = max(1, _IN_MEMORY_BYTES // (step * image_bytes))
    for piece, start in enumerate(range(0, len(images if rows is None else rows), step), start=1):
        end = start + step
        if rows is not None:
            yield _gathered(images, rows[start:end], max(1, _IN_MEMORY_BYTES // image_bytes))
        else:
            yield images[start:end]
            if piece % pieces_held == 0:
                release_memory(images)


def _gathered(images: np.ndarray, rows: np.ndarray, held: int) -> np.ndarray:
    """Copy images in any order, with no more than ``held`` neighbours of a file in memory.

    A row brings its surroundings along, up to 2 MB: a thousand rows at random, the whole file.
    """
    gathered: np.ndarray
    if images.shape[0] <= held:
        gathered = images[rows]
        return gathered
    gathered = np.empty((len(rows), *images.shape[1:]), images.dtype)
    stretches = rows // held
    for stretch in np.unique(stretches):
        here = stretches == stretch
        gathered[here] = images[rows[here]]
        release_memory(images)
    return gathered


def release_memory(array: np.ndarray) -> None:
    """Have the system forget which parts of an array in a file are in memory.

    Nothing is lost: they are in the file, or on their way, and come back when they are read.
    Without this, what was read once counts as this process' memory for good.

    Args:
        array: Any; nothing happens to one that does not lie in a file.
    """
    shared = getattr(array, "mode", None) in ("r", "r+")  # copied on write, changes would be lost
    base: object = array
    while shared and isinstance(base, np.ndarray):
        base = base.base
    if shared and isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


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
