"""Soft orthogonality against its formulas, exact and estimated."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    moved,
    plain_descent,
    set_trained,
    weights,
)
from tests.training.small_study import network_of, trained

from regbench.regularizers.orthogonal import Orthogonal
from regbench.study.technique import Technique

KERNEL = np.random.default_rng(0).normal(size=(12, 10)).astype(np.float32)
SEED = tf.constant([1, 2])


def by_formula(kernel: np.ndarray, unit_length: bool) -> float:
    gram = kernel.T.astype(float) @ kernel.astype(float)
    rest = gram - np.eye(len(gram)) if unit_length else gram * (1 - np.eye(len(gram)))
    return float((rest**2).sum())


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("kernel", [KERNEL, KERNEL.T, KERNEL[:3], KERNEL[:, :3]])
def test_exact_is_the_formula(kernel: np.ndarray, unit_length: bool) -> None:
    penalty = Orthogonal(factor=0.1, unit_length=unit_length, probes=None)
    found = float(penalty.penalty(tf.constant(kernel), SEED))
    assert found == pytest.approx(0.1 * by_formula(kernel, unit_length), rel=1e-5)


@pytest.mark.parametrize("unit_length", [False, True])
def test_is_zero_for_orthogonal_units(unit_length: bool) -> None:
    basis, _ = np.linalg.qr(KERNEL)
    lengths = 1 if unit_length else np.linspace(0.5, 2, 10)
    kernel = tf.constant((basis * lengths).astype(np.float32))
    for probes in (None, 4):
        penalty = Orthogonal(factor=1, unit_length=unit_length, probes=probes)
        assert float(penalty.penalty(kernel, SEED)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("unit_length", [False, True])
def test_the_estimate_is_right_on_average_and_so_is_its_gradient(unit_length: bool) -> None:
    penalty = Orthogonal(factor=0.1, unit_length=unit_length, probes=8)
    exact = Orthogonal(factor=0.1, unit_length=unit_length, probes=None)
    kernel = tf.Variable(KERNEL)

    @tf.function
    def found(one: Any, seed: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            value = one.penalty(tf.identity(kernel), seed)
        return value, tape.gradient(value, kernel)

    several = [found(penalty, tf.constant([7, number])) for number in range(400)]
    values = np.array([float(value) for value, _ in several])
    gradients = np.array([gradient.numpy() for _, gradient in several])
    value, expected = found(exact, SEED)
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - float(value)) < 4 * error
    assert values.std() > 0.01 * values.mean()  # it does estimate
    errors = gradients.std(axis=0) / np.sqrt(len(gradients))
    assert np.abs((gradients.mean(axis=0) - expected.numpy()) / errors).max() < 5


def test_small_layers_are_exact() -> None:
    penalty = Orthogonal(factor=1, probes=10)
    assert float(penalty.penalty(tf.constant(KERNEL), SEED)) == pytest.approx(
        by_formula(KERNEL, unit_length=False), rel=1e-5
    )


def test_a_training_is_that_by_hand() -> None:
    shared = plain_descent(epochs=2)
    model, history = trained(Technique(orthogonal={"factor": 0.1, "probes": None}), shared)
    plain = network_of(Technique())

    def penalty(network: Any) -> tf.Tensor:
        total = tf.constant(0.0)
        for name in ("hidden_1", "hidden_2"):
            gram = tf.transpose(network.get_layer(name).kernel) @ network.get_layer(name).kernel
            total += 0.1 * tf.reduce_sum((gram - tf.linalg.diag(tf.linalg.diag_part(gram))) ** 2)
        return total

    for rows in batches(shared):
        set_trained(plain, moved(weights(plain), gradient(plain, rows, penalty), -0.1))
    assert_weights(weights(model), weights(plain))
    assert history["penalty"].iloc[-1] == pytest.approx(float(penalty(plain)), rel=1e-3)


def test_draws_units_apart() -> None:
    def pairs(technique: Technique) -> float:
        model, _ = trained(technique, plain_descent(epochs=6))
        return by_formula(model.get_layer("hidden_1").kernel.numpy(), unit_length=False)

    without = pairs(Technique())
    assert pairs(Technique(orthogonal=0.05)) < 0.7 * without
