"""The report's first screen: five questions and their answers, from one study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from regbench.comparison.compare import UNTRAINED
from regbench.comparison.looks import is_staged
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE
from regbench.doctor.deciding import is_affordable, is_futile
from regbench.doctor.told import price_of
from regbench.report import ailing
from regbench.report.answer import NAMED, band_text, gain_text, points_text
from regbench.report.cost_in_words import cost_in_words
from regbench.report.next_step import AND_THEN, next_step
from regbench.report.numbers import known, listed, metric_value, number_in
from regbench.report.outcome import (
    Found,
    Outcome,
    Row,
    on_these_images_only,
    outcome_of,
    seeds_of_a_verdict,
)
from regbench.report.sentences import figure_name
from regbench.study.schema import BASELINE

_UNDECIDED = "RB302"
_SAME = 0.01  # a cost that differs by less, as a share of the baseline's, is the same


@dataclass(frozen=True)
class Answered:
    """A question of the first screen and its answer."""

    question: str
    answer: str
    remark: str = ""
    command: str = ""


def answers(
    comparison: pd.DataFrame,
    command: str,
    settings: Mapping[str, Any],
    pruning: pd.DataFrame | None = None,
    best_seeds: Mapping[str, int | None] = MappingProxyType({}),
    images: Mapping[str, int] = MappingProxyType({}),
) -> list[Answered]:
    """Return which technique, by how much, whether it is real, its cost and the next step.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        command: The study's ``kedro run`` command.
        settings: The study's settings, plain values.
        pruning: From ``pruning_curves``: what can be removed is part of the cost.
        best_seeds: The seed of each technique's best network on validation.
        images: How many each split part has.
    """
    outcome = outcome_of(comparison)
    seed = best_seeds.get(str((outcome.lead or {}).get("technique")))
    step = next_step(comparison, outcome, command, settings, seed, images)
    return [
        Answered("Which technique?", *_which(comparison, outcome)),
        Answered("By how much?", *_how_much(comparison, outcome)),
        Answered("Is it real?", *_is_real(comparison, outcome)),
        Answered("What does it cost?", *cost_in_words(outcome, pruning)),
        Answered("What next?", step.what, step.remark, step.command),
    ]


def after_the_doctor(
    answered: list[Answered], findings: ailing.Findings, comparison: pd.DataFrame
) -> list[Answered]:
    """Return the answers with the doctor's next step, if the network itself is what ails.

    Where no technique helps, what ails it is also the answer to which one does.

    Args:
        answered: From ``answers``.
        findings: The doctor's, from ``examine``, the most important first.
        comparison: That the answers are of.
    """
    if not findings or findings[0]["code"] not in ailing.OF_THE_NETWORK:
        return answered
    first = findings[0]
    which, how_much, is_real, cost, following = answered
    outcome = outcome_of(comparison)
    if ailing.ailment(outcome, findings):
        learned = first["code"] not in ailing.NOT_LEARNED
        which = replace(
            which,
            answer="none is needed" if learned else "none can be named",
            remark=f"regularization is not the remedy: {ailing.told(first)}",
        )
        if not learned and outcome.found is Found.NONE_HELPS:
            until = "not known before the network has learned enough"
            how_much = replace(
                how_much,
                answer=until,
                remark=f"as it is now, {how_much.answer}; {how_much.remark}",
            )
            remark = f"of the network as it is now, {_counts(outcome)}"
            is_real = replace(is_real, answer=until, remark=remark)
    others = [which, how_much, is_real, cost]
    step = first["action"]
    if first["network"]:
        step += f" (network {first['network']})"
    gone = f"if the report of this trial does not say {first['code']} again"
    remark = f"{price_of(first)}; {gone}, {AND_THEN}"
    return [*others, Answered(following.question, step, remark, first["command"])]


def beside_the_answers(
    findings: Sequence[Mapping[str, Any]], answered: list[Answered], comparison: pd.DataFrame
) -> list[Mapping[str, Any]]:
    """Return the doctor's findings without what the answers above them say.

    That techniques are undecided and what would decide them is left out where the answers are about
    that; a command that is the answers' next step stands there alone.
    """
    is_open = outcome_of(comparison).found is Found.OPEN
    following = answered[-1].command
    return [
        {**finding, "command": "" if finding["command"] == following else finding["command"]}
        for finding in findings
        if not (is_open and finding["code"] == _UNDECIDED and not finding["network"])
    ]


def answers_on_networks(of_networks: Mapping[str, list[Answered]]) -> list[Answered]:
    """Return the answers of several networks, those to one question together.

    Args:
        of_networks: From ``answers``, by network.
    """
    joined = []
    for same in zip(*of_networks.values(), strict=True):
        on_each = [(one.answer, network) for one, network in zip(same, of_networks, strict=True)]
        texts = list(dict.fromkeys(text for text, _ in on_each))
        if len(texts) == 1:
            answer = texts[0]
        else:
            answer = "; ".join(f"{network}: {text}" for text, network in on_each)
        first = next((one for one in same if one.command), same[0])
        joined.append(Answered(same[0].question, answer, "", first.command))
    return joined


def _which(comparison: pd.DataFrame, outcome: Outcome) -> tuple[str, str]:
    match outcome.found:
        case Found.HELP:
            better = outcome.of_verdict(BETTER)
            several = len(outcome.judged) > 1
            remark = f"of {len(outcome.judged)} compared, the only one that helps"
            remark = remark if several else "the only one compared"
            if len(better) > 1:
                others = [str(row["technique"]) for row in better if row is not outcome.lead]
                remark = f"best on validation of {len(better)} that help; {listed(others, NAMED)} "
                remark += "helps, too" if len(others) == 1 else "help, too"
                shaky = [row for row in better if on_these_images_only(row)]
                shaky = [row for row in shaky if row is not outcome.lead]
                if shaky:
                    remark += ", shown on these images only" if len(others) == 1 else ""
                if shaky and len(others) > 1:
                    named = listed([str(row["technique"]) for row in shaky], NAMED)
                    remark += f", {named} shown on these images only"
            return str((outcome.lead or {})["technique"]), remark
        case Found.NONE_HELPS | Found.NONE_SO_FAR:
            return _which_of_none(comparison, outcome)
        case Found.OPEN:
            names = [str(row["technique"]) for row in outcome.of_verdict(UNDECIDED)]
            shown = "it is shown" if len(names) == 1 else "one of them is shown"
            remark = f"undecided: {listed(names, NAMED)}; use the baseline until {shown} to help"
            return "none is shown to help", remark
        case Found.DESCRIPTIVE:
            needed = seeds_of_a_verdict(comparison)
            return "not known yet", f"that takes {needed} seeds of each technique"
        case Found.UNLEARNED:
            return "none can be named", "the network has not learned"
        case _:
            return "not known yet", "there is nothing to compare"


def _which_of_none(comparison: pd.DataFrame, outcome: Outcome) -> tuple[str, str]:
    """Return that none is needed, or that it is not known while some that were tried lack one."""
    if outcome.found is Found.NONE_HELPS:
        return "none is needed", f"of {len(outcome.judged)} compared none helps"
    without = listed(_without_verdict(comparison, outcome), NAMED)
    remark = f"of {len(outcome.judged)} with a verdict none helps; without one: {without}"
    return "not known yet", f"{remark}; use the baseline until then"


def _without_verdict(comparison: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return the techniques that were tried and have no verdict."""
    judged = {row["technique"] for row in outcome.judged}
    status = comparison.get("status", pd.Series("", comparison.index))
    tried = comparison.loc[status != UNTRAINED, "technique"]
    return [str(name) for name in tried if name not in {*judged, BASELINE}]


