"""The plot of each technique's accuracy over the runs of a history."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from regbench.history.runs_table import changes
from regbench.history.table import by_arm
from regbench.report.plots.style import COLOURS, in_style, shorten
from regbench.study.arms import on_same_network
from regbench.study.schema import BASELINE

MOST_RUNS = 60  # runs in a plot: two months of nightly runs
_PANEL = (330, 200)  # width and height of a panel in pixels
_MARGINS = (44, 34, 12, 24)  # of a panel in pixels: left, bottom, right, top
_MOST_COLUMNS = 3
_LEAST_BETWEEN_WORDS = 13  # pixels
_BELOW = 0.3  # the share of a panel's height for the words below the curves
_LEAST_SPAN = 2.0  # the least range of the axis in percentage points: noise is not magnified


@in_style
def trend_plot(history: pd.DataFrame, techniques: Sequence[str] | None = None) -> Figure:
    """Draw each technique's mean accuracy in % with its 95 % interval, over the last runs.

    A panel per technique, with the baseline in grey and the same y axis. A dashed line stands
    before a run with other data, another split, protocol, code or settings than the run before,
    with a word where there is room. A cross marks a run with failed trainings.

    Args:
        history: A history; runs with another judged part than the last run's are left out.
        techniques: Techniques to draw, on the y axis of all. Default: all, each with a title.
    """
    history = by_arm(history)
    shown = recent_runs(history)
    every = techniques_with_figures(shown)
    names = every if techniques is None else list(techniques)
    width, height = _PANEL
    left, bottom, right, top = _MARGINS
    titled = techniques is None
    above = 30 if titled else 0
    top, height = (top, height) if titled else (8, height - top + 8)
    columns = min(len(names), _MOST_COLUMNS) or 1
    rows = -(-len(names) // columns) or 1
    size = width * columns, height * rows + above
    figure = Figure(figsize=(size[0] / 72, size[1] / 72))
    places = {run: place for place, run in enumerate(dict.fromkeys(shown["run"]))}
    changed = {name: changes(history, name) for name in names}
    words = [word for of_one in changed.values() for found in of_one.values() for word in found]
    scale = _axis_limits(shown, below=_BELOW if words else 0)
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        axis = figure.add_axes(
            (
                (width * column + left) / size[0],
                (size[1] - above - height * (row + 1) + bottom) / size[1],
                (width - left - right) / size[0],
                (height - bottom - top) / size[1],
            )
        )
        _draw_panel(axis, shown, name, changed[name], places, scale)
        if titled:
            axis.set_title(shorten(name, 36), fontsize=12, loc="left", pad=7)
    if titled and names:
        figure.legend(handles=_legend(), loc="upper left", ncols=3)
    return figure


def recent_runs(history: pd.DataFrame) -> pd.DataFrame:
    """Return the last ``MOST_RUNS`` runs with the same judged part as the last run."""
    if history.empty:
        return history
    alike = history[history["part"] == history["part"].iloc[-1]]
    runs = list(dict.fromkeys(alike["run"]))[-MOST_RUNS:]
    shown: pd.DataFrame = alike[alike["run"].isin(runs)]
    return shown


def techniques_with_figures(shown: pd.DataFrame) -> list[str]:
    """Return the techniques with an accuracy in any run: the last run's first, in its order."""
    newest_first = reversed([run for _, run in shown.groupby("run", sort=False)])
    order = dict.fromkeys(name for run in newest_first for name in run["technique"])
    with_figures = set(shown.loc[shown["accuracy"].notna(), "technique"])
    return [name for name in order if name in with_figures]


