"""A small study that tests train step by step with Keras and NumPy, without RegBench's step."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tests.training.small_study import IMAGES, TARGETS, TRAIN, network_of, protocol

from regbench.networks.kernels import roles_of
from regbench.regularizers.places.update import Clock, TrainedVariables
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training import train as training
from regbench.training.course import Epoch

RATE = 0.1
Arrays = list[np.ndarray]


def plain_descent(**changes: Any) -> Protocol:
    """Gradient descent at a constant rate: a step is the rate times the gradient."""
    return protocol(
        **{"optimizer": {"name": "sgd", "learning_rate": RATE}, "batch_size": 33} | changes
    )


def batches(shared: Protocol, seed: int = 1) -> Iterator[np.ndarray]:
    """The rows of the images of every step of a training."""
    for epoch in range(1, shared.epochs + 1):
        order = TRAIN.rows[np.random.default_rng([seed, epoch]).permutation(len(TRAIN.rows))]
        yield from np.split(order, range(shared.batch_size, len(order), shared.batch_size))


def gradient(
    network: keras.Model,
    rows: np.ndarray,
    extra: Callable[[keras.Model], tf.Tensor] = lambda network: tf.constant(0.0),
) -> Arrays:
    """The gradient of the mean cross-entropy of some images, and more, by TensorFlow's tape."""
    loss = keras.losses.SparseCategoricalCrossentropy()
    with tf.GradientTape() as tape:
        value = loss(TARGETS[rows], network(IMAGES[rows], training=True)) + extra(network)
    return [
        np.asarray(g) for g in tape.gradient(value, [v.value for v in network.trainable_variables])
    ]


def weights(network: keras.Model) -> Arrays:
    return [variable.numpy() for variable in network.trainable_variables]


def set_trained(network: keras.Model, values: Arrays) -> None:
    for variable, value in zip(network.trainable_variables, values, strict=True):
        variable.assign(value)


def moved(one: Arrays, other: Arrays, factor: float) -> Arrays:
    """Return the first and so many times the second."""
    return [a + factor * b for a, b in zip(one, other, strict=True)]


def norm_of(values: Arrays) -> float:
    return float(np.sqrt(sum((value.astype(float) ** 2).sum() for value in values)))


def assert_weights(found: Arrays, expected: Arrays, tolerance: float = 2e-6) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=tolerance)


def updated(technique: Technique | None = None, **clock: int) -> TrainedVariables:
    """The trained variables of the small network, as an update is given them."""
    network = network_of(technique or Technique())
    variables = [variable.value for variable in network.trainable_variables]
    return TrainedVariables(variables, roles_of(network), Clock.new(**clock))


def recorded(monkeypatch: Any) -> list[Arrays]:
    """The trained weights, not their average, after every epoch of the trainings to come."""
    found: list[Arrays] = []
    train_epoch = training._train_epoch

    def watched(step: Any, *arguments: Any) -> Epoch:
        epoch = train_epoch(step, *arguments)
        found.append(weights(step.network))
        return epoch

    monkeypatch.setattr(training, "_train_epoch", watched)
    return found
