"""Macro F1: the mean over classes of F1."""

from typing import TYPE_CHECKING

from regbench.metrics.base import Answers, Metric, one_image_of_a_class, sums_by_class

if TYPE_CHECKING:
    import numpy as np


def _score(answers: Answers, weights: "np.ndarray | None") -> "np.ndarray":
    """Return the mean of 2 TP / (2 TP + FP + FN) of the classes that are a target or an answer."""
    import numpy as np  # noqa: PLC0415 - slow to import

    ones = np.ones(len(answers.targets))
    right = answers.predicted == answers.targets
    found = sums_by_class(answers.targets, right, answers.classes, weights)
    both = sums_by_class(answers.targets, ones, answers.classes, weights)
    both = both + sums_by_class(answers.predicted, ones, answers.classes, weights)
    f1 = np.divide(2 * found, both, out=np.zeros_like(found), where=both > 0)
    return np.asarray(f1.sum(axis=1) / (both > 0).sum(axis=1))


METRIC = Metric(
    name="macro_f1",
    title="macro F1",
    meaning="the mean over classes of F1, the harmonic mean of precision and recall",
    score=_score,
    step=one_image_of_a_class,
    in_report=True,
)
