"""Truncated pixel data of a PNG are detected."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from regbench.images.plain_png import is_truncated

KINDS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black_rows(width: int, height: int, bits: int, interlaced: bool) -> list[int]:
    """Return the bytes of each row of each Adam7 pass, after the PNG specification's pattern."""
    pattern = np.array(
        [
            [1, 6, 4, 6, 2, 6, 4, 6],
            [7] * 8,
            [5, 6, 5, 6, 5, 6, 5, 6],
            [7] * 8,
            [3, 6, 4, 6, 3, 6, 4, 6],
            [7] * 8,
            [5, 6, 5, 6, 5, 6, 5, 6],
            [7] * 8,
        ]
    )
    if not interlaced:
        pattern = np.ones((8, 8), int)
    passes = np.tile(pattern, (height // 8 + 1, width // 8 + 1))[:height, :width]
    return [
        1 + -(-int((row == turn).sum()) * bits // 8)
        for turn in range(1, 8)
        for row in passes
        if (row == turn).any()
    ]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (17, 9), (2, 30)])
def test_rows_are_counted(colour: int, interlaced: bool, size: tuple[int, int]) -> None:
    for depth in KINDS[colour]:
        rows = black_rows(*size, depth * CHANNELS[colour], interlaced)
        for missing, expected in ((0, False), (1, True), (rows[-1], True)):
            deflated = zlib.compress(bytes(sum(rows) - missing))
            half = len(deflated) // 2
            parts = [
                chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)),
                *([chunk(b"PLTE", bytes(3))] if colour == 3 else []),
                *(chunk(b"IDAT", part) for part in (deflated[:half], deflated[half:])),
                chunk(b"IEND", b""),
            ]
            data = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
            assert is_truncated(data) == expected, (depth, missing)
            if not missing:
                with Image.open(io.BytesIO(data)) as picture:
                    picture.load()  # it is one


def test_a_large_picture_is_inflated_in_pieces() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert not is_truncated(buffer.getvalue())
    black = io.BytesIO()
    Image.new("RGB", (2000, 1500)).save(black, "PNG")
    assert not is_truncated(black.getvalue())
