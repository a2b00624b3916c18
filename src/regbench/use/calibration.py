"""Calibrated confidence, and the confidence above which an answer is called sure."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.evaluation.classification import expected_calibration_error

if TYPE_CHECKING:
    import pandas as pd

_RISK = 0.05  # that more of the images called sure are wrong than the error rate says
# Sequences of tests: the part of the risk that each takes, and the share of images it begins with.
# The second is for labels that are wrong themselves: one among the surest images ends the first.
_SEQUENCES = ((0.8, 0.0), (0.2, 0.5))
_LOG_TEMPERATURES = (-3.0, 3.0)  # searched: temperatures from 0.05 to 20
_FOLDS = 5  # of the images, to see whether a temperature does good to others than it is fitted on


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / T) of each row: what the softmax makes of logits divided by T.

    Args:
        probabilities: N x classes, float; 0 counts as the smallest normal float32.
        temperature: T; above 1 it makes confidences smaller, at 1 nothing changes.

    Returns:
        N x classes, float64.
    """
    smallest = np.finfo(np.float32).tiny
    logits = np.log(np.maximum(probabilities.astype(np.float64), smallest)) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalized: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normalized


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature with the smallest cross-entropy (Guo et al., 2017, section 4.2).

    Args:
        probabilities: N x classes, of images that the network was not trained on.
        targets: Their classes, N ints from 0.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to import

    def loss(log_temperature: float) -> float:
        return float(cross_entropies(probabilities, targets, float(np.exp(log_temperature))).mean())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def cross_entropies(
    probabilities: np.ndarray, targets: np.ndarray, temperature: float
) -> np.ndarray:
    """Return each image's cross-entropy at a temperature, N floats in nats.

    Args:
        probabilities: N x classes.
        targets: The images' classes, N ints from 0.
        temperature: As of ``tempered``.
    """
    likelihoods = tempered(probabilities, temperature)[np.arange(len(targets)), targets]
    found: np.ndarray = -np.log(np.maximum(likelihoods, np.finfo(np.float64).tiny))
    return found


def held_out_cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean cross-entropy of images at temperatures that are fitted without them, nats.

    Every fifth image is held out in turn. A temperature never looks worse on the images that it is
    fitted on; on few of them it may be worse for all others.

    Args:
        probabilities: N x classes, N at least 2.
        targets: The images' classes, N ints from 0.
    """
    folds = min(_FOLDS, len(targets))
    total = 0.0
    for fold in range(folds):
        held = np.arange(len(targets)) % folds == fold
        temperature = fit_temperature(probabilities[~held], targets[~held])
        total += cross_entropies(probabilities[held], targets[held], temperature).sum()
    return total / len(targets)


def _why_kept(probabilities: np.ndarray, targets: np.ndarray) -> str:
    """Return why confidence had better stay as the network has it; empty if a temperature helps."""
    if (probabilities.argmax(axis=1) == targets).all():
        return "no answer to them is wrong, so that they do not tell how sure wrong ones are"
    before = float(cross_entropies(probabilities, targets, 1.0).mean())
    held_out = held_out_cross_entropy(probabilities, targets) if len(targets) > 1 else np.inf
    if held_out < before:
        return ""
    return (
        f"on images that it is not fitted on, a temperature does no good: cross-entropy "
        f"{held_out:.3f} nats, without {before:.3f} ({min(_FOLDS, len(targets))} folds)"
    )


def sure_from(confidence: np.ndarray, correct: np.ndarray, error_rate: float) -> float | None:
    """Return the lowest confidence above which at most a share of answers is wrong.

    With a risk of 5 %, over draws of the images, more are wrong. Images are taken by falling
    confidence, and each number of them is a hypothesis: more than the share of them is wrong. It is
    rejected if so few wrong ones are improbable (binomial tail, the bound of Clopper and Pearson;
    where images differ in risk it errs on the safe side: Hoeffding, 1956). Hypotheses are tested in
    two fixed sequences, each up to its first that is not rejected, with a part of the risk
    (Angelopoulos et al., Learn then Test, 2021, section 2.3).

    Args:
        confidence: Of N images that the network was not trained on.
        correct: Whether the answer is right, N bools.
        error_rate: The share of wrong ones among those called sure, at most.

    Returns:
        The smallest confidence that is sure; None if no number of images can be called so.
    """
    from scipy.stats import binom  # noqa: PLC0415 - slow to import

    order = np.argsort(-confidence, kind="stable")
    falling, wrong = confidence[order], np.cumsum(~correct[order])
    # Images of equal confidence are called sure together.
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], len(falling) > 0))
    best = 0
    for share, from_share in _SEQUENCES:
        risk = share * _RISK
        fewest = int(np.ceil(np.log(risk) / np.log1p(-error_rate)))  # enough if none is wrong
        numbers = 1 + ends[ends + 1 >= max(fewest, from_share * len(falling))]
        is_rejected = np.asarray(binom.cdf(wrong[numbers - 1], numbers, error_rate)) <= risk
        rejected = int(np.argmin(np.append(is_rejected, False)))  # before the first that is not
        if rejected:
            best = max(best, int(numbers[rejected - 1]))
    return float(falling[best - 1]) if best else None


def out_of_sample(
    tables: Sequence["pd.DataFrame"], classes: Sequence[str], *, averaged: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of validation images that networks were not trained on.

    Args:
        tables: The stored predictions of one network each: filename, split, label, probabilities.
        classes: The labels in the order of the networks' outputs.
        averaged: Whether the networks' probabilities for an image are averaged, as those of an
            ensemble are; all have the same validation images then. Otherwise they are pooled.

    Returns:
        Probabilities, N x classes, and targets, N ints from 0; N may be 0.
    """
    place = {label: target for target, label in enumerate(classes)}
    probabilities, targets = [], []
    for table in tables:
        rows = table[table["split"].astype(str) == "validation"].sort_values("filename")
        found = np.asarray(rows["probabilities"].tolist(), dtype=np.float64)
        probabilities.append(found.reshape(len(rows), len(classes)))
        targets.append(rows["label"].astype(str).map(place).to_numpy(int))
    if averaged:
        return np.mean(probabilities, axis=0), targets[0]
    return np.concatenate(probabilities), np.concatenate(targets)


