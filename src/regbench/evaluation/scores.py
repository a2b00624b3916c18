"""Accuracy of class probabilities."""

import numpy as np


def accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of images whose most probable class is the target.

    Args:
        probabilities: M x K, float.
        targets: M ints from 0.
    """
    return float((probabilities.argmax(axis=1) == targets).mean())
