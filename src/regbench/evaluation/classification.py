"""How good predictions are, beyond the share that is right: calibration and figures by class."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15
) -> float:
    """How far a network's confidence is from the share of its answers that are right.

    The mean over bins of equal width of |accuracy - mean confidence|, weighted by images (Guo et
    al., On Calibration of Modern Neural Networks, 2017, equation 3), for the chosen class.

    Args:
        confidence: The probability of the chosen class, N floats from 0 to 1.
        correct: Whether it was the target, N bools.
        bins: Each holds the confidences above its lower edge, up to and with its upper one.

    Returns:
        From 0 (calibrated) to 1; NaN without images.
    """
    table = reliability(confidence, correct, bins)
    if table.empty:
        return float("nan")
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float(np.average(gaps, weights=table["images"]))


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> "pd.DataFrame":
    """The points of a reliability curve; see ``expected_calibration_error``.

    Returns:
        A row per bin with images: low and high (its edges), confidence (mean), accuracy, images
        (int).
    """
    import pandas as pd  # noqa: PLC0415 - figures are declared without it

    confidence = np.asarray(confidence, dtype=np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    # Without the outer edges, what rounding has put above 1 belongs to the last bin.
    chosen = np.searchsorted(edges[1:-1], confidence, side="left")
    images = np.bincount(chosen, minlength=bins)
    filled = images > 0
    images = images[filled]
    return pd.DataFrame(
        {
            "low": edges[:-1][filled],
            "high": edges[1:][filled],
            "confidence": np.bincount(chosen, confidence, minlength=bins)[filled] / images,
            "accuracy": np.bincount(chosen, correct, minlength=bins)[filled] / images,
            "images": images,
        }
    )


def recall_by_class(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class's images that was recognized: K floats, NaN without images.

    Args:
        targets: N ints from 0.
        predicted: N ints from 0.
        classes: How many, K.
    """
    if not len(targets):
        return np.full(classes, np.nan)
    from sklearn.metrics import recall_score  # noqa: PLC0415 - a second of start-up

    labels = range(classes)
    recall = recall_score(targets, predicted, labels=labels, average=None, zero_division=np.nan)
    return np.asarray(recall)


def macro_f1(targets: np.ndarray, predicted: np.ndarray) -> float:
    """The mean F1 of the classes that occur, as targets or predicted; NaN without images.

    F1 is the harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
    """
    if not len(targets):
        return float("nan")
    from sklearn.metrics import f1_score  # noqa: PLC0415 - a second of start-up

    return float(f1_score(targets, predicted, average="macro"))
