"""Nodes of one technique; TensorFlow is imported when they run, not when they are registered."""

from typing import Any

import numpy as np
import pandas as pd

from regbench import comparison, progress
from regbench.study import Augmentation, Protocol, Technique

# A keras.Model; Kedro resolves annotations early, and importing Keras takes seconds.
KerasModel = Any


def train_network(
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    normalization: dict[str, list[float]],
    protocol: dict[str, Any],
    run: dict[str, Any],
    seed: int,
    zca: dict[str, np.ndarray] | None = None,
    augmentation: dict[str, Any] | None = None,
) -> tuple[KerasModel, pd.DataFrame]:
    """Build and train the network of one technique and seed.

    Returns:
        The network (raw uint8 images in, class probabilities out) and its history, a row per
        epoch.
    """
    from regbench import network, training  # noqa: PLC0415

    training.start_afresh()
    shared = Protocol.model_validate(protocol)
    technique = Technique.model_validate(run["regularizers"])
    model = network.build_network(
        images.shape[1:], len(classes), shared.network, technique, seed, normalization, zca
    )
    history = training.train(
        model,
        images,
        training.part(split_index, "train"),
        training.part(split_index, "validation"),
        shared,
        seed,
        technique.augmenter(Augmentation.model_validate(augmentation)) if augmentation else None,
        technique.early_stopping,
        on_epoch=lambda epoch: progress.report(
            progress.EpochDone(
                run["technique"],
                seed,
                epoch.epoch,
                shared.epochs,
                epoch.train_accuracy,
                epoch.validation_accuracy,
            )
        ),
    )
    return model, history


def evaluate_network(
    trained: KerasModel,
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    history: pd.DataFrame,
    run: dict[str, Any],
    seed: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure a trained network.

    Returns:
        Predictions for every validation and test image, and the run's metrics.
    """
    from regbench import evaluation  # noqa: PLC0415

    predictions, metrics = evaluation.evaluate(trained, images, split_index, classes, history)
    progress.report(
        progress.RunDone(
            run["technique"],
            seed,
            metrics["epochs"],
            metrics["seconds"],
            metrics.get("validation_accuracy"),
            metrics.get("test_accuracy"),
            metrics.get("reason"),
        )
    )
    return predictions, {"technique": run["technique"], "seed": seed, **metrics}


def collect_results(*made: Any) -> pd.DataFrame:
    """Put the runs of a technique into one table, a row per seed.

    Args:
        made: The metrics of every run, then the predictions of every run.
    """
    seeds = len(made) // 2
    return comparison.collect(made[:seeds], made[seeds:])
