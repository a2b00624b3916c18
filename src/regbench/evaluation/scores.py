"""Accuracy and cross-entropy of class probabilities."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass


def cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The mean of -log p(target), in nats, of M x K probabilities; M ints tell the targets."""
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose most probable class is the target."""
    return float((probabilities.argmax(axis=1) == targets).mean())
