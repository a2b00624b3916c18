"""The recommendation in words: one sentence, one entry of YAML, and how it was found."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.metrics.registry import metric_named
from regbench.report.answer import points_text
from regbench.report.numbers import listed
from regbench.study.schema import BASELINE

_MOST = 3  # names that the sentence lists
_STEPS = {
    "first": "alone, against the baseline",
    "add": "on top of {reference}",
    "drop": "{reference} without",
}


def sentence(found: Mapping[str, Any]) -> str:
    """Return the recommendation in one sentence.

    Such as 'augmentation + dropout 0.25; +2.10 points of test accuracy [1.80, 2.40]; 1.3 x the
    time; nothing more helped'.

    Args:
        found: From ``recommendation.conclude``.
    """
    if not found["test"]:
        clauses = [f"{BASELINE}; {_why_baseline(found)}"]
    else:
        clauses = [words(found["regularizers"]), _effect(found["test"])]
        if found["time_ratio"]:
            clauses.append(f"{found['time_ratio']:.1f} x the time")
        clauses += _what_remains(found)
    clauses += [f"failed: {listed(list(found['failed']), _MOST)}"] if found["failed"] else []
    return "; ".join(clauses)


def words(regularizers: Mapping[str, Any]) -> str:
    """Return regularizers as a sentence has them: 'augmentation + dropout 0.25'."""
    return " + ".join(_in_words(key, entry) for key, entry in regularizers.items())


def entry(found: Mapping[str, Any], command: str) -> str:
    """Return the recommendation as an entry of ``parameters_techniques.yml``, with where from.

    Args:
        found: From ``recommendation.conclude``.
        command: The study's.
    """
    lines = [
        f"# Written by `{command} --pipelines=recommend`, {datetime.now(UTC):%Y-%m-%d}.",
        f"# {sentence(found)}",
        *(f"# {line}" for line in remarks(found)),
    ]
    return "\n".join(lines) + "\n" + entry_alone(found)


def entry_alone(found: Mapping[str, Any]) -> str:
    """Return the recommendation as an entry of ``parameters_techniques.yml``."""
    name = BASELINE if not found["test"] else "recommended"
    values = {"techniques": {name: found["regularizers"]}}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the recommendation for the terminal: the sentence, the steps, the entry's place."""
    return [
        f"Recommended: {sentence(found)}",
        *(f"  {line}" for line in steps(found)),
        *(f"  {line}" for line in remarks(found)),
        "  08_reporting/recommendation.yml has it as an entry of parameters_techniques.yml",
    ]


def steps(found: Mapping[str, Any]) -> list[str]:
    """Return a line for every step: what was compared with what, by verdict, and what was taken."""
    told = []
    for step in found["steps"]:
        by_verdict: dict[str, list[str]] = {}
        for candidate in step["candidates"]:
            standing = _standing(candidate, has_failed=candidate["name"] in found["failed"])
            by_verdict.setdefault(standing, []).append(candidate["name"])
        order = [name for name in (*_ORDER, *by_verdict) if name in by_verdict]
        verdicts = "; ".join(
            f"{name}: {', '.join(by_verdict[name])}" for name in dict.fromkeys(order)
        )
        where = _STEPS[step["kind"]].format(reference=step["reference"])
        taken = f" -> {'drops ' if step['kind'] == 'drop' else ''}{step['chosen']}"
        told.append(f"{where}: {verdicts}{taken if step['chosen'] else ''}")
    return told


_ORDER = (BETTER, EQUIVALENT, UNDECIDED, WORSE)


def _standing(candidate: Mapping[str, Any], *, has_failed: bool) -> str:
    """Return a candidate's verdict, that its trainings failed, or how far it is from a verdict."""
    if has_failed and candidate["verdict"] in (None, DESCRIPTIVE):
        return "failed"
    if candidate["verdict"]:
        return str(candidate["verdict"])
    if not candidate.get("pairs"):  # a stored one may be of an earlier version
        return "not trained"
    return f"not judged, {candidate['pairs']} of {candidate['needed']} seeds trained"


