"""The plots of a search: score over strength, score over budget, importance of the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from regbench.metrics.registry import METRICS
from regbench.report.plots.style import COLOURS, NARROW, WIDE, in_style, line_styles, shorten

Found = Mapping[str, Mapping[str, Any]]  # outcomes of searches, by technique

_COLUMNS, _HEIGHT = {WIDE: 4, NARROW: 2}, 176  # of strengths; a panel's height in pixels
_ROW = 36  # height of a technique's row in pixels
_ONE_TICK = 30  # a range whose ends differ by less holds too few powers of ten to read it by
_TEXT = {WIDE: 115, NARROW: 36}  # characters along the axis of importance
_IN_WORDS = {"learning_rate.factor": "learning rate", "learning_rate.schedule": "schedule"}


@in_style
def strength_plot(found: Found, width: int = WIDE) -> Figure:
    """Draw a panel per technique and searched setting: a dot per trial, its score over the value.

    The technique as it is, is marked, and so is its best trial. A trial that ended without a score
    is a cross at the lower edge, one that is far worse than most an arrow at the edge. The panels
    of a technique have the same y axis.

    Args:
        found: From ``tuning.search.outcome``, by technique.
        width: ``WIDE`` or ``NARROW``, in pixels.
    """
    panels = [(name, of) for name, outcome in found.items() for of in outcome["searched"]]
    columns = _COLUMNS[width]
    rows = max(1, -(-len(panels) // columns))
    height = rows * _HEIGHT + (50 if width == WIDE else 90)
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    limits = {name: score_limits({name: outcome}) for name, outcome in found.items()}
    for axis, (name, setting) in zip(axes, panels, strict=False):
        _draw_strength(axis, found[name], setting, limits[name])
        axis.set_title(shorten(name, 28 if width == WIDE else 18), fontsize=11, loc="left", pad=4)
        label = shorten(setting["setting"], 32 if width == WIDE else 22)
        axis.set_xlabel(label, labelpad=1, fontsize=10)
        axis.tick_params(labelsize=9, pad=2, length=2)
    if panels:
        figure.supylabel(_score_title(found), fontsize=11, color=COLOURS["muted"])
    figure.legend(
        handles=_strength_legend(), loc="outside upper left", ncols=5 if width == WIDE else 2
    )
    return figure


@in_style
def budget_plot(found: Found, width: int = WIDE) -> Figure:
    """Draw each technique's best score so far over the epochs that its trials have taken.

    Args:
        found: From ``tuning.search.outcome``, by technique.
        width: ``WIDE`` or ``NARROW``, in pixels; the names are beside the axes or below them.
    """
    is_narrow = width == NARROW
    height = 22 * len(found) + 260 if is_narrow else max(360, 22 * len(found) + 60)
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axis = figure.subplots()
    for name, style in line_styles(list(found)).items():
        if name not in found:
            continue
        spent, best = best_so_far(found[name])
        if spent.size:
            places: dict[str, Any] = {"markevery": [0, spent.size - 1], "markersize": 5}
            axis.plot(
                spent, best, drawstyle="steps-post", label=shorten(name, 30), **style, **places
            )
    axis.set_xlabel("epochs spent on the technique's trials")
    axis.set_ylabel(f"best so far: {_score_title(found)}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axis.lines:
        figure.legend(loc="outside lower left" if is_narrow else "outside right upper")
    return figure


@in_style
def importance_plot(found: Found, width: int = WIDE) -> Figure:
    """Draw a bar per technique, divided by the share of the score's variance of each setting.

    A technique whose trials are too few to tell has a line in words; a part that is too narrow for
    its name has its share alone.

    Args:
        found: From ``tuning.search.outcome``, by technique.
        width: ``WIDE`` or ``NARROW``, in pixels.
    """
    height = _ROW * max(1, len(found)) + 60
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axis = figure.subplots()
    for place, (name, outcome) in enumerate(found.items()):
        shares = outcome["importance"]
        if not shares:
            why = "too few trials to tell" if outcome["searched"] else "no setting is searched"
            axis.text(0.01, place, why, va="center", color=COLOURS["muted"], fontsize=11)
        begun = 0.0
        ordered = sorted(shares.items(), key=lambda share: -share[1])
        for number, (setting, share) in enumerate(ordered):
            colour = COLOURS["accent"]
            strength = 0.55 / (1 + number)
            edge = COLOURS["surface"]
            axis.barh(place, share, left=begun, color=colour, alpha=strength, height=0.78)
            axis.barh(place, share, left=begun, fill=False, edgecolor=edge, height=0.78)
            said, named = f"{100 * share:.0f} %", short_name(setting, name)
            if len(said) + 1 <= share * _TEXT[width]:  # a narrower part has no text
                text = f"{named}\n{said}" if len(named) <= share * _TEXT[width] else said
                middle = begun + share / 2
                axis.text(middle, place, text, ha="center", va="center", fontsize=9)
            begun += share
    most = 30 if width == WIDE else 16
    axis.set_yticks(range(len(found)), [shorten(name, most) for name in found])
    axis.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    axis.set_ylim(max(len(found), 1) - 0.4, -0.6)
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axis.grid(visible=False, axis="y")
    axis.spines[["left"]].set_visible(False)
    ranges = " over the searched ranges" if width == WIDE else ""
    axis.set_xlabel(f"share of the variance of the score{ranges} (fANOVA)")
    return figure


def best_so_far(outcome: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs spent after each trial, and the best score until then in the plot's unit.

    Trials before the first that has a score are left out.

    Returns:
        Two float64 arrays of the same length; of accuracies in %.
    """
    metric = METRICS[outcome["metric"]]
    spent, best = np.cumsum([trial["epochs"] for trial in outcome["trials"]]), []
    so_far = np.nan
    for trial in outcome["trials"]:
        score = np.nan if trial["score"] is None else metric.factor * trial["score"]
        so_far = np.fmax(so_far, score) if metric.higher_is_better else np.fmin(so_far, score)
        best.append(so_far)
    scores = np.asarray(best, dtype=float)
    has_score = ~np.isnan(scores)
    return np.asarray(spent, dtype=float)[has_score], scores[has_score]


def score_limits(found: Found) -> tuple[float, float]:
    """Return the ends of an axis of scores, in the plot's unit.

    The axis holds the best score and reaches three times as far down as to the median: a
    trial that has learned nothing would leave no room for the others.
    """
    metric = METRICS[next(iter(found.values()))["metric"]]
    gains = [
        metric.gain(metric.factor * trial["score"])
        for outcome in found.values()
        for trial in outcome["trials"]
        if trial["score"] is not None
    ]
    if not gains:
        return (0.0, 1.0)
    best, median = max(gains), float(np.median(gains))
    worst = max(min(gains), best - 3 * max(best - median, metric.factor / 1000))
    room = 0.06 * max(best - worst, metric.factor / 1000)
    low, high = sorted((metric.gain(worst - 2 * room), metric.gain(best + room)))
    return (low, high)


def _draw_strength(
    axis: Axes,
    outcome: Mapping[str, Any],
    setting: Mapping[str, Any],
    limits: tuple[float, float],
) -> None:
    """Draw a technique's trials over one setting.

    Args:
        axis: The empty panel.
        outcome: Of the technique's search.
        setting: One of its ``searched``.
        limits: Of the y axis; a score outside is an arrow at the edge.
    """
    axis.set_ylim(limits)
    factor = METRICS[outcome["metric"]].factor
    values = list(setting.get("values", ()))
    if values and setting["own"] not in values:
        values.append(setting["own"])  # a list of one's own may leave it out

    def across(value: Any) -> float:
        if values:
            return float(values.index(value))  # by value: 0 is 0.0
        return max(float(value), setting["low"]) if setting["log"] else float(value)

    own, label = across(setting["own"]), setting["setting"]
    best = outcome["best"]["point"] if outcome["best"] else None
    is_joint = "candidates" in outcome  # a trial without the setting has its regularizer off
    if not is_joint:
        axis.axvline(own, color=COLOURS["ink"], linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    for trial in outcome["trials"]:
        if is_joint and label not in trial["values"]:
            continue
        place = across(trial["values"][label]) if label in trial["values"] else own
        if trial["score"] is None:
            below = axis.get_xaxis_transform()
            axis.plot(place, 0.04, "x", color=COLOURS["worse"], markersize=5, transform=below)
            continue
        score = factor * trial["score"]
        if not limits[0] <= score <= limits[1]:
            marker, edge = ("v", limits[0]) if score < limits[0] else ("^", limits[1])
            axis.plot(place, edge, marker, color=COLOURS["worse"], markersize=6, clip_on=False)
            continue
        is_best, is_own = trial["point"] == best, not trial["point"]
        marker = "*" if is_best else "D" if is_own else "o"
        axis.plot(
            place,
            score,
            marker,
            color=COLOURS["better" if is_best else "ink" if is_own else "accent"],
            markerfacecolor=COLOURS["surface"] if is_own and not is_best else None,
            markersize=11 if is_best else 6 if is_own else 4.5,
            alpha=1 if is_best or is_own else 0.7,
            zorder=4 if is_best else 3 if is_own else 2,
        )
    if values:
        axis.set_xticks(range(len(values)), [shorten(str(value), 12) for value in values])
        axis.set_xlim(-0.5, len(values) - 0.5)
    elif setting["log"]:
        axis.set_xscale("log")
        if setting["high"] < _ONE_TICK * setting["low"]:
            middle = (setting["low"] * setting["high"]) ** 0.5
            ticks = [setting["low"], middle, setting["high"]]
            axis.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlim(setting["low"] / 1.3, setting["high"] * 1.3)
    else:
        room = 0.05 * (setting["high"] - setting["low"])
        axis.set_xlim(setting["low"] - room, setting["high"] + room)
        axis.xaxis.set_major_locator(MaxNLocator(4))


def _strength_legend() -> Sequence[Line2D]:
    ink, surface = COLOURS["ink"], COLOURS["surface"]
    return [
        Line2D([], [], linewidth=0, marker="o", color=COLOURS["accent"], label="a trial"),
        Line2D(
            *([], []),
            color=ink,
            linewidth=1,
            linestyle=(0, (4, 2)),
            marker="D",
            markerfacecolor=surface,
            label="as it was",
        ),
        Line2D(
            *([], []),
            linewidth=0,
            marker="*",
            markersize=11,
            color=COLOURS["better"],
            label="the best",
        ),
        Line2D(
            [], [], linewidth=0, marker="x", color=COLOURS["worse"], label="failed or ended early"
        ),
        Line2D([], [], linewidth=0, marker="v", color=COLOURS["worse"], label="far worse"),
    ]


def _score_title(found: Found) -> str:
    """Return what the scores are, with their unit."""
    metric = METRICS[next(iter(found.values()))["metric"]]
    return f"validation {metric.title} in {'%' if metric.factor == 100 else metric.short_unit}"


def short_name(setting: str, technique: str) -> str:
    """Return a setting's label, without the regularizer where the technique has its name."""
    return _IN_WORDS.get(setting, setting.removeprefix(f"{technique}."))
