"""Decoding of many picture files into an array: small PNGs in batches, others in threads."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from regbench.images.decode import Decoding, decode_picture
from regbench.images.plain_png import PlainPngDecoder
from regbench.images.sources.base import Unreadable
from regbench.storage.arrays import release_memory

_BATCH_BYTES = 1 << 20  # of pixels decoded together
_RESIDENT_BYTES = 64 << 20  # of decoded pixels kept in memory
_MOST_THREADS = 8
_FEWEST_FOR_THREADS = 8  # files; fewer are decoded sooner than threads are started

# What becomes of a file: pixels (H x W x C), the filtered rows of a plain PNG, or the fault.
Decoded = NDArray[np.uint8] | bytes | str


class BatchDecoder:
    """Decoder of picture files into the rows of an array.

    Simple PNGs are decoded in batches, other files by several threads: Pillow's decoders and its
    resizing let other threads work.
    """

    def __init__(self, images: NDArray[np.uint8], decoding: Decoding) -> None:
        """Set the array to fill (N x H x W x C, uint8) and what to decode to."""
        self._images, self._decoding = images, decoding
        pixels = math.prod(decoding.shape)
        self._plain = PlainPngDecoder(decoding.height, decoding.width, decoding.mode)
        self._plain_allowed = decoding.height * decoding.width <= decoding.max_pixels
        self._batch_size = max(1, _BATCH_BYTES // pixels)
        self._resident_rows = max(1, _RESIDENT_BYTES // pixels)
        self._pending: dict[int, bytes] = {}
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads:
            self._threads.shutdown(cancel_futures=True)

    def decode(self, files: Sequence[bytes]) -> list[Decoded]:
        """Return what becomes of each file.

        Raises:
            ColourFoundError: See ``decode_picture``.
        """
        found: list[Decoded | None] = [
            self._plain.inflate(data) if self._plain_allowed else None for data in files
        ]
        others = [data for data, plain in zip(files, found, strict=True) if plain is None]
        decoded = iter(self._decode_others(others))
        return [next(decoded) if plain is None else plain for plain in found]

    def put(self, row: int, decoded: Decoded) -> str | None:
        """Write a picture to a row of the array, at the latest when ``flush`` is called.

        Returns:
            None, or the fault of a file that cannot be decoded.
        """
        if isinstance(decoded, str):
            return decoded
        if row % self._resident_rows == 0:
            release_memory(self._images)
        if not isinstance(decoded, bytes):
            self._images[row] = decoded
            return None
        self._pending[row] = decoded
        if len(self._pending) == self._batch_size:
            self.flush()
        return None

    def flush(self) -> None:
        """Decode the pending batch."""
        if self._pending:
            self._images[list(self._pending)] = self._plain.decode(list(self._pending.values()))
            self._pending.clear()

    def _decode_others(self, files: list[bytes]) -> list[Decoded]:
        if len(files) < _FEWEST_FOR_THREADS:
            return [self._decode_one(data) for data in files]
        if self._threads is None:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            self._threads = ThreadPoolExecutor(min(_MOST_THREADS, cores))
        return list(self._threads.map(self._decode_one, files))

    def _decode_one(self, data: bytes) -> Decoded:
        try:
            return decode_picture(data, self._decoding)
        except Unreadable as problem:
            return problem.reason
