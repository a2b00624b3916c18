"""Image arrays larger than memory: chunked iteration and memory-mapped temporary arrays."""

import math
import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 1 << 20  # of uint8; four times as much as float32
_IN_MEMORY_BYTES = 64 << 20  # mapped pages kept resident, and the largest array without a file


def in_chunks(
    images: np.ndarray, rows: np.ndarray | None = None, chunk_rows: int | None = None
) -> Iterator[np.ndarray]:
    """Yield an image array in chunks; pages of a memory-mapped array are released after reading.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Indices of the M images to yield, in this order; default: all N.
        chunk_rows: Images per chunk; default: as many as fill 1 MiB, at least one.

    Yields:
        B x H x W x C, uint8, with B = ``chunk_rows`` but for the last chunk.
    """
    image_bytes = max(1, math.prod(images.shape[1:]))
    step = chunk_rows or max(1, _CHUNK_BYTES // image_bytes)
    chunks_held = max(1, _IN_MEMORY_BYTES // (step * image_bytes))
    for piece, start in enumerate(range(0, len(images if rows is None else rows), step), start=1):
        end = start + step
        if rows is not None:
            yield _gather(images, rows[start:end], max(1, _IN_MEMORY_BYTES // image_bytes))
        else:
            yield images[start:end]
            if piece % chunks_held == 0:
                release_memory(images)


def _gather(images: np.ndarray, rows: np.ndarray, max_rows: int) -> np.ndarray:
    """Return ``images[rows]``, with at most ``max_rows`` neighbouring rows of a file in memory.

    Reading one row maps up to 2 MB around it, so a thousand random rows would map a whole file.
    The rows are therefore copied block by block of the file.
    """
    gathered: np.ndarray
    if images.shape[0] <= max_rows:
        gathered = images[rows]
        return gathered
    gathered = np.empty((len(rows), *images.shape[1:]), images.dtype)
    stretches = rows // max_rows
    for stretch in np.unique(stretches):
        here = stretches == stretch
        gathered[here] = images[rows[here]]
        release_memory(images)
    return gathered


def release_memory(array: np.ndarray) -> None:
    """Drop the resident pages of a memory-mapped array (``madvise`` with ``MADV_DONTNEED``).

    No data are lost: the pages are read from the file again when needed. Otherwise every page
    ever read counts towards the process' resident memory.

    Args:
        array: Any array; one that is not memory-mapped is left as it is.
    """
    # Not in mode "c" (copy on write): there the changes are in the pages only.
    shared = getattr(array, "mode", None) in ("r", "r+")
    base: object = array
    while shared and isinstance(base, np.ndarray):
        base = base.base
    if shared and isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def empty_images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an uninitialized uint8 array; above 64 MiB it is mapped from a temporary file.

    The operating system can then write pages to the disk when memory is short. The file lies in
    ``TMPDIR``, is unlinked at once, and its disk space is freed with the array.

    Args:
        shape: Any shape, such as (N, H, W, C).

    Raises:
        MemoryError: An array of up to 64 MiB does not fit in memory.
        OSError: The disk is full.
    """
    size = math.prod(shape)
    if size <= _IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(prefix="regbench-") as file:
        if hasattr(os, "posix_fallocate"):  # a disk that fills up later would raise SIGBUS
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                error.filename = tempfile.gettempdir()  # an unlinked file has no name
                raise
        return np.memmap(file, np.uint8, "r+", shape=shape)
