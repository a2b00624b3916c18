"""Small PNG files of nothing but pixels, decoded many at a time.

``PIL.Image.open`` is made for all that a file may hold; for a picture of 28 x 28 that takes ten
times as long as its pixels do. Here the files' rows are put on top of each other, and Pillow's
decoder takes them for one tall picture.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BYTES_AT_ONCE = 1 << 20
_FILTERS = bytes(range(5))  # that a row may be filtered by
_COLOUR_TYPES = {"L": 0, "RGB": 2}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Adam7: the first column and row of each pass, and the steps to the next ones.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_END = _chunk(b"IEND", b"")


class PlainPngs:
    """PNGs of one size, of 8-bit grey or RGB pixels, and of the three chunks that must be there."""

    def __init__(self, height: int, width: int, mode: str) -> None:
        """Set what the files have in common; ``mode`` is Pillow's, ``L`` or ``RGB``."""
        header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[mode], 0, 0, 0)
        self._begin = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
        self._height, self._width, self._mode = height, width, mode
        self._row = 1 + width * len(mode)  # a byte tells how the row is filtered

    def rows(self, data: bytes) -> bytes | None:
        """Take the rows out of an undamaged file.

        Returns:
            The filtered rows; None for any other file, for ``Image.open`` to read or to refuse.
        """
        body = len(self._begin) + 8
        end = len(data) - len(_END) - 4
        if not (data.startswith(self._begin) and data.endswith(_END) and end > body):
            return None
        if data[body - 8 : body] != (end - body).to_bytes(4) + b"IDAT":
            return None
        if data[end : end + 4] != zlib.crc32(data[body - 4 : end]).to_bytes(4):
            return None
        inflater = zlib.decompressobj()
        try:
            rows = inflater.decompress(data[body:end], self._height * self._row + 1)
        except zlib.error:
            return None
        if not inflater.eof or len(rows) != self._height * self._row:
            return None
        return None if rows[:: self._row].translate(None, _FILTERS) else rows

    def pixels(self, rows: list[bytes]) -> NDArray[np.uint8]:
        """Decode the rows of some files at once.

        Args:
            rows: From ``rows``, N files'.

        Returns:
            N x height x width x channels, uint8.
        """
        above = bytes(self._row)  # what a picture's first row is filtered by: zeros
        tall = b"".join(part for of_one in rows for part in (above, of_one))
        size = (self._width, len(rows) * (self._height + 1))
        picture = Image.frombytes(self._mode, size, zlib.compress(tall, 0), "zip", self._mode, 0)
        shape = (len(rows), self._height + 1, self._width, len(self._mode))
        return np.frombuffer(picture.tobytes(), np.uint8).reshape(shape)[:, 1:]


def lacks_rows(data: bytes) -> bool:
    """Say whether the pixels of a PNG that Pillow can read end before its last row.

    Pillow leaves such rows black and says nothing.
    """
    width, height, depth, colour_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    due = 0
    for column, row, step, step_down in passes:
        columns, rows = -(-(width - column) // step), -(-(height - row) // step_down)
        if columns > 0:
            due += max(0, rows) * (1 + -(-columns * depth * _CHANNELS[colour_type] // 8))
    inflater = zlib.decompressobj()
    at = 8
    while due > 0 and at + 8 <= len(data) and not inflater.eof:
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        while body and due > 0 and not inflater.eof:
            due -= len(inflater.decompress(body, _BYTES_AT_ONCE))
            body = inflater.unconsumed_tail
        at += length + 12
    return due > len(inflater.flush())