def remarks(found: Mapping[str, Any]) -> list[str]:
    """Return what else is to be known, in lines: what failed, was left out, or not tried."""
    by_reason: dict[str, list[str]] = {}
    for name, why in found["left_out"].items():
        by_reason.setdefault(why, []).append(name)
    told = _seeds(found)
    told += [f"left out: {', '.join(names)} ({why})" for why, names in by_reason.items()]
    told += [
        f"stored trainings that were not used, as they are not up to date: {why}"
        for why in dict.fromkeys(found["stale"].values())
    ]
    told += [f"failed: {name}: {'; '.join(why)}" for name, why in found["failed"].items()]
    told += [f"a worker ended: {why}" for why in found["workers_failed"]]
    if found["not_tried"]:
        most = found["settings"]["candidates"]
        told.append(
            f"not tried on top of others (worse alone, or not among the best {most}, "
            f"recommend.candidates): {', '.join(found['not_tried'])}"
        )
    if not found["is_finished"]:
        minutes = found["settings"]["minutes"]
        told.append(
            f"time was up ({minutes:g} minutes, recommend.minutes); the same command goes on from "
            "what is trained"
        )
    return told


def _seeds(found: Mapping[str, Any]) -> list[str]:
    """Return by which seeds the combination is compared on test images."""
    is_fresh = found["test"].get("fresh_seeds") if found["test"] else None
    if is_fresh is None:
        return []
    if is_fresh:
        return ["compared on test images with seeds that chose nothing"]
    why = "time was up for others" if found["settings"].get("fresh_seeds") else "fresh_seeds: false"
    return [
        f"compared on test images with the seeds that chose it ({why}): their luck is in its figure"
    ]


def _in_words(key: str, value: Any) -> str:
    name = key.replace("_", " ")
    if value is True:
        return name
    if isinstance(value, Mapping):
        inner = ", ".join(f"{label.replace('_', ' ')} {of}" for label, of in value.items())
        return f"{name} ({inner})"
    return f"{name} {value}"


def _effect(test: Mapping[str, Any]) -> str:
    """Return the difference to the baseline on test images, and its verdict unless it is better."""
    metric = metric_named(test["metric"])
    if test["difference"] is None:
        return "not compared on test images"
    row = {name: value for name, value in test.items() if value is not None}
    told = points_text(row, f" of test {metric.title}")
    return told if test["verdict"] == BETTER else f"{told}, {test['verdict']} on test images"


def _what_remains(found: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of the others: that nothing more helped, or what is not known."""
    last = found["steps"][-1]
    waiting = _named(last, waiting=True)
    if not found["is_finished"]:
        tried = f" for {listed(waiting, _MOST)}" if waiting else ""
        return [f"time was up{tried}"]
    if len(found["techniques"]) >= found["settings"]["max_techniques"] and last["kind"] != "add":
        return [f"more than {found['settings']['max_techniques']} techniques were not tried"]
    undecided = [name for name in _named(last) if _verdict(last, name) == UNDECIDED]
    if last["kind"] == "add" and undecided:
        return [f"undecided whether more helps: {listed(undecided, _MOST)}"]
    return ["nothing more helped"]


def _why_baseline(found: Mapping[str, Any]) -> str:
    """Return why the baseline is the recommendation."""
    [first, *_] = found["steps"]
    if not first["candidates"]:
        return "there is no other technique"
    counted = [
        f"{len(names)} {verdict}" + (f" ({listed(names, _MOST)})" if verdict == UNDECIDED else "")
        for verdict in (EQUIVALENT, WORSE, UNDECIDED)
        if (names := [name for name in _named(first) if _verdict(first, name) == verdict])
    ]
    told = f"no technique is shown to be better: {', '.join(counted)}" if counted else ""
    if found["is_finished"]:
        return told or "no technique could be judged"
    waiting = _named(first, waiting=True)
    return "; ".join(filter(None, [told, f"time was up for {listed(waiting, _MOST)}"]))


def _named(step: Mapping[str, Any], *, waiting: bool = False) -> list[str]:
    """Return the names of a step's candidates; of those alone that lack trainings, if asked."""
    return [of["name"] for of in step["candidates"] if not waiting or of["is_waiting"]]


def _verdict(step: Mapping[str, Any], name: str) -> str | None:
    [verdict] = [of["verdict"] for of in step["candidates"] if of["name"] == name]
    return None if verdict is None else str(verdict)
