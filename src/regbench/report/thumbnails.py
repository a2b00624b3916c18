"""Small pictures for a page: many in few files, so that a browser decodes what it shows."""

import base64
import io

import numpy as np
from PIL import Image

LARGEST_SIDE = 96  # pixels
LARGEST_PIXELATED = 64  # up to here images are enlarged without smoothing
COLUMNS, ROWS = 10, 5  # of a sheet
_EXACT_SIDE = 32  # images up to here keep their pixels: blurred, digits could not be read


def thumbnail_sheets(
    images: np.ndarray, rows: np.ndarray, most_bytes: int
) -> tuple[list[str], int, tuple[int, int]]:
    """Return images as small pictures in sheets of ``COLUMNS`` x ``ROWS``.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Which of them, in order, M ints.
        most_bytes: The largest size of all sheets together; what comes last is left out.

    Returns:
        The sheets as ``data:`` URLs of WebP pictures; how many images they hold; and width and
        height of one in pixels.
    """
    height, width = images.shape[1:3]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    cell = (max(1, round(width * scale)), max(1, round(height * scale)))
    sheets: list[str] = []
    shown = used = 0
    for start in range(0, len(rows), COLUMNS * ROWS):
        on_sheet = rows[start : start + COLUMNS * ROWS]
        sheet = _data_url(_sheet(images, on_sheet, cell), exact=max(cell) <= _EXACT_SIDE)
        used += len(sheet)
        if used > most_bytes:
            break
        sheets.append(sheet)
        shown += len(on_sheet)
    return sheets, shown, cell


def _sheet(images: np.ndarray, rows: np.ndarray, cell: tuple[int, int]) -> Image.Image:
    """Return images side by side, row by row."""
    width, height = cell
    lines = -(-len(rows) // COLUMNS)
    sheet = Image.new("L" if images.shape[-1] == 1 else "RGB", (COLUMNS * width, lines * height))
    for place, row in enumerate(rows):
        pixels = np.asarray(images[row])
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        if picture.size != cell:
            picture = picture.resize(cell, Image.Resampling.LANCZOS)
        sheet.paste(picture, (place % COLUMNS * width, place // COLUMNS * height))
    return sheet


def _data_url(picture: Image.Image, *, exact: bool) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "webp", lossless=exact, quality=75, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
