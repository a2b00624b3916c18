"""Contact sheets: rows of small images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from regbench.report.plots.style import shorten


def sheet_rows(split_index: pd.DataFrame, most: int = 10) -> np.ndarray:
    """Return train images for a contact sheet: the first of each class, then the second, and so on.

    Args:
        split_index: A row per image, with target and split.
        most: The largest number of images.

    Returns:
        Row numbers in ``split_index``, int.
    """
    train = split_index[split_index["split"] == "train"]
    turn = train.groupby("target").cumcount()
    order = np.lexsort((train["target"], turn))[:most]
    return np.flatnonzero(split_index["split"] == "train")[order]


def contact_sheet(strips: Mapping[str, np.ndarray], labels: list[str]) -> Figure:
    """Draw rows of images one below the other, with their labels above.

    All stand in one axis, the image in row r and column c around the point (c, r): an axis each
    takes seven times as long to draw.

    Args:
        strips: Images by title, each N x H x W x C: uint8, or float, each scaled to its own range.
        labels: Labels of the N images.
    """
    columns, rows = len(labels), len(strips)
    beside = 0.2 + 0.1 * max(map(len, strips))  # inches for the titles
    width, height = beside + 1.1 * columns, 0.35 + 1.1 * rows
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((beside / width, 0, 1.1 * columns / width, 1.1 * rows / height))
    frames = []
    for row, images in enumerate(strips.values()):
        for column, image in enumerate(images):
            tall, wide = 0.9 * np.divide(image.shape[:2], max(image.shape[:2]))
            left, top = column - wide / 2, row - tall / 2
            axis.imshow(
                _displayable(image),
                extent=(left, left + wide, top + tall, top),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            frames.append(Rectangle((left, top), wide, tall))
    axis.add_collection(PatchCollection(frames, facecolor="none", edgecolor="black", linewidth=0.8))
    axis.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axis.set(xticks=[], yticks=[])
    for column, label in enumerate(labels):
        text = shorten(label, 12)
        axis.text(column, -0.5, text, ha="center", va="bottom", fontsize=11, parse_math=False)
    for row, title in enumerate(strips):
        axis.text(-0.55, row, title, ha="right", va="center", fontsize=11)
    axis.spines[:].set_visible(False)
    return figure


def _displayable(image: np.ndarray) -> np.ndarray:
    """Return an image as Matplotlib draws it: floats from 0 to 1, grey without a channel axis."""
    if image.dtype != np.uint8:
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
    else:
        image = image / np.float32(255)
    return image[..., 0] if image.shape[-1] == 1 else image