def _counts(outcome: Outcome) -> str:
    """Return how many are equivalent and worse: '2 equivalent and 1 worse after 5 seeds'."""
    counts = [
        f"{len(rows)} {word}" for word in (EQUIVALENT, WORSE) if (rows := outcome.of_verdict(word))
    ]
    return f"{' and '.join(counts)} after {_seeds_of(outcome.judged)}"


def _how_much(comparison: pd.DataFrame, outcome: Outcome) -> tuple[str, str]:
    figure, metric, headline = figure_name(comparison), outcome.metric, outcome.headline

    def value(row: Row | None) -> str:
        return metric_value(row[headline], metric) if row else "none yet"

    baseline = f"baseline's {figure}: {value(outcome.baseline)}"
    match outcome.found:
        case Found.HELP:
            lead = outcome.lead or {}
            of_both = f"{figure} {value(lead)}, the baseline's {value(outcome.baseline)}"
            return gain_text(lead), f"{_brackets(comparison)}; {of_both}"
        case Found.NONE_HELPS:
            band = band_text(comparison)
            most = outcome.judged[0]
            nearest = f"the most by {most['technique']}: {points_text(most)}; {baseline}"
            if metric.gain(most["difference"]) <= 0:
                nearest = f"{baseline}, the {metric.best_word}"
            return (f"by no more than {band}" if band else "by nothing that matters"), nearest
        case Found.OPEN:
            lead = outcome.lead or {}
            said = f"{lead['technique']}, the {metric.best_word} of the undecided"
            return points_text(lead), f"{said}; {_brackets(comparison)}; {baseline}"
        case Found.UNLEARNED:
            line = metric_value(comparison["largest_class"].iloc[0], metric)
            return "nothing to compare", f"{baseline}; always the largest class: {line}"
        case _:
            so_far = _so_far(outcome)
            brackets = _brackets(comparison) if so_far else ""
            return "not known", "; ".join(filter(None, [so_far, brackets, baseline]))


