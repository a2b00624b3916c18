"""Pictures: the contact sheet of augmented images, and the comparison."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from regbench.comparison import TRAINED, headline_figure
from regbench.study import BASELINE


def sheet_rows(split_index: pd.DataFrame, most: int = 10) -> np.ndarray:
    """Choose train images for a contact sheet: the first of each class, then the next ones.

    Args:
        split_index: A row per image with target and split.
        most: How many at most.

    Returns:
        Rows, int.
    """
    train = split_index[split_index["split"] == "train"]
    turn = train.groupby("target").cumcount()
    order = np.lexsort((train["target"], turn))[:most]
    return np.flatnonzero(split_index["split"] == "train")[order]


def contact_sheet(strips: Mapping[str, np.ndarray], labels: list[str]) -> Figure:
    """Draw strips of images one below the other.

    Args:
        strips: Images by title, each N x H x W x C: uint8, or float (stretched to its own range).
        labels: Of the N images.
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
        axis.set_title(
            label if len(label) <= 12 else f"{label[:11]}…", fontsize=11, parse_math=False
        )
    return figure


def comparison_plot(comparison: pd.DataFrame, results: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw every technique's headline accuracy: each run a dot, the mean a bar's end.

    Args:
        comparison: From ``compare``; its order is the order of rows.
        results: Each technique's runs.
    """
    headline = headline_figure(results.values())
    trained = comparison[comparison["runs"] > comparison["failed_runs"]][::-1]
    figure = Figure(figsize=(8, 0.45 * max(len(trained), 2) + 1.2), layout="constrained")
    axis = figure.subplots()
    for height, row in enumerate(trained.to_dict("records")):
        name = str(row["technique"])
        colour = "#7a7a7a" if name == BASELINE else "#1f6fb2"
        runs = results[name].loc[results[name]["status"] == TRAINED, headline]
        axis.plot(runs, [height] * len(runs), "o", color=colour, alpha=0.45, markersize=6)
        axis.plot(row[headline], height, "|", color=colour, markersize=22, markeredgewidth=3)
        axis.annotate(
            f"{row[headline]:.4f}",
            (1.0, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
        if name == BASELINE:
            axis.axvline(row[headline], color=colour, linewidth=1, linestyle="--", zorder=0)
    axis.set_yticks(range(len(trained)), trained["technique"].tolist())
    axis.set_ylim(-0.6, len(trained) - 0.4)
    axis.set_xlabel(f"{headline.replace('_', ' ')}: one dot per seed, the mark is their mean")
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _displayable(image: np.ndarray) -> np.ndarray:
    """An image as imshow takes it: grey without a channel axis, floats within 0..1."""
    if image.dtype != np.uint8:
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
    else:
        image = image / np.float32(255)
    return image[..., 0] if image.shape[-1] == 1 else image
