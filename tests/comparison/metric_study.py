"""A study with uneven classes and its metrics by scikit-learn, for tests of the metric."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss
from tests.comparison.trainings import FINGERPRINT

from regbench.evaluation.results import Results, collect

CLASSES = ["ok", "crack", "dust"]
TARGETS = np.repeat([0, 1, 2], [60, 25, 15])
SEEDS = [1, 2, 3, 4, 5]
Scores = dict[str, Callable[[np.ndarray, np.ndarray], float]]


def per_class(targets: np.ndarray, probabilities: np.ndarray) -> float:
    chosen = np.log(probabilities[np.arange(len(targets)), targets])
    return float(np.mean([chosen[targets == label].mean() for label in np.unique(targets)]))


SCORES: Scores = {
    "accuracy": lambda t, p: float(accuracy_score(t, p.argmax(axis=1))),
    "balanced_accuracy": lambda t, p: float(balanced_accuracy_score(t, p.argmax(axis=1))),
    "macro_f1": lambda t, p: float(f1_score(t, p.argmax(axis=1), average="macro")),
    "cross_entropy": lambda t, p: float(
        log_loss(t, p / p.sum(axis=1, keepdims=True), labels=[0, 1, 2])
    ),
    "log_likelihood_per_class": per_class,
}


def probabilities(seed: int, skill: float) -> np.ndarray:
    """Answers that are the better the larger the skill."""
    logits = np.random.default_rng(seed).normal(size=(len(TARGETS), 3))
    logits[np.arange(len(TARGETS)), TARGETS] += skill
    raised = np.exp(logits)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def results(skill: float, seeds: list[int] = SEEDS, spread: float = 0.1) -> Results:
    metrics, histories, predictions = [], [], []
    for seed in seeds:
        given = probabilities(seed, skill + spread * (seed - 3)).astype(np.float32).astype(float)
        figures = {
            f"{part}_{name}": score(TARGETS, given)
            for part in ("validation", "test")
            for name, score in SCORES.items()
        }
        metrics.append(
            {"technique": "any", "seed": seed, "status": "trained", "fingerprint": FINGERPRINT}
            | figures
        )
        histories.append(pd.DataFrame({"epoch": [1]}))
        labels = np.array(CLASSES, dtype=object)
        predictions.append(
            pd.DataFrame(
                {
                    "filename": [f"{number:03}" for number in range(len(TARGETS))],
                    "split": "test",
                    "label": labels[TARGETS],
                    "predicted": labels[given.argmax(axis=1)],
                    "confidence": given.max(axis=1),
                    "label_probability": given[np.arange(len(TARGETS)), TARGETS],
                    "probabilities": list(given),
                }
            ).sample(frac=1, random_state=seed)
        )
    return collect(metrics, histories, predictions)


STUDY = {"baseline": results(1.0), "better": results(1.8), "worse": results(0.3)}
