"""The answer to a study's question in one sentence of at most ``MOST_WORDS`` words."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.comparison.compare import STALE, UNTRAINED, metric_of
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE
from regbench.doctor.deciding import is_futile
from regbench.metrics.registry import metric_named
from regbench.report.ailing import Findings, ailment, on_regularization
from regbench.report.numbers import difference_text, listed, metric_value
from regbench.report.outcome import (
    Found,
    Outcome,
    Row,
    on_these_images_only,
    outcome_of,
    seeds_of_a_verdict,
)
from regbench.report.sentences import figure_name
from regbench.report.undecided import what_it_takes

MOST_WORDS = 30
NAMED = 3  # techniques named in a list; the rest is counted


def verdict_sentence(comparison: pd.DataFrame, findings: Findings = ()) -> str:
    """Return what the study has found, in one sentence of at most ``MOST_WORDS`` words.

    It says which technique helps and by how much, or that none is needed, or what is in the way of
    an answer; others are counted by their verdicts, as far as the words go.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        findings: The doctor's on this network: where the network ails, it is what is said first.
    """
    outcome = outcome_of(comparison)
    if ail := ailment(outcome, findings):
        return within_words(on_regularization(ail), *_in_short(outcome))
    return _on_techniques(comparison, outcome)


def _on_techniques(comparison: pd.DataFrame, outcome: Outcome) -> str:
    """Return the sentence on a study whose network the doctor has nothing to say of."""
    counted: tuple[str, ...]
    match outcome.found:
        case Found.NOTHING:
            return _on_nothing(comparison)
        case Found.UNLEARNED:
            line = metric_value(comparison["largest_class"].iloc[0], outcome.metric)
            return (
                "No technique is shown to beat always answering the largest class "
                f"({figure_name(comparison)} {line}): the network has not learned, and "
                "differences mean nothing."
            )
        case Found.NO_BASELINE | Found.BASELINE_ALONE:
            return _on_one_side(comparison, outcome)
        case Found.DESCRIPTIVE:
            return _description(comparison, outcome)
        case Found.HELP:
            first, counted = _on_help(comparison, outcome), (EQUIVALENT, WORSE, UNDECIDED)
        case Found.OPEN:
            first, counted = _on_open(comparison, outcome), (EQUIVALENT, WORSE)
        case Found.NONE_SO_FAR | Found.NONE_HELPS:
            so_far = outcome.found is Found.NONE_SO_FAR
            clauses = _on_none_so_far if so_far else _on_none
            return within_words(*clauses(comparison, outcome))
    remark = ["the baseline does not beat always answering the largest class"]
    tally = [_counted(outcome, verdict) for verdict in counted]
    lacking = [f"{outcome.lacking} without a verdict"] if outcome.lacking else []
    return within_words(
        *first, *(remark if outcome.unlearned_baseline else []), *filter(None, tally), *lacking
    )


def within_words(first: str, *further: str) -> str:
    """Return the first clause and as many further ones, in order, as ``MOST_WORDS`` words hold.

    Clauses are joined by semicolons; one that is too long is left out, and shorter ones behind it
    are tried.
    """
    said = first
    for clause in further:
        if len(f"{said}; {clause}".split()) <= MOST_WORDS:
            said = f"{said}; {clause}"
    return f"{said}."


def _in_short(outcome: Outcome) -> list[str]:
    """Return the clauses on the techniques behind what ails the network."""
    decided = [*outcome.of_verdict(EQUIVALENT), *outcome.of_verdict(WORSE)]
    none_helps = f"of {len(decided)} with a verdict none helps" if decided else ""
    if len(decided) == 1:
        none_helps = f"{decided[0]['technique']} does not help"
    return [clause for clause in (none_helps, _counted(outcome, UNDECIDED)) if clause]


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


def band_text(comparison: pd.DataFrame) -> str:
    """Return the band of practical equivalence, '0.5 points'; '' if it is not known."""
    band, metric = comparison.attrs.get("band"), metric_of(comparison)
    return f"{metric.factor * band:g} {metric.short_unit}" if band else ""


def gain_text(row: Mapping[Any, Any], of_what: str = "") -> str:
    """Return by how much a technique helps, above 0 whatever the metric, and its interval.

    Args:
        row: Of the comparison.
        of_what: After the unit, such as ' of test accuracy'.
    """
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


def points_text(row: Mapping[Any, Any], of_what: str = "") -> str:
    """Return a row's difference and interval: '+1.60 points [1.20, 2.00]', or in nats."""
    difference, *interval = difference_text(row).split(" ", 1)
    return " ".join(
        [difference, f"{metric_named(row.get('metric')).short_unit}{of_what}", *interval]
    )


