"""What a trained network is worth: predictions per image, and the run's figures."""

from typing import Any

import keras
import numpy as np
import pandas as pd

from regbench.comparison import FAILED, TRAINED, headline_figure
from regbench.network import predict, trained_kernels
from regbench.splitting import PARTS
from regbench.training import accuracy, cross_entropy

NEAR_ZERO = 1e-3


def diverged(history: pd.DataFrame) -> str | None:
    """Say why a training failed, or None if it did not.

    Args:
        history: From ``train``.
    """
    last = history.iloc[-1]
    losses = last[["train_cross_entropy", "penalty", "validation_cross_entropy"]]
    if np.isfinite(losses.to_numpy(dtype=float)).all():
        return None
    return f"the loss stopped being finite in epoch {int(last['epoch'])}"


def evaluate(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    history: pd.DataFrame,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure a trained network.

    Args:
        network: From ``train``.
        images: N x H x W x C, uint8.
        split_index: A row per image: filename, label, target, split.
        classes: The labels in the order of the network's outputs.
        history: Of the network's training.

    Returns:
        Predictions for every validation and test image (filename, split, label, predicted,
        confidence and the probabilities of all classes), and the run's metrics. A diverged run
        has no predictions, ``status`` failed with a ``reason``, and no figures.
    """
    reason = diverged(history)
    if reason:
        return _predictions(split_index[:0], np.zeros((0, len(classes))), classes), {
            "status": FAILED,
            "reason": reason,
            "epochs": len(history),
            "seconds": float(history["seconds"].sum()),
        }
    targets = split_index["target"].to_numpy()
    figures: dict[str, Any] = {}
    tables = []
    for part in PARTS:
        rows = np.flatnonzero(split_index["split"] == part)
        if not len(rows):
            continue
        probabilities = predict(network, images, rows)
        figures[f"{part}_accuracy"] = accuracy(probabilities, targets[rows])
        figures[f"{part}_cross_entropy"] = cross_entropy(probabilities, targets[rows])
        if part != "train":
            tables.append(_predictions(split_index.iloc[rows], probabilities, classes))
    best = history.iloc[history["validation_accuracy"].argmax()]
    weights = np.concatenate([kernel.ravel() for kernel in trained_kernels(network)])
    return pd.concat(tables, ignore_index=True), {
        "status": TRAINED,
        **figures,
        "generalization_gap": figures["train_accuracy"] - figures[headline_figure([figures])],
        "epochs": len(history),
        "best_epoch": int(best["epoch"]),
        "best_validation_accuracy": float(best["validation_accuracy"]),
        "seconds": float(history["seconds"].sum()),
        "weights": int(sum(np.prod(v.shape) for v in network.trainable_variables)),
        "near_zero_share": float((np.abs(weights) < NEAR_ZERO).mean()),
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
