"""The pictures of a learning curve and of network sizes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from regbench.metrics.base import Metric
from regbench.metrics.registry import METRICS
from regbench.report.numbers import signed
from regbench.report.plots.style import (
    COLOURS,
    NARROW,
    WIDE,
    draw_legend,
    in_style,
    line_styles,
    shorten,
)
from regbench.scaling.outcomes import errors_of
from regbench.scaling.power_law import Curve, PowerLaw
from regbench.study.schema import BASELINE

_HEIGHT, _HEIGHT_OF_ONE = 400, 290  # pixels, of panels side by side and of each below another


@in_style
def curve_plot(curve: Mapping[str, Any], width: int = WIDE) -> Figure:
    """Draw the metric over the number of train images, and each technique's gain over it.

    Points are means over draws, bars 95 % t intervals; the dashed line is the baseline's fitted
    curve, up to twice the images.

    Args:
        curve: From ``curve.summary``.
        width: In pixels; on a narrow page the panels are one below the other.
    """
    metric = METRICS[curve["metric"]]
    names = list(dict.fromkeys(row["technique"] for row in curve["rows"]))
    figure, (left, right) = _panels(width)
    styles = line_styles(names)
    for place, name in enumerate(names):
        rows = [row for row in curve["rows"] if row["technique"] == name and _has(row, "mean")]
        moved = 1.02 ** (place - (len(names) - 1) / 2)  # bars side by side
        _line(left, rows, "images", ("mean", "low", "high"), metric.factor, styles[name], moved)
        rows = [row for row in rows if _has(row, "difference")]
        keys = ("difference", "difference_low", "difference_high")
        _line(right, rows, "images", keys, metric.factor, styles[name], moved)
    _draw_law(left, curve, metric)
    band = metric.factor * curve["band"]
    right.axhspan(-band, band, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    right.axhline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    unit = "%" if metric.factor == 100 else "nats"
    left.set_ylabel(f"{curve['judged']} {metric.title}, {unit}")
    right.set_ylabel(f"difference to the baseline, {metric.short_unit}")
    for axis in (left, right):
        _log_axis(axis, curve["sizes"], "train images")
    draw_legend(figure, _legend(names, styles, law="limit" in curve["fit"]), width)
    return figure


@in_style
def size_plot(sizes: Mapping[str, Any], width: int = WIDE) -> Figure:
    """Draw the metric over parameters and over inference time, with and without the technique.

    Points are means over draws, bars 95 % t intervals; the shaded band is that of practical
    equivalence around the baseline of the study's own network.

    Args:
        sizes: From ``networks.summary``.
        width: As of ``curve_plot``.
    """
    metric = METRICS[sizes["metric"]]
    names = list(dict.fromkeys(row["technique"] for row in sizes["rows"]))
    figure, axes = _panels(width, sharey=True)
    styles = line_styles(names)
    [reference] = [row for row in sizes["rows"] if row["is_reference"]]
    for axis, key, scale, label in (
        (axes[0], "weights", 1, "parameters"),
        (axes[1], "seconds", 1e6, "inference time of an image, µs"),
    ):
        shown: list[float] = []
        for name in names:
            rows = [
                row | {key: scale * row[key]}
                for row in sizes["rows"]
                if row["technique"] == name and _has(row, "mean") and _has(row, key)
            ]
            rows.sort(key=lambda row: float(row["weights"]))
            _line(axis, rows, key, ("mean", "low", "high"), metric.factor, styles[name])
            shown += [row[key] for row in rows]
            if name == BASELINE:
                _name_points(axis, rows, key, metric.factor)
        if _has(reference, "mean"):
            value, band = (metric.factor * each for each in (reference["mean"], sizes["band"]))
            axis.axhspan(value - band, value + band, color=COLOURS["accent"], alpha=0.16, zorder=0)
        _log_axis(axis, [], label)
        axis.margins(x=0.15)
    unit = "%" if metric.factor == 100 else "nats"
    for axis in axes if width <= NARROW else axes[:1]:
        axis.set_ylabel(f"{sizes['judged']} {metric.title}, {unit}")
    draw_legend(figure, _legend(names, styles), width)
    return figure


def _panels(width: int, *, sharey: bool = False) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of two panels, side by side on a wide page, else one below the other."""
    if width <= NARROW:
        figure = Figure(figsize=(width / 72, 2 * _HEIGHT_OF_ONE / 72), layout="constrained")
        return figure, figure.subplots(2, 1, sharey=sharey)
    figure = Figure(figsize=(width / 72, _HEIGHT / 72), layout="constrained")
    ratios = (1, 1) if sharey else (1.15, 1)
    return figure, figure.subplots(1, 2, sharey=sharey, width_ratios=ratios)


def _has(row: Mapping[str, Any], key: str) -> bool:
    return row.get(key) is not None


def _line(
    axis: Axes,
    rows: Sequence[Mapping[str, Any]],
    across: str,
    keys: tuple[str, str, str],
    factor: float,
    style: Mapping[str, Any],
    moved: float = 1.0,
) -> None:
    """Draw values with their intervals, joined by a line.

    Args:
        axis: Where.
        rows: In the order of the line.
        across: The key of the x values.
        keys: Of the value, and of the ends of its interval.
        factor: From the stored value to the axis'.
        style: Of Matplotlib's line.
        moved: Factor of the x values.
    """
    places = [moved * row[across] for row in rows]
    middle, low, high = (
        np.array([math.nan if row[key] is None else factor * row[key] for row in rows])
        for key in keys
    )
    axis.plot(places, middle, markersize=6, **style)
    axis.vlines(places, low, high, color=style["color"], linewidth=2.2, alpha=0.6)


def _draw_law(axis: Axes, curve: Mapping[str, Any], metric: Metric) -> None:
    """Draw the baseline's fitted power law, if there is one."""
    fit = curve["fit"]
    if "limit" not in fit:
        return
    law = PowerLaw(fit["limit"], fit["scale"], fit["exponent"])
    fitted = Curve(law, curve["sizes"][-1], fit["tail_exponent"])
    places = np.geomspace(curve["sizes"][0], 2 * curve["sizes"][-1], 60)
    errors = np.array([fitted.error(float(place)) for place in places])
    # A value and its error take turns by the same rule.
    values = errors_of(errors, metric)
    style: dict[str, Any] = {"color": COLOURS["muted"], "linewidth": 1.4, "linestyle": (0, (4, 3))}
    axis.plot(places, metric.factor * values, zorder=1, **style)


def _name_points(axis: Axes, rows: Sequence[Mapping[str, Any]], across: str, factor: float) -> None:
    for row in rows:
        axis.annotate(
            shorten(row["title"].rpartition(" at ")[2].removesuffix(" of its width"), 20),
            (row[across], factor * row["mean"]),
            xytext=(6, -12),
            textcoords="offset points",
            fontsize=9,
            color=COLOURS["muted"],
        )


def _log_axis(axis: Axes, ticks: Sequence[float], label: str) -> None:
    axis.set_xscale("log")
    if ticks:
        axis.set_xticks(list(ticks))
        axis.minorticks_off()
    else:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1000 else f"{value:.4g}")
    )
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(label)


def _legend(names: Sequence[str], styles: Mapping[str, Any], *, law: bool = False) -> list[Line2D]:
    handles = [Line2D([], [], label=shorten(name, 28), **styles[name]) for name in names]
    if law:
        fitted: dict[str, Any] = {"color": COLOURS["muted"], "linestyle": (0, (4, 3))}
        handles.append(Line2D([], [], label="baseline's fitted curve", **fitted))
    return handles