def _so_far(outcome: Outcome) -> str:
    """Return where the highest of those without a verdict is; '' if there is none."""
    if outcome.found not in (Found.DESCRIPTIVE, Found.NONE_SO_FAR) or not outcome.lead:
        return ""
    of_all = " of those without a verdict" if outcome.found is Found.NONE_SO_FAR else ""
    best = f"{outcome.lead['technique']}, the {outcome.metric.best_word}{of_all}"
    return (
        f"so far {best}, {points_text(outcome.lead)}, with {_seeds_of([outcome.lead])}, too few "
        "for a verdict"
    )


def _is_real(comparison: pd.DataFrame, outcome: Outcome) -> tuple[str, str]:
    lead = outcome.lead or {}
    match outcome.found:
        case Found.HELP:
            return _help_is_real(lead)
        case Found.NONE_HELPS | Found.NONE_SO_FAR:
            return _none_is_real(comparison, outcome)
        case Found.OPEN:
            remark = f"{_pairs(lead)}; {_why_open(lead, comparison)}: it may help or not"
            if is_futile(lead):
                later = "by the study's last look a verdict is unlikely"
                never = "no affordable number of seeds is likely to decide it"
                remark += f"; {later if is_affordable(lead) else never}"
            return "not shown", remark
        case Found.DESCRIPTIVE:
            return "not known", "too few seeds for any test"
        case Found.UNLEARNED:
            return "nothing to judge", "differences between networks that have not learned are luck"
        case _:
            return "not known", "a verdict takes the baseline and a technique"


def _help_is_real(lead: Row) -> tuple[str, str]:
    """Return whether what helps holds for these images alone, and what that rests on."""
    remark = f"{_pairs(lead)}; the interval leaves out 0"
    p = number_in(lead, "p_adjusted")
    if p is not None:
        p_text = "< 0.001" if p < 0.001 else f"= {p:.3f}"
        remark = f"{_pairs(lead)}; p {p_text}, corrected for all techniques"
    only_here = on_these_images_only(lead)
    if known(lead.get("verdict_over_images")):
        remark += "; the interval that also allows for the luck of the test images "
        remark += (
            "holds 0: not shown for other images"
            if only_here
            else "does, too: it should hold for other images from the same source"
        )
    if lead.get("failed_trainings"):
        of = f"{lead['failed_trainings']} of {lead['trainings']}"
        remark += f"; {of} trainings failed, and are left out"
    return "yes, on these images" if only_here else "yes", remark


def _none_is_real(comparison: pd.DataFrame, outcome: Outcome) -> tuple[str, str]:
    """Return whether it is sure that none helps, or which lack a verdict."""
    if outcome.found is Found.NONE_SO_FAR:
        lacking = _without_verdict(comparison, outcome)
        takes = f"a verdict, which takes {seeds_of_a_verdict(comparison)} seeds"
        lack = f"{listed(lacking, NAMED)} lack{'s' if len(lacking) == 1 else ''} {takes}"
        return "not known", f"{lack}; of the others {_counts(outcome)}"
    risk = "the risk of any wrong verdict is at most 5\u00a0%"
    if not is_staged(comparison) and all(map(outcome.of_verdict, (EQUIVALENT, WORSE))):
        risk = f"{risk} of 'equivalent', and as much of 'worse'"  # two families of tests
    return "yes", f"{_counts(outcome)}; {risk}"


def _why_open(row: Row, comparison: pd.DataFrame) -> str:
    """Return what in an undecided technique's interval leaves the verdict open."""
    low, high = (number_in(row, f"difference_{end}") for end in ("low", "high"))
    if low is None or high is None:
        return "there is no interval"
    band = comparison.attrs.get("band")
    beyond = band is not None and (low < -band or high > band)
    found = [
        *(["holds 0"] if low <= 0 <= high else []),
        *([f"reaches beyond the band of ±{band_text(comparison)}"] if beyond else []),
    ]
    if not found:
        return "corrected for the number of techniques, no test shows it"
    return f"the 95\u00a0% interval {' and '.join(found)}"


def _brackets(comparison: pd.DataFrame) -> str:
    """Return what the numbers in brackets are."""
    corrected = "corrected for all techniques and looks"
    if not is_staged(comparison):
        corrected = "not corrected for other techniques"
    return f"in brackets the 95\u00a0% interval, {corrected}"


def _seeds_of(rows: list[Row]) -> str:
    """Return how many seeds verdicts rest on: '5 seeds', '5 to 20 seeds'."""
    pairs = [number_in(row, "pairs") for row in rows]
    known_ones = [int(number) for number in pairs if number is not None]
    if not known_ones:
        known_ones = [int(row["trainings"] - row["failed_trainings"]) for row in rows]
    least, most = min(known_ones), max(known_ones)
    return f"{least} seeds" if least == most else f"{least} to {most} seeds"


def _pairs(row: Row) -> str:
    """Return how many seeds a verdict rests on: '8 seeds, each trained with and without l2'."""
    pairs = number_in(row, "pairs")
    finished = row["trainings"] - row["failed_trainings"]
    seeds = int(finished if pairs is None else pairs)
    return f"{seeds} seeds, each trained with and without {row['technique']}"