def _on_nothing(comparison: pd.DataFrame) -> str:
    found = [str(status) for status in dict.fromkeys(comparison["status"])]
    if set(found) <= {UNTRAINED}:
        return "Nothing is trained yet, so there is nothing to compare."
    if set(found) <= {UNTRAINED, STALE}:
        return "Nothing can be compared: all that was trained is stale."
    return f"Nothing can be compared: the techniques are {listed(found)}."


def _on_one_side(comparison: pd.DataFrame, outcome: Outcome) -> str:
    """Return what is missing: the baseline's results, or those of all other techniques."""
    figure, metric = figure_name(comparison), outcome.metric
    row = outcome.baseline or outcome.lead or {}
    value = metric_value(row[outcome.headline], metric)
    if outcome.found is Found.BASELINE_ALONE:
        return f"The baseline's {figure} is {value}; no technique has results to compare with it."
    return (
        f"No verdict: the baseline has no results to compare with; the {metric.best_word} "
        f"{figure} is that of {row['technique']}, {value}."
    )


def _description(comparison: pd.DataFrame, outcome: Outcome) -> str:
    """Return the sentence on a study with too few seeds for a verdict."""
    metric, figure, lead = outcome.metric, figure_name(comparison), outcome.lead or {}
    seeds = max(row["trainings"] - row["failed_trainings"] for row in outcome.compared)
    said = (
        f"A description, not a verdict, which takes {seeds_of_a_verdict(comparison)} seeds: "
        f"with {seeds:.0f} {'seed' if seeds == 1 else 'seeds'}, "
    )
    if metric.gain(lead["difference"]) > 0:
        return f"{said}{lead['technique']} is at {points_text(lead)} to the baseline's {figure}."
    value = metric_value((outcome.baseline or {})[outcome.headline], metric)
    return f"{said}the baseline's {figure}, {value}, is the {metric.best_word}."


