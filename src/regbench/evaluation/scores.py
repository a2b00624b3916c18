"""Accuracy and cross-entropy of class probabilities."""

import numpy as np


def cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean cross-entropy in nats: of -log p(target).

    Args:
        probabilities: M x K, float; 0 counts as the smallest normal float32.
        targets: M ints from 0.
    """
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of images whose most probable class is the target.

    Args:
        probabilities: M x K, float.
        targets: M ints from 0.
    """
    return float((probabilities.argmax(axis=1) == targets).mean())