def _draw_panel(
    axis: Axes,
    shown: pd.DataFrame,
    name: str,
    changed: dict[str, list[str]],
    places: dict[str, int],
    scale: tuple[float, float],
) -> None:
    """Draw one technique's panel.

    Args:
        axis: The empty panel.
        shown: The runs to draw.
        name: The technique.
        changed: By run, what was changed since the run before.
        places: The x coordinate of each run.
        scale: Ends of the y axis in %.
    """
    axis.set_xlim(-0.6, max(len(places) - 0.4, 1))
    axis.set_ylim(*scale)
    _mark_changes(axis, changed, places)
    baseline = on_same_network(name, BASELINE)
    if name != baseline:
        of_baseline = _by_place(shown, baseline, places)
        axis.plot(
            of_baseline.index, 100 * of_baseline["accuracy"], color=COLOURS["rule"], linewidth=2.4
        )
    own = _by_place(shown, name, places)
    colour = COLOURS["ink" if name == baseline else "accent"]
    low, high = (100 * own[f"accuracy_{end}"] for end in ("low", "high"))
    axis.vlines(own.index, low, high, color=colour, linewidth=1.4, alpha=0.55)
    axis.plot(own.index, 100 * own["accuracy"], color=colour, linewidth=1.4)
    good = own["failed_trainings"] == 0
    axis.plot(own.index[good], 100 * own.loc[good, "accuracy"], "o", color=colour, markersize=4.5)
    axis.plot(
        own.index[~good],
        100 * own.loc[~good, "accuracy"],
        "X",
        color=COLOURS["worse"],
        markersize=6.5,
    )
    _label_runs(axis, shown, places)
    # The room for words below the curves may reach below 0: no accuracy is there.
    ends = max(scale[0], 0.0), min(scale[1], 100.0)
    ticks = MaxNLocator(5).tick_values(*ends)
    axis.set_yticks([at for at in ticks if ends[0] <= at <= ends[1]])
    axis.grid(visible=False, axis="x")
    axis.tick_params(labelsize=10, pad=3, length=2)


def _mark_changes(axis: Axes, changed: dict[str, list[str]], places: dict[str, int]) -> None:
    """Draw a dashed line before each run that differs from the run before, and what differs."""
    left, _, right, _ = _MARGINS
    low, high = axis.get_xlim()
    pixels = (_PANEL[0] - left - right) / (high - low)
    last = -np.inf
    for run, place in places.items():
        words = changed.get(run, [])
        if not words:
            continue
        at = place - 0.5
        axis.axvline(at, color=COLOURS["series-2"], linewidth=1, linestyle=(0, (4, 2)), zorder=0)
        if (at - last) * pixels >= _LEAST_BETWEEN_WORDS:
            last = at
            axis.annotate(
                ", ".join(words),
                (at, 0),
                xycoords=("data", "axes fraction"),
                xytext=(2, 3),
                textcoords="offset points",
                rotation=90,
                ha="left",
                va="bottom",
                fontsize=9.5,
                color=COLOURS["series-2"],
            )


def _by_place(shown: pd.DataFrame, name: str, places: dict[str, int]) -> pd.DataFrame:
    """Return a technique's rows by x coordinate; NaN, drawn as a gap, where it has none."""
    own = shown[shown["technique"] == name]
    by_place = own.set_index(own["run"].map(places)).reindex(range(len(places)))
    return by_place.assign(failed_trainings=by_place["failed_trainings"].fillna(0))


def _label_runs(axis: Axes, shown: pd.DataFrame, places: dict[str, int]) -> None:
    """Label about five runs with their day, or with the time of day if all are of one day."""
    times = shown.drop_duplicates("run")["time"]
    form = "%d %b" if times.dt.date.nunique() > 1 else "%H:%M"
    step = -(-len(places) // 5) or 1
    kept: list[int] = list(range(len(places) - 1, -1, -step))[::-1]
    axis.set_xticks(kept, [times.iloc[place].strftime(form) for place in kept])


def _axis_limits(shown: pd.DataFrame, below: float) -> tuple[float, float]:
    """Return the ends of the y axis in %, around all intervals.

    Args:
        shown: The runs to draw.
        below: The share of the panel's height that stays free below the curves.
    """
    figures = shown[["accuracy", "accuracy_low", "accuracy_high"]].to_numpy(float)
    if np.isnan(figures).all():
        return 0.0, 100.0
    low, high = 100 * np.nanmin(figures), 100 * np.nanmax(figures)
    room = max(0.08 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    bottom, top = max(low - room, -1.0), min(high + room, 101.0)
    return bottom - below * (top - bottom) / (1 - below), top


def _legend() -> list[Any]:
    """Return the handles of the legend."""
    return [
        Line2D([], [], color=COLOURS["accent"], marker="o", label="accuracy, %, with interval"),
        Line2D([], [], color=COLOURS["rule"], linewidth=2.4, label="baseline"),
        Line2D(
            [], [], color=COLOURS["series-2"], linestyle=(0, (4, 2)), label="what changed before"
        ),
    ]