def _on_help(comparison: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return the clause on what helps; the technique that is best on validation is first."""
    lead = outcome.lead or {}
    others = [row for row in outcome.of_verdict(BETTER) if row is not lead]
    said = f"{lead['technique']} helps by {gain_text(lead, f' of {figure_name(comparison)}')}"
    if on_these_images_only(lead):
        said += " on these images"
    clauses = [_failures(lead)] if lead.get("failed_trainings") else []
    if others:
        clauses.append(_others_help(others))
    return [said, *clauses]


def _others_help(others: list[Row]) -> str:
    """Return that others help, too, and how many of them are shown to on these images only."""
    shaky = sum(map(on_these_images_only, others))
    if len(others) == 1:
        said = f"{others[0]['technique']} helps, too"
        return f"{said}, shown on these images only" if shaky else said
    said = f"{len(others)} others help, too"
    if not shaky:
        return said
    return f"{said}, {shaky if shaky < len(others) else 'all'} shown on these images only"


def _failures(row: Row) -> str:
    """Return how many trainings a difference leaves out as they failed."""
    return f"{row['failed_trainings']} of its {row['trainings']} trainings failed"


def _on_open(comparison: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return the clauses on a study in which nothing is shown to help, and something undecided."""
    lead, undecided = outcome.lead or {}, outcome.of_verdict(UNDECIDED)
    if outcome.metric.gain(lead["difference"]) <= 0:
        return ["No technique is shown to help", _counted(outcome, UNDECIDED)]
    of_what = f" of {figure_name(comparison)}"
    said = (
        f"No technique is shown to help: {lead['technique']}, the {outcome.metric.best_word} of "
        f"{len(undecided)} undecided, is at {points_text(lead, of_what)}"
    )
    if len(undecided) == 1:
        said = (
            f"No technique is shown to help: {lead['technique']}, undecided, is at "
            f"{points_text(lead, of_what)}"
        )
    return [said]


def _on_none(comparison: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return the clauses on a study in which everything is decided, and nothing helps."""
    judged, worse = outcome.judged, outcome.of_verdict(WORSE)
    figure = figure_name(comparison)
    if len(worse) == len(judged):
        least = f"{worse[0]['technique']} by {_loss(worse[0], f' of {figure}')}"
        if len(worse) == 1:
            loss = _loss(worse[0], f" of {figure}")
            return [f"No technique helps: {worse[0]['technique']} makes it worse by {loss}"]
        return [f"No technique helps: all {len(judged)} make it worse, the least {least}"]
    by = _beyond_the_band(comparison)
    said = f"No technique is needed: none of {len(judged)} helps {by}"
    if len(judged) == 1:
        said = f"No technique is needed: {judged[0]['technique']} does not help {by}"
        return [said]
    tally = [_counted(outcome, verdict) for verdict in (EQUIVALENT, WORSE)]
    return [said, *filter(None, tally)]


def _on_none_so_far(comparison: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return the clauses on a study in which nothing with a verdict helps, and some lack one."""
    judged, lead = outcome.judged, outcome.lead
    none = f"none of {len(judged)} with a verdict helps"
    if len(judged) == 1:
        none = f"{judged[0]['technique']} does not help"
    said = f"Not known yet: {none} {_beyond_the_band(comparison)}"
    if len(outcome.of_verdict(WORSE)) == len(judged):
        said = f"Not known yet: {_counted(outcome, WORSE)}"
    if lead is None:
        return [said, f"{outcome.lacking} without a verdict"]
    clauses = [said, f"{lead['technique']}, without a verdict, is at {points_text(lead)}"]
    others = outcome.lacking - 1
    return [*clauses, *([f"{others} more without a verdict"] if others else [])]


def _beyond_the_band(comparison: pd.DataFrame) -> str:
    """Return 'by more than 0.5 points of test accuracy', or that in words without a band."""
    band = band_text(comparison)
    if not band:
        return "beyond the band of practical equivalence"
    return f"by more than {band} of {figure_name(comparison)}"


def _loss(row: Row, of_what: str) -> str:
    """Return by how much a technique makes it worse, above 0 whatever the metric."""
    metric = metric_named(row.get("metric"))
    mirrored = {
        "difference": -row["difference"],
        "difference_low": -row.get("difference_high", math.nan),
        "difference_high": -row.get("difference_low", math.nan),
        "metric": row.get("metric"),
    }
    size, *interval = difference_text(mirrored if metric.higher_is_better else row).split(" ", 1)
    return " ".join([size.removeprefix("+"), f"{metric.short_unit}{of_what}", *interval])


def _counted(outcome: Outcome, verdict: str) -> str:
    """Return how many techniques have a verdict, in words: '3 make no difference'; '' for none.

    A single one is named.
    """
    rows = outcome.of_verdict(verdict)
    if not rows:
        return ""
    one = len(rows) == 1
    who = str(rows[0]["technique"]) if one else str(len(rows))
    return {
        EQUIVALENT: f"{who} make{'s' if one else ''} no difference",
        WORSE: f"{who} make{'s' if one else ''} it worse",
        UNDECIDED: f"{who} {'is' if one else 'are'} undecided",
    }[verdict]
