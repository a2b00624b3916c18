"""The plot of confusion matrices."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regbench.report.plots.style import (
    in_style,
    label_cells,
    shade_cells,
    shorten_middle,
    write_cell,
)

MOST_CELLS = 130  # cells along a side; with more classes, a cell pools several
MOST_COUNTED_CLASSES = 20  # with more classes, the counts are not written into the cells


@in_style
def confusion_plot(
    counts: Mapping[str, np.ndarray], classes: Sequence[str], most: int | None = None
) -> Figure:
    """Draw confusion matrices side by side: true classes down, predicted classes across.

    Mistakes are shaded by the square root of their number, on the same scale; right answers are
    grey. Beyond ``MOST_CELLS`` classes a cell sums several neighbouring classes.

    Args:
        counts: Matrices by title, each K x K ints: a row per true class, a column per predicted
            one. Titles are drawn if there are several matrices.
        classes: The K labels.
        most: The number of mistakes with the darkest shade; default the largest in any cell.
    """
    labels = [shorten_middle(str(label), 14) for label in classes]
    count = max(len(labels), 1)
    longest = max((len(label) for label in labels), default=1)
    counted = count <= MOST_COUNTED_CLASSES
    side = count * (28 if count <= 10 else 26) if counted else 380
    margin = 34 + 7.2 * (longest if counted else 4)
    top = 30 + (7.2 * longest if longest > 3 and counted else 16)
    titled = 24 if len(counts) > 1 else 0
    width, height = (margin + side + 16) * max(len(counts), 1), top + side + 8 + titled
    figure = Figure(figsize=(width / 72, height / 72))
    group = -(-count // MOST_CELLS)
    wrong = {title: mistakes_by_cell(matrix) for title, matrix in counts.items()}
    if most is None:
        most = max((int(cells.max(initial=0)) for cells in wrong.values()), default=0)
    for place, (title, cells) in enumerate(wrong.items()):
        left = (place * (margin + side + 16) + margin) / width
        axis = figure.add_axes((left, 8 / height, side / width, side / height))
        shade_cells(axis, 0.6 * np.sqrt(np.minimum(cells / max(most, 1), 1)), "worse")
        shade_cells(axis, 0.16 * np.eye(len(cells)), "muted")
        if counted:
            _draw_counts(axis, counts[title], 11 if count <= 10 else 9)
            label_cells(axis, labels, labels, 11, rotation=90 if longest > 3 else 0)
        else:
            numbers = np.linspace(1, count, 5).round().astype(int)
            ticks = (numbers - 0.5) / group - 0.5
            axis.set_xticks(ticks, [str(number) for number in numbers])
            axis.set_yticks(ticks, [str(number) for number in numbers])
            axis.xaxis.tick_top()
            axis.grid(visible=False)
        pooled = f", {group} × {group} to a cell" if group > 1 else ""
        axis.set_xlabel("predicted" if counted else f"predicted class number{pooled}", fontsize=11)
        axis.xaxis.set_label_position("top")
        axis.set_ylabel("true class" if counted else "true class number", fontsize=11)
        if titled:
            axis.set_title(title, fontsize=13, loc="left", pad=top - 8)
    return figure


def mistakes_by_cell(matrix: np.ndarray) -> np.ndarray:
    """Return the mistakes of a K x K confusion matrix, pooled as ``confusion_plot`` draws them."""
    return _pool(mistakes(matrix), -(-len(matrix) // MOST_CELLS))


def mistakes(matrix: np.ndarray) -> np.ndarray:
    """Return a confusion matrix with its diagonal set to 0."""
    return matrix * ~np.eye(len(matrix), dtype=bool)


def _pool(matrix: np.ndarray, group: int) -> np.ndarray:
    """Return the sums over blocks of ``group`` x ``group`` cells."""
    starts = np.arange(0, len(matrix), group)
    return np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)


def _draw_counts(axis: Axes, matrix: np.ndarray, size: float) -> None:
    """Write each count into its cell, right answers in bold; 0 is left out."""
    for row, column in zip(*np.nonzero(matrix), strict=True):
        weight = "bold" if row == column else "normal"
        write_cell(axis, column, row, str(matrix[row, column]), size, weight)
