"""Log-likelihood per class: (1 / K) sum over classes c of the mean of log p(c) on c's images.

It is minus the cross-entropy where every class has as many images.
"""

from typing import TYPE_CHECKING

from regbench.metrics.base import (
    NATS,
    Answers,
    Metric,
    log_likelihoods,
    mean_of_classes,
    rounding_of_nats,
)

if TYPE_CHECKING:
    import numpy as np


def _score(answers: Answers, weights: "np.ndarray | None") -> "np.ndarray":
    return mean_of_classes(answers, log_likelihoods(answers), weights)


METRIC = Metric(
    name="log_likelihood_per_class",
    title="log-likelihood per class",
    meaning="the mean over classes of the mean log p of the true class on the class's images",
    score=_score,
    step=rounding_of_nats,
    unit=NATS,
)
