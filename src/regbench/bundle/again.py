"""Trainings of a bundle that are trained again: which, and what must come of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from regbench.bundle.checks import Check, found, not_checked
from regbench.bundle.contents import Bundle, Contents, Described, Row
from regbench.evaluation.results import TRAINED
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.registry import metric_named
from regbench.study.digests import digest

_MADE_FROM = ("data", "split", "protocol", "technique")  # what must be alike to train again
_WHAT = "trained again"
_SPREADS = 3 * math.sqrt(2)  # of a difference of two trainings, in standard deviations of one


class Drawn(TypedDict):
    """A training to train again."""

    arm: str
    seed: int


class Again(TypedDict, total=False):
    """What came of one: its row of ``Results.trainings``; or ``reason``, why it failed."""

    arm: str
    seed: int
    training: Row
    reason: str


def draw(
    bundle: Bundle, here: Described, trainings: int | Literal["all"], number: int
) -> list[Drawn]:
    """Return the trainings to train again, drawn at random among those that can be.

    Args:
        bundle: Whose.
        here: Of this checkout; images, protocol and technique must be those of the training.
        trainings: How many.
        number: Another one draws others. One that the sender cannot guess is best.
    """
    candidates: list[Drawn] = [
        {"arm": arm, "seed": int(row["seed"] or 0)}
        for arm, rows in bundle.contents.trainings.items()
        for row in rows
        if row["status"] == TRAINED and _is_alike(row, here.fingerprints.get(arm, {}))
    ]
    candidates.sort(key=lambda one: digest([number, bundle.digest, one["arm"], one["seed"]]))
    return candidates if trainings == "all" else candidates[:trainings]


def judge(
    bundle: Bundle, here: Described, wanted: int | Literal["all"], made: Sequence[Again]
) -> list[Check]:
    """Return the check of the trainings that were trained again.

    On the same software and processor, from the same code, the weights must be equal to the last
    bit; otherwise the metric on the judged part must lie within the tolerance of ``tolerance``.

    Args:
        bundle: Whose.
        here: Of this checkout.
        wanted: How many were asked for.
        made: What came of those that were drawn.
    """
    if wanted == 0:
        return [not_checked(_WHAT, "verify.trainings is 0")]
    if not made:
        return [
            not_checked(
                _WHAT, "no training was made from the images, protocol and technique that are here"
            )
        ]
    return [_judged(bundle.contents, here, each) for each in made]


def tolerance(contents: Contents) -> float:
    """Return how far a training on another machine may be off, in the metric's stored unit.

    Rounding differs there, and a training departs from the other by as much as one of another seed
    would: 3 standard deviations of the difference of two, or the band of equivalence if that is
    more. The standard deviation is pooled over techniques.
    """
    reporting = contents.settings["reporting"]
    metric = metric_named(reporting["metric"])
    sums, freedom = 0.0, 0
    for arm in contents.trainings:
        values = [value for row in contents.trainings[arm] if (value := _headline(contents, row))]
        if len(values) > 1:
            mean = sum(values) / len(values)
            sums += sum((value - mean) ** 2 for value in values)
            freedom += len(values) - 1
    key = "equivalence_band" if metric.factor != 1 else "equivalence_band_nats"
    spread = math.sqrt(sums / freedom) if freedom else 0.0
    return max(_SPREADS * spread, float(reporting[key]) / metric.factor)


def _judged(contents: Contents, here: Described, again: Again) -> Check:
    what = f"{_WHAT}: {again['arm']} seed {again['seed']}"
    if "training" not in again:
        return found(what, [f"it failed: {again['reason']}"])
    (stated,) = (row for row in contents.trainings[again["arm"]] if row["seed"] == again["seed"])
    ours = again["training"]
    if ours["status"] != TRAINED:
        return found(what, [f"it failed: {ours.get('reason')}"])
    digests = ("weights", "history", "predictions", "metrics")
    other = [
        name for name in digests if stated.get(f"fingerprint_{name}") != ours[f"fingerprint_{name}"]
    ]
    if not other:
        return found(what, [], "equal to the last bit: weights, history, predictions and figures")
    if _is_same_machine(contents, here, stated, ours):
        return found(
            what, [f"other {', '.join(other)}, from the same code, software and processor"]
        )
    one, two = _headline(contents, stated), _headline(contents, ours)
    allowed = tolerance(contents)
    name = f"{_part(contents)}_{contents.settings['reporting']['metric']}"
    if one is None or two is None:
        return found(what, [f"it has no {name}"])
    told = f"{name} {one:.6g} is stated, {two:.6g} came out; tolerance {allowed:.3g}"
    return found(what, [told] if abs(one - two) > allowed else [], told)


def _is_alike(row: Row, current: Mapping[str, str]) -> bool:
    return all(row.get(f"fingerprint_{name}") == current.get(name) for name in _MADE_FROM)


def _is_same_machine(contents: Contents, here: Described, stated: Row, ours: Row) -> bool:
    same = ("fingerprint_trained_on", "fingerprint_training", "fingerprint_evaluation")
    return contents.software.get("cpu") == here.software.get("cpu") and all(
        stated.get(key) == ours[key] for key in same
    )


def _part(contents: Contents) -> str:
    rows = [row for of_arm in contents.trainings.values() for row in of_arm]
    return judged_part([key for row in rows for key in row])


def _headline(contents: Contents, row: Mapping[str, Any]) -> float | None:
    value = row.get(f"{_part(contents)}_{contents.settings['reporting']['metric']}")
    return float(value) if isinstance(value, int | float) else None
