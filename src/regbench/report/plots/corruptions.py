"""The heat map of accuracy under corruption."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from regbench.comparison.tables import corruption_table
from regbench.evaluation.results import Results
from regbench.report.plots.style import in_style, label_cells, shade_cells, shorten, write_cell
from regbench.study.schema import BASELINE


@in_style
def corruption_heatmap(results: Mapping[str, Results]) -> Figure:
    """Draw each technique's accuracy in % on clean and on corrupted images, as a heat map.

    A row per technique, a column per corruption. The darker a cell, the higher the accuracy; the
    highest of a column is bold.

    Args:
        results: The trainings by technique.
    """
    table = corruption_table(results) * 100
    names = [shorten(str(name), 28) for name in table.index]
    left = 26 + 7.4 * max((len(name) for name in names), default=0)
    headings = [str(column).replace("_", " ").replace(" ", "\n") for column in table.columns]
    top = 16 + 14 * max((heading.count("\n") + 1 for heading in headings), default=1)
    width = left + 58 * max(len(headings), 1) + 6
    height = top + 26 * max(len(names), 1) + 6
    figure = Figure(figsize=(width / 72, height / 72))
    axis = figure.add_axes(
        (left / width, 6 / height, 1 - (left + 6) / width, 1 - (top + 6) / height)
    )
    values = table.to_numpy(dtype=float)
    low, high = np.nanmin(values, initial=100), np.nanmax(values, initial=0)
    shade_cells(axis, 0.04 + 0.5 * np.nan_to_num((values - low) / max(high - low, 1e-9)), "accent")
    for column, figures in enumerate(values.T):
        best = f"{np.nanmax(figures):.1f}"
        for row, text in enumerate(f"{value:.1f}" for value in figures):
            if text != "nan":
                write_cell(axis, column, row, text, 12, "bold" if text == best else "normal")
    label_cells(axis, headings, names, size=12)
    for label, name in zip(axis.get_yticklabels(), table.index, strict=True):
        label.set_fontweight("bold" if name == BASELINE else "normal")
    return figure
