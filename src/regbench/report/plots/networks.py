"""The plot of each technique's difference to the baseline on every network of a study."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regbench.comparison.compare import metric_of
from regbench.comparison.looks import is_staged
from regbench.comparison.verdicts import UNDECIDED, VERDICTS
from regbench.report.numbers import signed
from regbench.report.plots.style import COLOURS, WIDE, draw_legend, in_style, shorten

_ROW, _ABOVE = 34, 110  # heights in pixels: of a technique's row, of titles, legend and axis
_LEAST_COLUMN = 150  # width of a network's column in pixels


@in_style
def network_plot(comparison: pd.DataFrame) -> Figure:
    """Draw a row per technique and a column per network: difference, 95 % interval, verdict.

    All columns have the same x axis. Marker and colour are the verdict's; where a technique has no
    figures on a network its place is empty.

    Args:
        comparison: From ``compare``, of a study of several networks; ``attrs["band"]`` is the
            band of practical equivalence in the metric's stored unit.
    """
    metric = metric_of(comparison)
    networks = list(dict.fromkeys(comparison["network"]))
    compared = comparison if "difference" in comparison else comparison.assign(difference=np.nan)
    shown = compared.dropna(subset=["difference"])
    gains = shown["difference"].map(metric.gain).groupby(shown["technique"]).mean()
    techniques = [str(name) for name in gains.sort_values(ascending=False, kind="stable").index]
    width = max(WIDE, 160 + _LEAST_COLUMN * len(networks))
    height = _ROW * max(len(techniques), 1) + _ABOVE
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axes = figure.subplots(1, len(networks), sharex=True, sharey=True, squeeze=False)[0]
    for axis, network in zip(axes, networks, strict=True):
        rows = shown[shown["network"] == network].set_index("technique").to_dict("index")
        _draw_column(axis, rows, techniques, metric.factor * comparison.attrs.get("band", 0))
        axis.set_title(shorten(network, 28), fontsize=12, loc="left", pad=7)
        axis.xaxis.set_major_locator(MaxNLocator(4 if len(networks) > 2 else 6))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    axes[0].set_yticks(
        range(len(techniques)),
        [shorten(name, 30) for name in reversed(techniques)],
        fontsize=12,
        color=COLOURS["ink"],
    )
    axes[0].set_ylim(-0.6, max(len(techniques), 1) - 0.4)
    side = "right" if metric.higher_is_better else "left"
    figure.supxlabel(
        f"difference to the network's baseline in {metric.unit}; {side} is better",
        fontsize=11,
        color=COLOURS["muted"],
    )
    draw_legend(figure, _legend(shown), width)
    return figure


def _draw_column(
    axis: Axes, rows: dict[Any, dict[Any, Any]], techniques: list[str], band: float
) -> None:
    """Draw a network's differences.

    Args:
        axis: The empty column.
        rows: Of the comparison, by technique.
        techniques: From top to bottom.
        band: Of practical equivalence in the plot's unit; 0 for none.
    """
    if band:
        axis.axvspan(-band, band, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    axis.axvline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    for place, technique in enumerate(reversed(techniques)):
        row = rows.get(technique)
        if row is None:
            continue
        verdict = VERDICTS.get(str(row.get("verdict")), VERDICTS[UNDECIDED])
        metric = metric_of(pd.DataFrame([row]))
        colour = COLOURS[verdict.colour]
        centre, low, high = (
            metric.factor * float(row.get(figure, np.nan))
            for figure in ("difference", "difference_low", "difference_high")
        )
        axis.plot([low, high], [place] * 2, color=colour, linewidth=4.5, alpha=0.55)
        axis.plot(
            centre,
            place,
            verdict.marker_of(higher_is_better=metric.higher_is_better),
            color=colour,
            markersize=9,
            markerfacecolor=COLOURS["surface"] if verdict.colour == "muted" else colour,
            markeredgewidth=1.6,
        )
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _legend(shown: pd.DataFrame) -> list[Any]:
    """Return a handle for every verdict that is given, and one for the interval."""
    higher_is_better = shown.empty or metric_of(shown).higher_is_better
    given = set(shown.get("verdict", pd.Series(dtype=str)).dropna())
    interval = "joint 95 % interval" if is_staged(shown) else "95 % interval"
    handles = [Line2D([], [], color=COLOURS["muted"], linewidth=4.5, alpha=0.55, label=interval)]
    for name, verdict in VERDICTS.items():
        if name in given:
            colour = COLOURS[verdict.colour]
            marker = verdict.marker_of(higher_is_better=higher_is_better)
            face = COLOURS["surface"] if verdict.colour == "muted" else colour
            handle = Line2D([], [], color=colour, marker=marker, linewidth=0, markersize=9)
            handle.set_markerfacecolor(face)
            handle.set_label(name)
            handles.append(handle)
    return handles
