"""Balanced accuracy: the mean over classes of the share that is recognized."""

from typing import TYPE_CHECKING

from regbench.metrics.base import Answers, Metric, mean_of_classes, one_image_of_a_class

if TYPE_CHECKING:
    import numpy as np


def _score(answers: Answers, weights: "np.ndarray | None") -> "np.ndarray":
    return mean_of_classes(answers, answers.predicted == answers.targets, weights)


METRIC = Metric(
    name="balanced_accuracy",
    title="balanced accuracy",
    meaning="the mean over classes of recall, so that small classes count as much as large ones",
    score=_score,
    step=one_image_of_a_class,
    source="Brodersen et al., The Balanced Accuracy and Its Posterior Distribution, 2010",
)
