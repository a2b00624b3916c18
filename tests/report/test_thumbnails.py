"""Thumbnails hold the images that they are of, and keep to their size."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from regbench.report.thumbnails import COLUMNS, ROWS, thumbnail_sheets


def opened(address: str) -> np.ndarray:
    assert address.startswith("data:image/webp;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_small_images_keep_their_pixels(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 12, channels), dtype=np.uint8)
    rows = np.arange(70)[::-1]
    sheets, count, cell = thumbnail_sheets(images, rows, 1 << 20)
    assert (len(sheets), count, cell) == (2, 70, (12, 8))
    sheet = opened(sheets[1])
    for place in range(70 - COLUMNS * ROWS):
        x, y = place % COLUMNS * 12, place // COLUMNS * 8
        expected = images[rows[COLUMNS * ROWS + place]]
        shown = sheet[y : y + 8, x : x + 12, :channels]
        np.testing.assert_array_equal(shown, np.broadcast_to(expected, shown.shape))


def test_large_images_become_small_ones() -> None:
    gradient = np.linspace(0, 255, 400).astype(np.uint8)
    images = np.broadcast_to(gradient[None, None, :, None], (1, 200, 400, 3)).copy()
    sheets, _, cell = thumbnail_sheets(images, np.array([0]), 1 << 20)
    assert cell == (96, 48)
    sheet = opened(sheets[0])[:48, :96, 0].astype(int)
    expected = np.linspace(0, 255, 96)
    assert np.abs(sheet - expected).mean() < 4


def test_what_does_not_fit_is_left_out() -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    everything, count, _ = thumbnail_sheets(images, np.arange(200), 1 << 30)
    assert count == 200
    most = len(everything[0]) + len(everything[1])
    sheets, count, _ = thumbnail_sheets(images, np.arange(200), most)
    assert (sheets, count) == (everything[:2], 2 * COLUMNS * ROWS)
