"""Cross-entropy: the mean over images of -log p(target), without the regularizers' penalty."""

from typing import TYPE_CHECKING

from regbench.metrics.base import (
    NATS,
    Answers,
    Metric,
    log_likelihoods,
    mean_of_images,
    rounding_of_nats,
)

if TYPE_CHECKING:
    import numpy as np


def _score(answers: Answers, weights: "np.ndarray | None") -> "np.ndarray":
    return mean_of_images(-log_likelihoods(answers), weights)


METRIC = Metric(
    name="cross_entropy",
    title="cross-entropy",
    meaning="the mean over images of -log p of the true class, without the regularizers' penalty",
    score=_score,
    step=rounding_of_nats,
    unit=NATS,
    higher_is_better=False,
    in_report=True,
)
