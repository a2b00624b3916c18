"""Batch decoding of small PNG files that have only the mandatory chunks.

For a picture of 28 x 28 ``PIL.Image.open`` takes ten times as long as decoding the pixels. Here
the filtered rows of many files are stacked and decoded by Pillow as one tall picture. Format: PNG
specification, third edition (W3C, https://www.w3.org/TR/png-3/).
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_INFLATE_BYTES = 1 << 20  # decompressed at once
_FILTERS = bytes(range(5))  # the filter types of a row: None, Sub, Up, Average, Paeth
_COLOUR_TYPES = {"L": 0, "RGB": 2}  # by Pillow's mode
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}  # by channels: grey, RGB, RGBA
PNG_CHANNELS = tuple(_COLOUR_TYPE)
# Adam7 interlacing: first column, first row, column step and row step of each of the seven passes.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = _chunk(b"IEND", b"")


class PlainPngDecoder:
    """Decoder of PNGs of one size, 8-bit greyscale or RGB, with only IHDR, one IDAT and IEND."""

    def __init__(self, height: int, width: int, mode: str) -> None:
        """Set the height and width in pixels and Pillow's mode, ``L`` or ``RGB``."""
        header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[mode], 0, 0, 0)
        self._begin = _SIGNATURE + _chunk(b"IHDR", header)
        self._height, self._width, self._mode = height, width, mode
        self._row = 1 + width * len(mode)  # bytes; the first is the filter type

    def inflate(self, data: bytes) -> bytes | None:
        """Return the decompressed, still filtered rows of a file, with checked CRC and length.

        Returns:
            height * (1 + width * channels) bytes; None for any other or damaged file, which
            ``Image.open`` has to decode or refuse.
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

    def decode(self, rows: list[bytes]) -> NDArray[np.uint8]:
        """Return the pixels of N pictures, N x height x width x channels, uint8.

        Args:
            rows: The filtered rows of N files, from ``inflate``.
        """
        above = bytes(self._row)  # a zero row: the specification's row above a picture's first
        tall = b"".join(above + picture_rows for picture_rows in rows)
        size = (self._width, len(rows) * (self._height + 1))
        picture = Image.frombytes(self._mode, size, zlib.compress(tall, 0), "zip", self._mode, 0)
        shape = (len(rows), self._height + 1, self._width, len(self._mode))
        return np.frombuffer(picture.tobytes(), np.uint8).reshape(shape)[:, 1:]


def encode_plain_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG file of a picture, uncompressed: it is made to be decoded at once.

    Args:
        pixels: H x W x C; C is 1 (grey), 3 (RGB) or 4 (RGBA).
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # the first byte: not filtered
    rows[:, 1:] = pixels.reshape(height, -1)
    body = zlib.compress(rows.tobytes(), 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _END


def is_truncated(data: bytes) -> bool:
    """Return whether a PNG's pixel data end before its last row.

    Pillow leaves the missing rows black without an error.

    Args:
        data: A PNG file that Pillow has decoded.
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
            due -= len(inflater.decompress(body, _INFLATE_BYTES))
            body = inflater.unconsumed_tail
        at += length + 12
    return due > len(inflater.flush())
