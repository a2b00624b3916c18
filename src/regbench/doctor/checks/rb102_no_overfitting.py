"""RB102: the baseline does about as well on validation images as on those it trains on."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent, points
from regbench.study.schema import BASELINE

_FACTOR = 2  # more epochs
_SMALL = 0.01  # a gap that is none, as a share of 1
_RISEN = 1.1  # the last epoch's validation cross-entropy by the least: more is overfitting, too


def _find(evidence: Evidence) -> Finding | None:
    if evidence.baseline is None:
        return None
    train = evidence.baseline.by_seed("train_accuracy")
    validation = evidence.baseline.by_seed("validation_accuracy")
    gap = (train - validation).mean()
    if not gap < _SMALL:  # nor if there are no figures
        return None
    losses = evidence.curves(BASELINE, "validation_cross_entropy")
    if losses.size:
        course = losses.mean(axis=0)
        if course[-1] > _RISEN * course.min():
            return None
    return Finding(
        f"the baseline recognizes {percent(train.mean())} of the train images and "
        f"{percent(validation.mean())} of the validation images, a gap of {points(gap)}",
        **evidence.train_longer(_FACTOR),
        remark="A larger network has more to be regularized.",
    )


CHECK = Check(
    code="RB102",
    title="the baseline does not overfit",
    meaning="its train accuracy is less than one point above its validation accuracy, and its "
    "validation cross-entropy has not risen by more than a tenth from its least",
    why="Regularization narrows the gap between train and validation; where there is none, it can "
    "only cost accuracy.",
    rank=30,
    find=_find,
)
