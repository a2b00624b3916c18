"""The plot of each technique's difference to the baseline, with its 95 % interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from regbench.comparison.compare import metric_of
from regbench.comparison.looks import is_staged
from regbench.comparison.tables import seed_differences
from regbench.comparison.verdicts import UNDECIDED, VERDICTS
from regbench.evaluation.results import Results
from regbench.report.numbers import difference_text, signed, verdict_text
from regbench.report.plots.style import COLOURS, WIDE, draw_legend, in_style, row_axis


@in_style
def difference_plot(
    comparison: pd.DataFrame,
    results: Mapping[str, Results] | None = None,
    width: int = WIDE,
) -> Figure:
    """Draw each technique's difference to the baseline with its 95 % interval.

    The thick line is the interval of the paired t test, with looks the one that the verdict is read
    from, the thin one the bootstrap interval, a dot one seed. An outlier is an arrow
    at the edge; its figures stand beside it.

    Args:
        comparison: From ``compare``; its order is the order of rows, and ``attrs["band"]`` the
            band of practical equivalence in the metric's stored unit.
        results: The trainings by technique, for the dots: a training's headline minus the
            baseline's with the same seed.
        width: Width in pixels.
    """
    rows = rows_with_figures(comparison, ["difference"])
    metric = metric_of(comparison)
    factor = metric.factor
    differences = seed_differences(results or {}, metric.name)
    remarks = [f"{difference_text(row)}\u2002{verdict_text(row)}".strip() for row in rows]
    figure, axis = row_axis([str(row["technique"]) for row in rows], remarks, width)
    band = factor * float(comparison.attrs.get("band", 0))
    if band:
        axis.axvspan(-band, band, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    axis.axvline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    has_bootstrap = any(not pd.isna(row.get("bootstrap_low")) for row in rows)
    limit_low, limit_high = difference_limits(rows, band, factor)
    for height, row in enumerate(reversed(rows)):
        verdict = VERDICTS.get(str(row.get("verdict")), VERDICTS[UNDECIDED])
        colour = COLOURS[verdict.colour]
        centre = factor * row["difference"]
        if not limit_low <= centre <= limit_high:
            edge = limit_low if centre < 0 else limit_high
            axis.plot(edge, height, "<" if centre < 0 else ">", color=colour, markersize=10)
            continue
        low, high = interval_ends(row, "bootstrap", factor)
        axis.plot([low, high], [height - 0.2] * 2, color=colour, linewidth=1.2, marker="|")
        low, high = interval_ends(row, "difference", factor)
        axis.plot([low, high], [height] * 2, color=colour, linewidth=4.5, alpha=0.55)
        seeds = factor * differences.get(row["technique"], pd.Series(dtype=float))
        axis.plot(seeds, [height + 0.2] * len(seeds), "o", color=colour, markersize=3.5, alpha=0.7)
        axis.plot(
            centre,
            height,
            verdict.marker_of(higher_is_better=metric.higher_is_better),
            color=colour,
            markersize=8,
            markerfacecolor=COLOURS["surface"] if verdict.colour == "muted" else colour,
            markeredgewidth=1.6,
        )
    axis.set_xlim(limit_low, limit_high)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    side = "right" if metric.higher_is_better else "left"
    axis.set_xlabel(f"difference to the baseline in {metric.unit}; {side} is better")
    colour = COLOURS["muted"]
    label = "joint 95 % interval" if is_staged(comparison) else "95 % interval (paired t)"
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, linewidth=4.5, alpha=0.55, label=label),
    ]
    if has_bootstrap:
        line = Line2D([], [], color=colour, linewidth=1.2, marker="|")
        line.set_label("95 % bootstrap interval")
        handles.append(line)
    if differences:
        dot = Line2D([], [], color=colour, marker="o", markersize=3.5, linewidth=0)
        dot.set_label("one seed")
        handles.append(dot)
    if band:
        label = f"practically equal (±{band:g})"
        handles.append(Patch(color=COLOURS["accent"], alpha=0.16, linewidth=0, label=label))
    draw_legend(figure, handles, width)
    return figure


def rows_with_figures(comparison: pd.DataFrame, figures: list[str]) -> list[dict[Any, Any]]:
    """Return the rows of the techniques that have all the figures named."""
    if not set(figures) <= set(comparison):
        return []
    return comparison.dropna(subset=figures).to_dict("records")


def interval_ends(row: Mapping[Any, Any], interval: str, factor: float) -> tuple[float, float]:
    """Return the ends of an interval in the plot's unit; NaN without one."""
    low, high = (row.get(f"{interval}_{end}") for end in ("low", "high"))
    return (np.nan if pd.isna(low) else factor * low, np.nan if pd.isna(high) else factor * high)


def difference_limits(
    rows: Sequence[Mapping[Any, Any]], band: float, factor: float
) -> tuple[float, float]:
    """Return the ends of the x axis in the plot's unit, around all intervals but outliers'.

    Outliers are the techniques, fewer than half, whose intervals reach more than four times as far
    from zero as the next one's.
    """
    reaches = []
    for row in rows:
        ends = [
            factor * row["difference"],
            *interval_ends(row, "difference", factor),
            *interval_ends(row, "bootstrap", factor),
        ]
        reaches.append((max(abs(end) for end in ends if np.isfinite(end)), ends))
    reaches.sort(key=lambda reach: reach[0])
    kept = len(reaches)
    for place in range((len(reaches) + 1) // 2, len(reaches)):
        if reaches[place][0] > 4 * max(reaches[place - 1][0], band):
            kept = place
            break
    ends = [end for _, found in reaches[:kept] for end in found if np.isfinite(end)]
    least = factor / 1000  # of the range on either side: 0.1 points or 0.001 nats
    low, high = min([*ends, -2 * band, -least]), max([*ends, 2 * band, least])
    room = 0.05 * (high - low)
    return low - room, high + room
