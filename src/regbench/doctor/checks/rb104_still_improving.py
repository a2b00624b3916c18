"""RB104: the baseline is still getting better when its training ends."""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent, points
from regbench.study.schema import BASELINE

_QUARTER = 4
_FALLEN = 0.97  # the last cross-entropy by that of a quarter of the epochs before
_LEAST = 1.005  # the last cross-entropy by the least of all
_RISE = 0.005  # of the accuracy over that quarter, a share of 1
_LEARNED = 0.99  # train accuracy with which more epochs have nothing left to learn
_SURE = 2.0  # standard errors over seeds


def _find(evidence: Evidence) -> Finding | None:
    losses = evidence.curves(BASELINE, "validation_cross_entropy")
    accuracies = evidence.curves(BASELINE, "validation_accuracy")
    trained = evidence.curves(BASELINE, "train_accuracy")
    epochs = losses.shape[1]
    if epochs < 2 or accuracies.shape != losses.shape or not trained.size:
        return None
    last = max(1, epochs // _QUARTER)
    course = losses.mean(axis=0)
    rises = accuracies[:, -1] - accuracies[:, -1 - last]
    rise, error = rises.mean(), rises.std(ddof=1) / np.sqrt(len(rises)) if len(rises) > 1 else 0.0
    falls = course[-1] <= _FALLEN * course[-1 - last] and course[-1] <= _LEAST * course.min()
    if not (falls and rise > max(_RISE, _SURE * error) and trained[:, -1].mean() < _LEARNED):
        return None
    command, minutes = evidence.first_try({"protocol.epochs": 2 * epochs}, factor=2)
    before, now = accuracies[:, -1 - last].mean(), accuracies[:, -1].mean()
    when = "in the last epoch" if last == 1 else f"in the last {last} of {epochs} epochs"
    return Finding(
        f"{when} the baseline's validation accuracy rose from {percent(before)} to {percent(now)} "
        f"({points(rise)}), and its cross-entropy fell from "
        f"{course[-1 - last]:.3f} to {course[-1]:.3f} nats",
        command,
        minutes,
    )


CHECK = Check(
    code="RB104",
    title="still improving at the last epoch",
    meaning="in the last quarter of the epochs the baseline's validation cross-entropy falls by "
    "3 % or more to its least, and its accuracy rises by more than half a point and two standard "
    "errors over seeds, while the train images are not all learned",
    why="The comparison is of half-trained networks: what is slower to train looks worse than it "
    "is.",
    rank=40,
    find=_find,
)
