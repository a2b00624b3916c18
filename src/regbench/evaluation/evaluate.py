"""What a trained network is worth: predictions per image, and the run's figures."""

from typing import Any

import keras
import numpy as np
import pandas as pd

from regbench.evaluation import classification
from regbench.evaluation.classification import accuracy, cross_entropy
from regbench.evaluation.corruption import CORRUPTIONS
from regbench.evaluation.epochs import best_epoch, diverged
from regbench.evaluation.pruning import pruned_accuracy
from regbench.evaluation.results import CORRUPTION, FAILED, PRUNING, RECALL, TRAINED
from regbench.networks.inference import predict
from regbench.networks.weights import set_weights, trained_kernels
from regbench.study.parts import PARTS, headline_part

NEAR_ZERO = 1e-3


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
    """Measure a trained network; at the end it has the best epoch's weights.

    Args:
        network: From ``train``.
        images: N x H x W x C, uint8.
        split_index: A row per image: filename, label, target, split.
        classes: The labels in the order of the network's outputs.
        history: Of the network's training.
        best_epoch_weights: Of the best epoch on validation; none if the network has them.
        corrupted_images: Corruptions x M x H x W x C, uint8, in the order of ``CORRUPTIONS``.
        corrupted_rows: Which images these are, M ints.

    Returns:
        Predictions for every validation and test image (filename, split, label, predicted,
        confidence and the probabilities of all classes), and the run's metrics; those without a
        part in their name are of the headline part. A diverged run has no predictions,
        ``status`` failed with a ``reason``, and no figures.
    """
    reason = diverged(history)
    if reason:
        return failed(reason, split_index, classes, history)
    targets = split_index["target"].to_numpy()
    rows_of = {part: np.flatnonzero(split_index["split"] == part) for part in PARTS}
    rows_of = {part: rows for part, rows in rows_of.items() if len(rows)}
    probabilities = {part: predict(network, images, rows) for part, rows in rows_of.items()}
    judged = headline_part(rows_of)
    predictions = pd.concat(
        [
            _predictions(split_index.iloc[rows], probabilities[part], classes)
            for part, rows in rows_of.items()
            if part != "train"
        ],
        ignore_index=True,
    )
    metrics = {
        "status": TRAINED,
        **_of_parts(probabilities, {part: targets[rows] for part, rows in rows_of.items()}),
        **_of_training(history),
        **_of_weights(network),
        **_of_answers(probabilities[judged], targets[rows_of[judged]], classes),
        CORRUPTION: {
            name: accuracy(
                predict(network, changed, np.arange(len(changed))), targets[corrupted_rows]
            )
            for name, changed in zip(CORRUPTIONS, corrupted_images, strict=True)
        },
        PRUNING: {
            f"{share:g}": value
            for share, value in pruned_accuracy(
                network, images, rows_of[judged], targets[rows_of[judged]]
            ).items()
        },
    }
    metrics["generalization_gap"] = metrics["train_accuracy"] - metrics[f"{judged}_accuracy"]
    if "test" in rows_of:
        if best_epoch_weights:
            set_weights(network, best_epoch_weights)  # at the end, since it changes the network
        again = predict(network, images, rows_of["test"])
        metrics["best_epoch_test_accuracy"] = accuracy(again, targets[rows_of["test"]])
    return predictions, metrics


def failed(
    reason: str, split_index: pd.DataFrame, classes: list[str], history: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return what ``evaluate`` does for a run that failed: no predictions, and the reason."""
    return _predictions(split_index[:0], np.zeros((0, len(classes))), classes), {
        "status": FAILED,
        "reason": reason,
        "epochs": len(history),
        "seconds": float(history["seconds"].sum()),
    }


def _of_parts(
    probabilities: dict[str, np.ndarray], targets: dict[str, np.ndarray]
) -> dict[str, float]:
    figures = {}
    for part, values in probabilities.items():
        figures[f"{part}_accuracy"] = accuracy(values, targets[part])
        figures[f"{part}_cross_entropy"] = cross_entropy(values, targets[part])
    return figures


def _of_training(history: pd.DataFrame) -> dict[str, Any]:
    return {
        "epochs": len(history),
        "best_epoch": best_epoch(history),
        "best_validation_accuracy": float(history["validation_accuracy"].max()),
        "seconds": float(history["seconds"].sum()),
    }


def _of_weights(network: keras.Model) -> dict[str, Any]:
    kernels = np.concatenate([kernel.ravel() for kernel in trained_kernels(network)])
    return {
        "weights": int(sum(np.prod(v.shape) for v in network.trainable_variables)),
        "weights_bytes": int(sum(weight.numpy().nbytes for weight in network.weights)),
        "near_zero_share": float((np.abs(kernels) < NEAR_ZERO).mean()),
    }


def _of_answers(
    probabilities: np.ndarray, targets: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    answers = probabilities.argmax(axis=1)
    recalls = classification.recall_by_class(targets, answers, len(classes))
    confidence = probabilities.max(axis=1)
    return {
        "expected_calibration_error": classification.expected_calibration_error(
            confidence, answers == targets
        ),
        "macro_f1": classification.macro_f1(targets, answers),
        RECALL: dict(zip(classes, recalls.tolist(), strict=True)),
    }


def _predictions(
    index: pd.DataFrame, probabilities: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """A row per image; ``probabilities`` is a list of one float32 per class."""
    chosen = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, dtype=int)
    return pd.DataFrame(
        {
            "filename": index["filename"].to_numpy(),
            "split": index["split"].to_numpy(),
            "label": index["label"].to_numpy(),
            "predicted": np.asarray(classes, dtype=object)[chosen],
            "confidence": probabilities.max(axis=1, initial=0.0).astype(np.float32),
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )
