"""The answer to a study's question in one sentence: what helps, by how much, and what does not."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.compare import UNTRAINED, headline_of, metric_of
from regbench.comparison.statistics import MIN_SEEDS
from regbench.comparison.verdicts import BETTER, EQUIVALENT, JUDGED, UNDECIDED, WORSE
from regbench.metrics.registry import metric_named
from regbench.report.numbers import difference_text, listed, metric_value, percent, signed
from regbench.report.sentences import figure_name, largest_class_sentence
from regbench.report.undecided import is_futile, what_it_takes
from regbench.study.schema import BASELINE

AFFORDABLE_LOSS = 0.005  # accuracy, a share of 1: weights 'can be removed' if pruning costs no more
_MOSTLY_ZERO = 0.5  # the share of near-zero weights from which a sentence names it
NAMED = 3  # techniques named in a list; the rest is counted


def verdict_sentence(comparison: pd.DataFrame, pruning: pd.DataFrame | None = None) -> str:
    """Return the verdict on all techniques in one sentence.

    Where no technique, or not the baseline, beats always answering the largest class, a sentence
    before it says so. It names the techniques that help, with their differences, names or counts
    those that are worse or equivalent, and says what undecided ones would take. Without enough
    seeds for a verdict it describes; without a trained baseline it says what is missing.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        pruning: From ``pruning_curves``. With it, the sentence says which techniques' weights
            can be set to zero at a loss of at most ``AFFORDABLE_LOSS``, if more than the
            baseline's.
    """
    remark = largest_class_sentence(comparison)
    return f"{remark} {_verdict_sentence(comparison, pruning)}".strip()


def _verdict_sentence(comparison: pd.DataFrame, pruning: pd.DataFrame | None) -> str:
    headline, metric = headline_of(comparison), metric_of(comparison)
    figure = figure_name(comparison)
    if headline not in comparison or comparison[headline].isna().all():
        found = dict.fromkeys(comparison["status"])
        if set(found) <= {UNTRAINED}:
            return "Nothing is trained yet, so there is nothing to compare."
        return f"Nothing can be compared: the techniques are {listed(list(found))}."
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    names = [row["technique"] for row in trained]
    best = max((row[headline] for row in trained), key=metric.gain)
    leaders = listed([row["technique"] for row in trained if row[headline] == best])
    if BASELINE not in names:
        return (
            f"No verdict: the baseline has no results to compare with; the {metric.best_word} "
            f"{figure} is that of {leaders}, {metric_value(best, metric)}."
        )
    rows = [row for row in trained if pd.notna(row.get("difference"))]
    if not rows:
        baseline = trained[names.index(BASELINE)][headline]
        return (
            f"The baseline's {figure} is {metric_value(baseline, metric)}; no technique has "
            "results to compare with it."
        )
    rows.sort(key=lambda row: -metric.gain(row["difference"]))
    gains, shared_gain = _size_gains(comparison, pruning)
    judged = [row for row in rows if row.get("verdict") in JUDGED]
    if not judged:
        baseline = trained[names.index(BASELINE)][headline]
        return f"{'; '.join([*_descriptive_clauses(rows, gains, figure, baseline), *shared_gain])}."
    clauses = _better_clauses(judged, gains, comparison)
    for verdict, clause in (
        (WORSE, _worse_clause),
        (EQUIVALENT, _equivalent_clause),
        (UNDECIDED, _undecided_clause),
    ):
        of_verdict = [row for row in judged if row["verdict"] == verdict]
        if verdict == WORSE and len(of_verdict) == len(judged):
            continue  # said at the beginning
        clauses += [
            f"{clause([row], comparison)}, but {gains[row['technique']]}"
            for row in of_verdict
            if row["technique"] in gains
        ]
        rest = [row for row in of_verdict if row["technique"] not in gains]
        clauses += [clause(rest, comparison)] if rest else []
    if len(judged) < len(rows):
        clauses.append(f"too few seeds to judge {_names([r for r in rows if r not in judged])}")
    return f"{'; '.join([*clauses, *shared_gain])}."


def _better_clauses(
    judged: list[dict[Any, Any]], gains: Mapping[str, str], comparison: pd.DataFrame
) -> list[str]:
    """Return the clauses on techniques that help, or that there are none.

    "No technique" and "every technique" are about those with a verdict, and say so where others
    are not trained, have failed or have too few seeds.
    """
    better = [row for row in judged if row["verdict"] == BETTER]
    if better:
        of_what = f" of {figure_name(comparison)}"
        clauses = [
            f"{row['technique']} helps by {_gained(row, '' if place else of_what)}"
            f"{_failure_remark(row)}{_appended(gains.get(row['technique']))}"
            for place, row in enumerate(better[:NAMED])
        ]
        more = len(better) - NAMED
        return [*clauses, f"{more} more help{'s' if more == 1 else ''}"] if more > 0 else clauses
    compared = int((comparison["technique"] != BASELINE).sum())
    those = "technique" if len(judged) == compared else "technique with a verdict"
    if all(row["verdict"] == WORSE for row in judged):
        differences = [f"{row['technique']} {_points(row)}" for row in judged]
        return [f"Every {those} is worse than the baseline: {listed(differences, NAMED)}"]
    band = _band(comparison)
    if band and all(row["verdict"] != UNDECIDED for row in judged):
        return [f"No {those} helps by more than {band}"]
    clause = "No technique is shown to help"
    metric = metric_of(comparison)
    if judged[0]["verdict"] == UNDECIDED and metric.gain(judged[0]["difference"]) > 0:
        clause += f" (the {metric.best_word}: {', '.join(_highest(judged))})"
    return [clause]


def _worse_clause(rows: list[dict[Any, Any]], comparison: pd.DataFrame) -> str:
    """Return 'zca makes it worse by 5.00 points'; of several the range, the worst named first."""
    metric = metric_of(comparison)
    losses = [-metric.factor * metric.gain(row["difference"]) for row in rows]
    least, most = (f"{loss:.{metric.digits}f}" for loss in (min(losses), max(losses)))
    by = least if least == most else f"{least} to {most}"
    return f"{_names(rows[::-1])} make{_s(rows)} it worse by {by} {metric.short_unit}"


def _equivalent_clause(rows: list[dict[Any, Any]], comparison: pd.DataFrame) -> str:
    """Return 'l1 and l2 make no difference of more than 0.5 points'."""
    band = _band(comparison)
    if not band:
        return f"{_names(rows)} make{_s(rows)} practically no difference"
    return f"{_names(rows)} make{_s(rows)} no difference of more than {band}"


def _undecided_clause(rows: list[dict[Any, Any]], comparison: pd.DataFrame) -> str:
    """Return who is undecided, and what each would take; first who takes least."""
    return f"undecided: {listed(undecided_with_needs(rows, comparison), NAMED)}"


def undecided_with_needs(rows: list[dict[Any, Any]], comparison: pd.DataFrame) -> list[str]:
    """Return 'l2 (12 more seeds, about 3 minutes)' of each undecided row, in order of the seeds."""

    def turn(row: Mapping[Any, Any]) -> tuple[bool, float]:
        further = row.get("further_seeds")
        return is_futile(row), math.inf if further is None or pd.isna(further) else further

    found = []
    for row in sorted(rows, key=turn):
        takes = what_it_takes(row, comparison)
        found.append(f"{row['technique']} ({takes})" if takes else str(row["technique"]))
    return found


def _band(comparison: pd.DataFrame) -> str:
    """Return the band of practical equivalence, '0.5 points'; '' if it is not known."""
    band, metric = comparison.attrs.get("band"), metric_of(comparison)
    return f"{metric.factor * band:g} {metric.short_unit}" if band else ""


def _gained(row: Mapping[Any, Any], of_what: str) -> str:
    """Return by how much a technique helps, above 0 whatever the metric, and its interval."""
    metric = metric_named(row.get("metric"))
    sides = ("low", "high") if metric.higher_is_better else ("high", "low")
    gained = {
        "difference": metric.gain(row["difference"]),
        **{
            f"difference_{end}": metric.gain(row.get(f"difference_{side}", math.nan))
            for end, side in zip(("low", "high"), sides, strict=True)
        },
        "metric": row.get("metric"),
    }
    size, *interval = difference_text(gained).removeprefix("+").split(" ", 1)
    return " ".join([size, f"{metric.short_unit}{of_what}", *interval])


def _s(rows: list[dict[Any, Any]]) -> str:
    """Return the ending of a verb: 's' for a single technique."""
    return "s" if len(rows) == 1 else ""


def _descriptive_clauses(
    rows: list[dict[Any, Any]], gains: Mapping[str, str], figure: str, baseline: float
) -> list[str]:
    """Return the clauses for a study with too few seeds for a verdict."""
    seeds = int(max(row["trainings"] - row["failed_trainings"] for row in rows))
    clause = (
        f"A description, not a verdict: {seeds} seed{'s' if seeds > 1 else ''}, "
        f"and a verdict takes {MIN_SEEDS}; "
    )
    metric = metric_named(rows[0].get("metric"))
    if metric.gain(rows[0]["difference"]) > 0:
        names, figures = _highest(rows)
        clause += f"the {metric.best_word} {figure} is that of {names}, {figures} on the baseline"
    else:
        value = metric_value(baseline, metric)
        clause += f"the baseline's {figure}, {value}, is the {metric.best_word}"
    return [clause, *(f"{name}: {gain}" for name, gain in gains.items())]


def _size_gains(
    comparison: pd.DataFrame, pruning: pd.DataFrame | None
) -> tuple[dict[str, str], list[str]]:
    """Return how many weights can go, in words: by technique, and a clause on several at once.

    Only the techniques with the largest share are included, and only if it is larger than the
    baseline's. Several that can lose the same share are one clause, or the sentence would say the
    same of each. Without pruning curves it is the share of near-zero weights.
    """
    if pruning is not None and BASELINE in pruning.index:
        can_go = {str(name): _removable(curve) for name, curve in pruning.iterrows()}
        most = max(share for share, _ in can_go.values())
        baselines, _ = can_go[BASELINE]
        changes = {name: change for name, (share, change) in can_go.items() if share == most}
        if most == baselines:
            return {}, []
        end = f"of the baseline's only {percent(baselines, 0)}"
        if len(changes) > 1:
            low, high = signed(min(changes.values())), signed(max(changes.values()))
            return {}, [
                f"{percent(most, 0)} of the weights of {listed(list(changes), NAMED)} can be "
                f"removed, which changes accuracy by {low if low == high else f'{low} to {high}'} "
                f"points, {end}"
            ]
        return {
            name: f"{percent(most, 0)} of its weights can be removed, which changes its accuracy "
            f"by {signed(change)} points, {end}"
            for name, change in changes.items()
        }, []
    if "near_zero_share" not in comparison:
        return {}, []
    shares = dict(zip(comparison["technique"], comparison["near_zero_share"], strict=True))
    most = max(shares.values(), key=lambda share: -1 if pd.isna(share) else share)
    return {
        name: f"{percent(share, 0)} of its weights are nearly zero"
        for name, share in shares.items()
        if share == most > max(shares.get(BASELINE, 0), _MOSTLY_ZERO)
    }, []


def _removable(curve: pd.Series) -> tuple[float, float]:
    """Return the largest share pruned at an affordable loss, and its accuracy change in points."""
    shares, accuracies = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    affordable = np.logical_and.accumulate(accuracies >= accuracies[0] - AFFORDABLE_LOSS)
    last = max(int(affordable.sum()) - 1, 0)
    return float(shares[last]), float(100 * (accuracies[last] - accuracies[0]))


def _failure_remark(row: Mapping[Any, Any]) -> str:
    """Return a remark if trainings failed: the difference leaves out the worst ones; else ''."""
    if not row.get("failed_trainings"):
        return ""
    failed = f"{row['failed_trainings']} of {row['trainings']}"
    return f" among the trainings that did not fail ({failed} did)"


def _highest(rows: list[dict[Any, Any]]) -> tuple[str, str]:
    """Return names and difference of the first row and of those that round to the same."""
    first = rows[0]
    if len(same := [row for row in rows if _points(row) == _points(first)]) == 1:
        return str(first["technique"]), _points(first)
    return listed([row["technique"] for row in same]), f"{_points(first)} each"


def _points(row: Mapping[Any, Any]) -> str:
    """Return a row's difference and interval: '+1.60 points [1.20, 2.00]', or in nats."""
    difference, *interval = difference_text(row).split(" ", 1)
    return " ".join([difference, metric_named(row.get("metric")).short_unit, *interval])


def _appended(gain: str | None) -> str:
    """Return a clause to append, or ''."""
    return f", and {gain}" if gain else ""


def _names(rows: list[dict[Any, Any]]) -> str:
    """Return the techniques of rows as a list; beyond ``NAMED`` they are counted."""
    return listed([row["technique"] for row in rows], NAMED)