def calibrate(probabilities: np.ndarray, targets: np.ndarray, error_rate: float) -> dict[str, Any]:
    """Return how confidence is calibrated, and from which confidence an answer is sure.

    Args:
        probabilities: N x classes, of images that the network was not trained on.
        targets: Their classes, N ints from 0.
        error_rate: The share of wrong ones among those called sure, at most.

    Returns:
        ``temperature``, 1 where one that is fitted on the images is of no use for others, and
        ``kept``, why, else empty; ``sure_from``, a confidence or None; ``error_rate``;
        ``images``, N;
        ``sure`` and ``sure_wrong``, how many of these would be called sure, and wrongly;
        ``calibration_error_before`` and ``_after``, on the images it was fitted on.
    """
    images = len(targets)
    if not images:
        none: dict[str, Any] = {"temperature": 1.0, "kept": "", "sure_from": None}
        return {**none, "error_rate": error_rate, "images": 0, "sure": 0, "sure_wrong": 0}
    kept = _why_kept(probabilities, targets)
    temperature = 1.0 if kept else fit_temperature(probabilities, targets)
    correct = probabilities.argmax(axis=1) == targets
    confidence = tempered(probabilities, temperature).max(axis=1)
    threshold = sure_from(confidence, correct, error_rate)
    sure = confidence >= threshold if threshold is not None else np.zeros(images, dtype=bool)
    before = expected_calibration_error(probabilities.max(axis=1), correct)
    return {
        "temperature": temperature,
        "kept": kept,
        "sure_from": threshold,
        "error_rate": error_rate,
        "images": images,
        "sure": int(sure.sum()),
        "sure_wrong": int((sure & ~correct).sum()),
        "calibration_error_before": before,
        "calibration_error_after": expected_calibration_error(confidence, correct),
    }


def calibration_of(
    chosen: Mapping[str, Any],
    predictions: Mapping[str, Callable[[], "pd.DataFrame"]],
    classes: Sequence[str],
    error_rate: float,
    *,
    resampled: bool,
) -> dict[str, Any]:
    """Return how the chosen network's confidence is calibrated, with a sentence on what.

    Args:
        chosen: From ``choice.choose``; ``out_of_sample`` names the trainings of whose validation
            predictions use is made: of a refit, which has seen these images, the study's.
        predictions: Loaders of stored predictions, by ``<technique>/seed_<n>``.
        classes: The labels in the order of the network's outputs.
        error_rate: The share of wrong ones among those called sure, at most.
        resampled: Whether every seed has validation images of its own.
    """
    names = [name for name in chosen["out_of_sample"] if name in predictions]
    tables = [predictions[name]() for name in names]
    averaged = len(tables) > 1 and not resampled
    if tables:
        found = calibrate(*out_of_sample(tables, classes, averaged=averaged), error_rate)
    else:
        found = calibrate(np.zeros((0, len(classes))), np.zeros(0, int), error_rate)
    which = "the network's own predictions"
    if chosen["made_by"] != "study":
        of = "averaged as the refit's networks are" if averaged else "pooled"
        has_seen = "validation" in chosen["trained_on"]
        which = (
            f"predictions of the study's networks of {chosen['technique']} "
            f"({len(tables)}{f', {of}' if len(tables) > 1 else ''}), as the refit "
            f"{'has seen the images' if has_seen else 'stores none'}"
        )
    return {**found, "fitted_on": f"{found['images']} validation images: {which}"}


def described(found: Mapping[str, Any]) -> str:
    """Return a calibration in a line."""
    if not found["images"]:
        return "confidence is not calibrated, and no image is called sure: no validation images"
    errors = [100 * found[f"calibration_error_{when}"] for when in ("before", "after")]
    rate = f"{100 * found['error_rate']:g} %"
    if found["sure_from"] is None:
        sure = (
            f"no image is called sure: that at most {rate} of them are wrong cannot be shown on "
            f"these images; prediction.error_rate sets another share"
        )
    else:
        sure = (
            f"sure from a confidence of {found['sure_from']:.4f}: {found['sure']} of these images, "
            f"{found['sure_wrong']} of them wrong; at most {rate} of such images are (95 % sure)"
        )
    if found["kept"]:
        return (
            f"confidence stays the network's own (temperature 1), looked at on "
            f"{found['fitted_on']}: {found['kept']}; calibration error {errors[0]:.2f} %; {sure}"
        )
    return (
        f"confidence calibrated on {found['fitted_on']}: temperature {found['temperature']:.3f}, "
        f"calibration error {errors[0]:.2f} % before, {errors[1]:.2f} % after; {sure}"
    )
