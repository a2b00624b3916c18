"""Maps of where a network looks, small enough for a page."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

LARGEST_SIDE = 16  # of a map; a page may have thousands


def small_maps(maps: np.ndarray) -> np.ndarray:
    """Return maps in bytes, with sides of at most ``LARGEST_SIDE``, larger ones averaged.

    Args:
        maps: M x h x w, floats from 0 to 1.

    Returns:
        M x h x w, uint8.
    """
    height, width = maps.shape[1:]
    size = (min(width, LARGEST_SIDE), min(height, LARGEST_SIDE))
    pictures = (Image.fromarray(of.astype(np.float32)) for of in maps)
    small = np.zeros((len(maps), *size[::-1]), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        averaged = np.asarray(picture.resize(size, Image.Resampling.BOX))
        small[place] = np.rint(255 * averaged)
    return small


def maps_shown(
    grad_cam: Mapping[str, np.ndarray] | None, rows: Sequence[int], techniques: Sequence[str]
) -> dict[str, Any] | None:
    """Return the maps as the script of the page takes them; None without any.

    Args:
        grad_cam: As of the report's content.
        rows: Of the images on the page, in their order.
        techniques: Their names, in the order of the page.

    Returns:
        ``images``, the places in ``rows`` that have maps; and ``techniques``, one for each or
        None: seed, answers, and the maps in base64, height x width bytes each.
    """
    if not grad_cam:
        return None
    place_of = {row: place for place, row in enumerate(rows)}
    kept = [n for n, row in enumerate(grad_cam["rows"].tolist()) if row in place_of]
    shown = [
        {
            "seed": int(grad_cam[f"{name}.seed"]),
            "answers": grad_cam[f"{name}.answers"][kept].tolist(),
            "height": maps.shape[1],
            "width": maps.shape[2],
            "maps": base64.b64encode(maps[kept].tobytes()).decode(),
        }
        if (maps := grad_cam.get(f"{name}.maps")) is not None
        else None
        for name in techniques
    ]
    if not kept or not any(shown):
        return None
    images = [place_of[row] for row in grad_cam["rows"][kept].tolist()]
    return {"images": images, "techniques": shown}
