"""Metrics, predictions and results of trainings, made up for tests."""

from typing import Any

import numpy as np
import pandas as pd

from regbench.evaluation.results import Results, collect
from regbench.study.fingerprints import COMPONENTS

IMAGES = 100  # of each split part
FINGERPRINT = {component: f"digest of {component}" for component in COMPONENTS}
UNTRAINED = Results.none()


def trained(seed: int, test: float, validation: float | None = None, **more: Any) -> dict[str, Any]:
    """Return the metrics of a training; its accuracies have two digits, as 100 images allow."""
    return {
        "technique": "any",
        "seed": seed,
        "status": "trained",
        "validation_accuracy": test - 0.01 if validation is None else validation,
        "test_accuracy": test,
        "fingerprint": FINGERPRINT,
        **more,
    }


def failed(seed: int, reason: str = "the loss stopped being finite in epoch 1") -> dict[str, Any]:
    """Return the metrics of a training that failed."""
    return {
        "technique": "any",
        "seed": seed,
        "status": "failed",
        "reason": reason,
        "epochs": 1,
        "fingerprint": FINGERPRINT,
    }


def predictions(metrics: dict[str, Any]) -> pd.DataFrame:
    """Return predictions that have the training's accuracies, in random order."""
    random = np.random.default_rng(metrics["seed"])
    tables = []
    for part in ("validation", "test"):
        figure = metrics.get(f"{part}_accuracy")
        images = 0 if figure is None else IMAGES
        right = random.permutation(images) < round(IMAGES * (figure or 0))
        tables.append(
            pd.DataFrame(
                {
                    "filename": [f"{part} {number}" for number in range(images)],
                    "split": [part] * images,
                    "label": ["a"] * images,
                    "predicted": np.where(right, "a", "b"),
                    "confidence": np.full(images, 0.5, np.float32),
                    "probabilities": [np.array([0.5, 0.5], np.float32)] * images,
                }
            )
        )
    return pd.concat(tables).sample(frac=1, random_state=metrics["seed"]).reset_index(drop=True)


def history(metrics: dict[str, Any]) -> pd.DataFrame:
    """Return a history of two epochs."""
    return pd.DataFrame({"epoch": [1, 2], "train_accuracy": [0.5, metrics["seed"] / 1000]})


def collected(*trainings: dict[str, Any]) -> Results:
    """Return the results of a technique with these trainings; without any, of an untrained one."""
    if not trainings:
        return UNTRAINED
    return collect(
        trainings,
        [history(metrics) for metrics in trainings],
        [predictions(metrics) for metrics in trainings],
    )
