"""Accuracy: the share of images whose most probable class is the target."""

from typing import TYPE_CHECKING

from regbench.metrics.base import Answers, Metric, mean_of_images, one_image

if TYPE_CHECKING:
    import numpy as np


def _score(answers: Answers, weights: "np.ndarray | None") -> "np.ndarray":
    return mean_of_images(answers.predicted == answers.targets, weights)


METRIC = Metric(
    name="accuracy",
    title="accuracy",
    meaning="the share of images that are recognized",
    score=_score,
    step=one_image,
    in_report=True,
)
