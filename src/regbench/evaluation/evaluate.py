"""Evaluation of a trained network: its predictions and figures."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.epochs import diverged
from regbench.evaluation.figures.base import Trained
from regbench.evaluation.figures.registry import figures
from regbench.evaluation.results import FAILED, TRAINED
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.networks.inference import predict

logger = logging.getLogger(__name__)

HARDEST = 200  # train images whose predictions are kept: those with the highest loss


def evaluate(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    history: pd.DataFrame,
    best_epoch_weights: dict[str, np.ndarray],
    corrupted_images: np.ndarray,
    corrupted_rows: np.ndarray,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a trained network's predictions and figures.

    Args:
        network: From ``train``.
        images: N x H x W x C, uint8.
        split_index: A row per image: filename, label, target, split.
        classes: The labels in the order of the network's outputs.
        history: From ``train``.
        best_epoch_weights: Of the best epoch on validation; empty if the network has them.
        corrupted_images: Corruptions x M x H x W x C, uint8, in the order of ``CORRUPTIONS``.
        corrupted_rows: Which images these are, M ints.

    Returns:
        Predictions for every validation and test image, and for the ``HARDEST`` train images
        (filename, split, label, predicted, confidence, label_probability and the probabilities of
        all classes), and the metrics:
        ``status`` and every figure by name. A diverged training has no predictions and, as
        metrics, those of ``failed``.
    """
    reason = diverged(history)
    if reason:
        return failed(reason, split_index, classes, history)
    targets = split_index["target"].to_numpy()
    rows = {part: np.flatnonzero(split_index["split"] == part) for part in SPLIT_PARTS}
    rows = {part: part_rows for part, part_rows in rows.items() if len(part_rows)}
    trained = Trained(
        network=network,
        images=images,
        classes=classes,
        rows=rows,
        targets={part: targets[part_rows] for part, part_rows in rows.items()},
        probabilities={
            part: predict(network, images, part_rows) for part, part_rows in rows.items()
        },
        judged=judged_part(rows),
        history=history,
        best_epoch_weights=best_epoch_weights,
        corrupted_images=corrupted_images,
        corrupted_targets=targets[corrupted_rows],
    )
    kept = {part: np.arange(len(part_rows)) for part, part_rows in rows.items()}
    if "train" in kept:
        kept["train"] = _hardest(trained.probabilities["train"], trained.targets["train"])
    predictions = pd.concat(
        [
            _predictions(
                split_index.iloc[rows[part][places]], trained.probabilities[part][places], classes
            )
            for part, places in kept.items()
        ],
        ignore_index=True,
    )
    return predictions, {"status": TRAINED, **_values(trained)}


def failed(
    reason: str, split_index: pd.DataFrame, classes: list[str], history: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the predictions (none) and metrics of a failed training.

    Args:
        reason: Why it failed.
        split_index: A row per image: filename, label, target, split.
        classes: The labels in the order of the network's outputs.
        history: Of the epochs that were trained; may be empty.
    """
    return _predictions(split_index[:0], np.zeros((0, len(classes))), classes), {
        "status": FAILED,
        "reason": reason,
        "epochs": len(history),
        "seconds": float(history["seconds"].sum()),
    }


def _values(trained: Trained) -> dict[str, float | int | Mapping[str, float]]:
    """Return the figures by name, without those that the study does not have.

    A value that is no finite number is left out, and a warning says which: JSON has no form for
    it, and a mean over seeds with it is none. The training's figure is then missing.

    Raises:
        RuntimeError: A figure cannot be computed; it says which.
        TypeError: A figure's value is not of the form that it declares.
    """
    values: dict[str, float | int | Mapping[str, float]] = {}
    for figure in figures():
        try:
            value = figure.compute(trained)
        except Exception as error:
            said = f"the figure {figure.name}: {type(error).__name__}: {error}"
            raise RuntimeError(said) from error
        if value is None:
            continue
        if isinstance(value, Mapping) != bool(figure.setting):
            form = f"a mapping from each {figure.setting}" if figure.setting else "one number"
            raise TypeError(f"figure {figure.name} must be {form}, not {type(value).__name__}")
        if not isinstance(value, Mapping):
            if _is_finite(value, figure.name):
                values[figure.name] = value
            continue
        values[figure.name] = {
            setting: of_setting
            for setting, of_setting in value.items()
            if _is_finite(of_setting, f"{figure.name} of {setting}")
        }
    return values


def _is_finite(value: float, name: str) -> bool:
    """Return whether a figure is a finite number; a warning names it if not."""
    finite = math.isfinite(value)
    if not finite:
        logger.warning(
            "the figure %s is %s: it is left out of this training's figures", name, value
        )
    return finite


def _hardest(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the places of the images with the highest cross-entropy, in their own order.

    Args:
        probabilities: N x classes.
        targets: The classes of the N images, int.

    Returns:
        At most ``HARDEST`` ints.
    """
    of_label = probabilities[np.arange(len(targets)), targets]
    return np.sort(np.argsort(of_label, kind="stable")[:HARDEST])


def _predictions(
    index: pd.DataFrame, probabilities: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """Return a row per image; ``probabilities`` is a list of one float32 per class."""
    chosen = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, dtype=int)
    of_label = probabilities[np.arange(len(index)), index["target"].to_numpy(dtype=int)]
    return pd.DataFrame(
        {
            "filename": index["filename"].to_numpy(),
            "split": index["split"].to_numpy(),
            "label": index["label"].to_numpy(),
            "predicted": np.asarray(classes, dtype=object)[chosen],
            "confidence": probabilities.max(axis=1, initial=0.0).astype(np.float32),
            "label_probability": of_label.astype(np.float32),
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )
