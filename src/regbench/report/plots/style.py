"""What the plots share: style, axes of rows, panels, cells and labels.

A unit is a pixel of the page. Every colour is one of ``COLOURS``, so that the page can replace it
on dark screens, and no meaning is carried by colour alone. Text is drawn literally: ``$`` starts no
formula.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from regbench.evaluation.results import Results
from regbench.study.schema import BASELINE

NARROW, WIDE = 360, 880  # widths in pixels, for a telephone and for a page
COLOURS = {
    "ink": "#1b1f24",
    "muted": "#59626d",
    "rule": "#d8dde3",
    "surface": "#fefefe",
    "accent": "#1f6fb2",
    "better": "#1a7f4b",
    "worse": "#b3402e",
    "series-1": "#2a6fbb",
    "series-2": "#ad4c08",
    "series-3": "#0c7a6a",
    "series-4": "#7a4fbf",
    "series-5": "#c23b78",
    "series-6": "#6f6d10",
    "series-7": "#8a5a3c",
    "series-8": "#4b6a88",
}
_PANEL = (176, 138)  # width and height in pixels of a panel that is a figure of its own
_LABELLED_PANEL = (250, 196)  # the same of one of several panels in a figure
_MARKERS = "o^sDvPX*"
_DASHES: list[Any] = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2))]
_STYLE: Any = {
    "font.size": 12,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "axes.edgecolor": COLOURS["rule"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": 11,
    "axes.facecolor": COLOURS["surface"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.facecolor": COLOURS["surface"],
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "legend.handlelength": 2.4,
    "lines.solid_capstyle": "butt",
    "xtick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": 11,
    "ytick.color": COLOURS["rule"],
    "ytick.labelcolor": COLOURS["muted"],
    "ytick.labelsize": 11,
}
_Arguments = ParamSpec("_Arguments")


def in_style(plot: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Make a plotting function draw in the report's style, whatever Matplotlib's settings."""

    @wraps(plot)
    def styled(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return plot(*args, **kwargs)

    return styled


def row_axis(names: list[str], remarks: list[str], width: int) -> tuple[Figure, Axes]:
    """Return a figure and its axis with a row per name, the first on top.

    Args:
        names: Written left of the rows; above them in a figure of width ``NARROW``.
        remarks: Written right of the rows, or above them likewise.
        width: Width in pixels.
    """
    narrow = width <= NARROW
    height = (52 if narrow else 32) * max(len(names), 1) + 90
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axis = figure.subplots()
    for row, (name, remark) in enumerate(zip(reversed(names), reversed(remarks), strict=True)):
        place: dict[str, Any] = {
            "textcoords": "offset points",
            "fontsize": 11 if narrow else 12,
            "bbox": {"facecolor": COLOURS["surface"], "edgecolor": "none", "pad": 1, "alpha": 0.95},
        }
        weight = "bold" if name == BASELINE else "normal"
        if narrow:
            axis.annotate(
                shorten(name, 21),
                (0, row),
                xycoords=("axes fraction", "data"),
                xytext=(0, 16),
                fontweight=weight,
                **place,
            )
            place |= {"xytext": (0, 16), "ha": "right", "va": "baseline"}
        else:
            place |= {"xytext": (10, 0), "ha": "left", "va": "center"}
        axis.annotate(remark, (1, row), xycoords=("axes fraction", "data"), **place)
    if narrow:
        axis.set_yticks(range(len(names)), [""] * len(names))
    else:
        shown = [shorten(name, 40) for name in reversed(names)]
        axis.set_yticks(range(len(names)), shown, fontsize=12, color=COLOURS["ink"])
        for label, name in zip(axis.get_yticklabels(), reversed(names), strict=True):
            label.set_fontweight("bold" if name == BASELINE else "normal")
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-0.6, max(len(names), 1) - (0.2 if narrow else 0.4))
    axis.spines["left"].set_visible(False)
    axis.xaxis.set_major_locator(MaxNLocator(5 if narrow else 9))
    return figure, axis


def panels(
    results: Mapping[str, Results],
    draw: Callable[[Axes, Results], None],
    across: str,
    upward: str,
) -> Figure:
    """Draw a panel per technique, side by side; a single panel has no title and no y label.

    Args:
        results: The trainings by technique.
        draw: Draws a technique's trainings into an axis.
        across: Label of the x axis.
        upward: Label of the y axis.
    """
    several = len(results) != 1
    panel_width, panel_height = _LABELLED_PANEL if several else _PANEL
    left, bottom, right, top = (50, 40, 12, 24) if several else (28, 32, 12, 6)
    above = 28 if several else 0
    columns = min(len(results), 4) or 1
    width = panel_width * columns
    height = panel_height * (-(-len(results) // columns) or 1) + above
    figure = Figure(figsize=(width / 72, height / 72))
    handles: list[Any] = []
    for place, (name, found) in enumerate(results.items()):
        row, column = divmod(place, columns)
        axis = figure.add_axes(
            (
                (panel_width * column + left) / width,
                (height - above - panel_height * (row + 1) + bottom) / height,
                (panel_width - left - right) / width,
                (panel_height - bottom - top) / height,
            )
        )
        draw(axis, found)
        axis.set_xlabel(across, labelpad=1, fontsize=11 if several else 10)
        if several:
            axis.set_ylabel(upward)
            axis.set_title(shorten(name, 28), fontsize=12, loc="left", pad=7)
        else:
            axis.tick_params(labelsize=10, pad=2, length=2)
        handles = axis.get_legend_handles_labels()[0]
    if handles and several:
        figure.legend(handles=handles, loc="upper left", ncols=len(handles))
    return figure


def draw_legend(figure: Figure, handles: Sequence[Line2D | Patch], width: int) -> None:
    """Draw the legend above the axis, in two columns if the figure is narrow."""
    narrow = width <= NARROW
    figure.legend(
        handles=list(handles),
        loc="outside upper left",
        ncols=2 if narrow else 4,
        fontsize=10 if narrow else 11,
        columnspacing=1.2 if narrow else 2,
        handlelength=1.8 if narrow else 2.4,
    )


def line_styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour, marker and dashes by technique, distinct for the baseline and 32 others."""
    styles: dict[str, dict[str, Any]] = {
        BASELINE: {"color": COLOURS["ink"], "linewidth": 2.6, "marker": "|"}
    }
    for number, name in enumerate(name for name in names if name != BASELINE):
        styles[name] = {
            "color": COLOURS[f"series-{number % 8 + 1}"],
            "marker": _MARKERS[number % 8],
            "linestyle": _DASHES[number // 8 % 4],
            "linewidth": 1.5,
        }
    return styles


def shade_cells(axis: Axes, strength: np.ndarray, colour: str) -> None:
    """Fill a grid of cells with a colour, by opacity: this suits light and dark pages.

    Args:
        axis: The axis; a cell is 1 x 1, the first row on top.
        strength: The opacities from 0 to 1, rows x columns.
        colour: Name of one of ``COLOURS``.
    """
    if not strength.size:
        return
    pixels = np.zeros((*strength.shape, 4))
    pixels[...] = to_rgba(COLOURS[colour])
    pixels[..., 3] = strength
    axis.imshow(pixels, aspect="auto", interpolation="none")


def write_cell(axis: Axes, column: int, row: int, text: str, size: float, weight: str) -> None:
    """Write a text into the centre of a cell."""
    # Left out of the layout: hundreds of cells would make it slow.
    axis.text(
        column,
        row,
        text,
        ha="center",
        va="center_baseline",
        fontsize=size,
        fontweight=weight,
        in_layout=False,
    )


def label_cells(
    axis: Axes, columns: list[str], rows: list[str], size: float, rotation: float = 0
) -> None:
    """Write names above the columns and beside the rows of a grid of cells."""
    axis.set_xticks(range(len(columns)), columns, fontsize=size, rotation=rotation)
    axis.set_yticks(range(len(rows)), rows, fontsize=size)
    axis.tick_params(length=0, labelcolor=COLOURS["ink"])
    axis.xaxis.tick_top()
    axis.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axis.tick_params(which="minor", length=0)
    axis.grid(visible=False)
    axis.grid(which="minor")
    axis.spines[:].set_visible(False)


def spread_labels(heights: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
    """Return label heights that do not overlap, moved as little as possible (least squares).

    Args:
        heights: The N wanted heights; their order is kept.
        least: The least distance between two labels.
        low: The lowest height allowed.
        high: The highest height allowed, if there is room for all labels.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - slow to import

    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(heights))
    free = np.asarray(isotonic_regression(heights[order] - steps).x)
    moved = np.empty(len(heights))
    moved[order] = np.clip(free, low, max(high - steps[-1:].sum(), low)) + steps
    return moved


def shorten(text: str, most: int) -> str:
    """Return a text cut to ``most`` characters, an ellipsis at its end."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shorten_middle(text: str, most: int) -> str:
    """Return a text cut to ``most`` characters in its middle, since labels often begin alike."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[most // 2 + 1 - most :]}"
