"""Contact sheets: rows of small images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

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

    Args:
        strips: Images by title, each N x H x W x C: uint8, or float, each scaled to its own range.
        labels: Labels of the N images.
    """
    columns = len(labels)
    figure = Figure(figsize=(1.1 * columns + 1.6, 1.25 * len(strips) + 0.4), layout="constrained")
    axes = figure.subplots(len(strips), columns, squeeze=False)
    for row, (title, images) in zip(axes, strips.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(_displayable(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=11)
    for axis, label in zip(axes[0], labels, strict=True):
        axis.set_title(shorten(label, 12), fontsize=11, parse_math=False)
    return figure


def _displayable(image: np.ndarray) -> np.ndarray:
    """Return an image as Matplotlib draws it: floats from 0 to 1, grey without a channel axis."""
    if image.dtype != np.uint8:
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
    else:
        image = image / np.float32(255)
    return image[..., 0] if image.shape[-1] == 1 else image
