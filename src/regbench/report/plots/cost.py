"""The plot of each technique's difference to the baseline over what its training costs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regbench.comparison.compare import metric_of
from regbench.comparison.looks import is_staged
from regbench.comparison.verdicts import BETTER, UNDECIDED, VERDICTS
from regbench.report.numbers import signed
from regbench.report.plots.differences import difference_limits, interval_ends, rows_with_figures
from regbench.report.plots.style import (
    COLOURS,
    NARROW,
    WIDE,
    draw_legend,
    in_style,
    shorten,
    spread_labels,
)
from regbench.study.schema import BASELINE

HEIGHT = 420  # pixels
_MOST_NAMED = 12  # beyond it only the efficient and the better ones are named


@in_style
def cost_plot(comparison: pd.DataFrame, width: int = WIDE) -> Figure:
    """Draw each technique's difference over its training time, as a multiple of the baseline's.

    A dashed line joins the techniques that no other beats in both. A difference far outside of the
    others is an arrow at the edge.

    Args:
        comparison: From ``compare``, of one network; ``attrs["band"]`` is the band of practical
            equivalence in the metric's stored unit.
        width: Width in pixels.
    """
    metric, narrow = metric_of(comparison), width <= NARROW
    points = costs(comparison)
    figure = Figure(figsize=(width / 72, HEIGHT / 72), layout="constrained")
    axis = figure.subplots()
    band = metric.factor * float(comparison.attrs.get("band", 0))
    low, high = difference_limits(
        [row for row in points if "difference" in row], band, metric.factor
    )
    if band:
        axis.axhspan(-band, band, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    axis.axhline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    heights = [float(np.clip(metric.factor * row["difference"], low, high)) for row in points]
    for row, height in zip(points, heights, strict=True):
        _draw_point(axis, row, height, (low, high), comparison)
    efficient = _efficient(points, higher_is_better=metric.higher_is_better)
    axis.plot(
        [row["ratio"] for row in efficient],
        [np.clip(metric.factor * row["difference"], low, high) for row in efficient],
        color=COLOURS["muted"],
        linewidth=1,
        linestyle=(0, (4, 3)),
        zorder=2,
    )
    ratios = [row["ratio"] for row in points] or [1.0]
    room = max(0.06, 0.08 * (max(ratios) - min(ratios)))
    names = 0.5 if narrow else 0.28  # room for names, as a share of the axis
    span = max(ratios) - min(ratios) + 2 * room
    axis.set_xlim(min(ratios) - room, max(ratios) + room + span * names / (1 - names))
    axis.set_ylim(low, high)
    named = points
    if len(points) > _MOST_NAMED:
        kept = [row for row in points if row in efficient or row.get("verdict") == BETTER]
        named = [row for row in points if row in kept[:_MOST_NAMED] or row["technique"] == BASELINE]
    _name(axis, named, heights=[heights[points.index(row)] for row in named], narrow=narrow)
    axis.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    axis.set_xlabel("training time, as a multiple of the baseline's")
    better = "up" if metric.higher_is_better else "down"
    axis.set_ylabel(f"difference in {metric.short_unit}; {better} is better")
    draw_legend(figure, _legend(points, comparison, band), width)
    return figure


def costs(comparison: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the rows with a difference, and the baseline's, with ``ratio``.

    That is their training time as a multiple of the baseline's. Empty if nothing can be compared.
    """
    baseline = comparison[comparison["technique"] == BASELINE]
    rows = rows_with_figures(comparison, ["difference", "seconds"])
    if not rows or "seconds" not in baseline or not baseline["seconds"].gt(0).any():
        return []
    reference = float(baseline["seconds"].iloc[0])
    rows = [{**row, "ratio": float(row["seconds"]) / reference} for row in rows]
    return [{"technique": BASELINE, "difference": 0.0, "ratio": 1.0}, *rows]


