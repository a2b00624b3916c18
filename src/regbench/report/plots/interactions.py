"""The plot of the interaction of every pair of techniques, with its interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from regbench.comparison.compare import metric_of
from regbench.comparison.interactions import VERDICT_OF
from regbench.comparison.verdicts import VERDICTS
from regbench.report.numbers import difference_text, signed
from regbench.report.plots.differences import difference_limits, interval_ends
from regbench.report.plots.style import COLOURS, WIDE, draw_legend, in_style, row_axis

# The style of each verdict, by what it is called of interactions.
STYLES = {called: VERDICTS[verdict] for verdict, called in VERDICT_OF.items()}


@in_style
def interaction_plot(interactions: pd.DataFrame, band: float, width: int = WIDE) -> Figure:
    """Draw what each pair of techniques gains beyond the sum of what each gains alone.

    Args:
        interactions: From ``comparison.interactions``; its order is the order of rows.
        band: Of practical equivalence, in the metric's stored unit.
        width: Width in pixels.
    """
    metric = metric_of(interactions) if len(interactions) else None
    factor, unit = (metric.factor, metric.unit) if metric else (1.0, "")
    rows = interactions.to_dict("records")
    names = [pair_name(row) for row in rows]
    remarks = [f"{difference_text(row, 'interaction')}\u2002{row['verdict']}" for row in rows]
    figure, axis = row_axis(names, remarks, width)
    shaded = factor * band
    if shaded:
        axis.axvspan(-shaded, shaded, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    axis.axvline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    higher_is_better = metric is None or metric.higher_is_better
    for height, row in enumerate(reversed(rows)):
        style = STYLES[row["verdict"]]
        colour = COLOURS[style.colour]
        low, high = interval_ends(row, "interaction", factor)
        axis.plot([low, high], [height] * 2, color=colour, linewidth=4.5, alpha=0.55)
        axis.plot(
            factor * row["interaction"],
            height,
            style.marker_of(higher_is_better=higher_is_better),
            color=colour,
            markersize=8,
            markerfacecolor=COLOURS["surface"] if style.colour == "muted" else colour,
            markeredgewidth=1.6,
        )
    if rows:
        axis.set_xlim(*difference_limits([_as_difference(row) for row in rows], shaded, factor))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    side = "right" if higher_is_better else "left"
    axis.set_xlabel(f"beyond the sum of both, in {unit}; {side} is better")
    line = Line2D([], [], color=COLOURS["muted"], linewidth=4.5, alpha=0.55)
    line.set_label("95 % interval")
    handles: list[Line2D | Patch] = [line]
    if shaded:
        label = f"practically the sum (±{shaded:g})"
        handles.append(Patch(color=COLOURS["accent"], alpha=0.16, linewidth=0, label=label))
    draw_legend(figure, handles, width)
    return figure


def pair_name(row: Mapping[Any, Any]) -> str:
    """Return the name of a pair of techniques: 'dropout + zca', or 'mlp: dropout + zca'."""
    network = f"{row['network']}: " if row.get("network") else ""
    return f"{network}{row['one']} + {row['other']}"


def _as_difference(row: Mapping[Any, Any]) -> dict[str, float]:
    """Return an interaction as ``difference_limits`` takes differences."""
    ends = {f"difference_{end}": row.get(f"interaction_{end}", np.nan) for end in ("low", "high")}
    return {"difference": row["interaction"], **ends}
