"""Calibration and recall of predictions."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15
) -> float:
    """Return the expected calibration error of the most probable classes.

    The mean over bins of equal width of |accuracy - mean confidence|, weighted by images (Guo et
    al., On Calibration of Modern Neural Networks, 2017, equation 3).

    Args:
        confidence: Probability of the most probable class, N floats from 0 to 1.
        correct: Whether it is the target, N bools.
        bins: Number of bins; each includes its upper edge.

    Returns:
        From 0 (calibrated) to 1; NaN without images.
    """
    table = reliability(confidence, correct, bins)
    if table.empty:
        return float("nan")
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float(np.average(gaps, weights=table["images"]))


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> "pd.DataFrame":
    """Return the points of a reliability curve (Guo et al., 2017).

    Args:
        confidence: Probability of the most probable class, N floats from 0 to 1.
        correct: Whether it is the target, N bools.
        bins: Number of bins of equal width; each includes its upper edge.

    Returns:
        A row per bin that has images: low and high (its edges), confidence (mean), accuracy,
        images (how many, int).
    """
    import pandas as pd  # noqa: PLC0415 - figures are declared without it

    confidence = np.asarray(confidence, dtype=np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    # Without the outer edges, confidences that rounding has put above 1 are in the last bin.
    bin_of = np.searchsorted(edges[1:-1], confidence, side="left")
    images = np.bincount(bin_of, minlength=bins)
    filled = images > 0
    images = images[filled]
    return pd.DataFrame(
        {
            "low": edges[:-1][filled],
            "high": edges[1:][filled],
            "confidence": np.bincount(bin_of, confidence, minlength=bins)[filled] / images,
            "accuracy": np.bincount(bin_of, correct, minlength=bins)[filled] / images,
            "images": images,
        }
    )


def recall_by_class(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return each class's recall: the share of its images that is predicted as this class.

    Args:
        targets: N ints from 0.
        predicted: N ints from 0.
        classes: Number of classes, K.

    Returns:
        K floats; NaN for a class without images.
    """
    if not len(targets):
        return np.full(classes, np.nan)
    from sklearn.metrics import recall_score  # noqa: PLC0415 - a second of start-up

    labels = range(classes)
    recall = recall_score(targets, predicted, labels=labels, average=None, zero_division=np.nan)
    return np.asarray(recall)
