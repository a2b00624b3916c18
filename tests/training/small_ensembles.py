"""Ensembles of a small study, for tests: trained as the training's node does it."""

from typing import Any

import keras
import numpy as np
from tests.training.small_study import (
    CLASSES,
    IMAGES,
    TARGETS,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
)

from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.ensemble import Member, Members
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training.ensembles import Images, Trained, train_technique

SET = Images(IMAGES, TRAIN, VALIDATION, CLASSES)


def ensemble(
    technique: Technique,
    shared: Protocol | None = None,
    seed: int = 1,
    more: list[Regularizer] | None = None,
    **options: Any,
) -> Trained:
    """Train what a technique trains with a seed."""
    return train_technique(
        lambda of: network_of(technique, of),
        options.pop("images", SET),
        shared or protocol(),
        seed,
        [*regularizers_of(technique), *(more or [])],
        **options,
    )


def answers(network: keras.Model, rows: np.ndarray = VALIDATION.rows) -> np.ndarray:
    """Return a network's probabilities, as Keras computes them."""
    return np.asarray(network(IMAGES[rows], training=False), dtype=float)


class RecordedMembers(Members):
    """Records how members are to be trained, and trains none: answers are given by the test."""

    def __init__(self, answers: list[np.ndarray] | None = None, epochs: int = 15) -> None:
        self.seed, self.epochs, self.classes = 7, epochs, CLASSES
        self.targets, self.validation_targets = TARGETS[TRAIN.rows], TARGETS[VALIDATION.rows]
        self.asked: list[Member] = []
        self._answers = answers or []

    def train(self, member: Member) -> Any:
        self.asked.append(member)
        return f"network {len(self.asked)}"

    def probabilities(self, network: Any) -> np.ndarray:
        return self._answers[len(self.asked) - 1]

    def validation_probabilities(self, network: Any) -> np.ndarray:
        return self._answers[int(network.split()[1]) - 1]