def _draw_point(
    axis: Axes,
    row: dict[Any, Any],
    height: float,
    limits: tuple[float, float],
    comparison: pd.DataFrame,
) -> None:
    """Draw a technique's marker and interval; an arrow at the edge for one that lies outside."""
    metric = metric_of(comparison)
    if row["technique"] == BASELINE:
        axis.plot(row["ratio"], height, "P", color=COLOURS["ink"], markersize=9, zorder=4)
        return
    verdict = VERDICTS.get(str(row.get("verdict")), VERDICTS[UNDECIDED])
    colour = COLOURS[verdict.colour]
    true_height = metric.factor * row["difference"]
    if true_height != height:
        marker = "v" if true_height < height else "^"
        inside = height + (0.02 if marker == "v" else -0.02) * (limits[1] - limits[0])
        axis.plot(row["ratio"], inside, marker, color=colour, markersize=10, zorder=4)
        return
    ends = interval_ends(row, "difference", metric.factor)
    axis.plot([row["ratio"]] * 2, ends, color=colour, linewidth=3, alpha=0.45, zorder=3)
    axis.plot(
        row["ratio"],
        height,
        _MARKERS[verdict.marker],
        color=colour,
        markersize=9,
        markerfacecolor=COLOURS["surface"] if verdict.colour == "muted" else colour,
        markeredgewidth=1.6,
        zorder=4,
    )


# An arrow points up for better and down for worse, whatever the metric.
_MARKERS = {">": "^", "<": "v", "s": "s", "o": "o", "D": "D"}


def _efficient(points: list[dict[Any, Any]], *, higher_is_better: bool) -> list[dict[Any, Any]]:
    """Return the rows that no other row beats in both difference and time, the cheapest first."""
    sign = 1 if higher_is_better else -1
    best, kept = -np.inf, []
    for row in sorted(points, key=lambda of: (of["ratio"], -sign * of["difference"])):
        if sign * row["difference"] > best:
            best = sign * row["difference"]
            kept.append(row)
    return kept


def _name(axis: Axes, rows: list[dict[Any, Any]], *, heights: list[float], narrow: bool) -> None:
    """Write the names on the right, in the order of the heights, a thin line to each marker."""
    if not rows:
        return
    low, high = axis.get_ylim()
    least = (high - low) * (0.062 if narrow else 0.055)
    labels = spread_labels(np.asarray(heights), least, low + least / 2, high - least / 2)
    right = axis.get_xlim()[1]
    left = max(row["ratio"] for row in rows)
    place = left + (right - left) * 0.18
    for row, height, label in zip(rows, heights, labels, strict=True):
        axis.plot(
            [row["ratio"], place],
            [height, label],
            color=COLOURS["muted"],
            linewidth=0.6,
            alpha=0.6,
            zorder=1.5,
        )
        axis.text(
            place,
            label,
            f" {shorten(str(row['technique']), 18 if narrow else 28)}",
            va="center",
            ha="left",
            fontsize=10 if narrow else 11,
            fontweight="bold" if row["technique"] == BASELINE else "normal",
        )


def _legend(
    points: list[dict[Any, Any]], comparison: pd.DataFrame, band: float
) -> list[Line2D | Patch]:
    """Return a handle for every verdict that is given, one for the interval and the band."""
    label = "joint 95 % interval" if is_staged(comparison) else "95 % interval"
    muted = COLOURS["muted"]
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=muted, linewidth=3, alpha=0.45, label=label)
    ]
    given = {row.get("verdict") for row in points}
    for name, verdict in VERDICTS.items():
        if name in given:
            colour = COLOURS[verdict.colour]
            handle = Line2D([], [], color=colour, linewidth=0, markersize=9)
            handle.set_marker(_MARKERS[verdict.marker])
            handle.set_markerfacecolor(COLOURS["surface"] if colour == muted else colour)
            handle.set_label(name)
            handles.append(handle)
    if band:
        handles.append(
            Patch(
                color=COLOURS["accent"],
                alpha=0.16,
                linewidth=0,
                label=f"practically equal (±{band:g})",
            )
        )
    return handles
