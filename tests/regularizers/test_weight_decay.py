"""Decoupled weight decay against AdamW, against plain Keras, and what docs/weight-decay.md says."""

from pathlib import Path
from typing import Any

import keras
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
    updated,
    weights,
)
from tests.training.small_study import network_of, protocol, trained

from regbench.regularizers.weight_decay import WeightDecay
from regbench.study.technique import Technique

PAGE = Path(__file__).parents[2] / "docs" / "weight-decay.md"
COSINE = {"name": "cosine"}


def test_with_adam_it_is_adamw_to_the_bit() -> None:
    decayed, _ = trained(
        Technique(weight_decay=0.5, batch_normalization=True), protocol(schedule=COSINE)
    )
    adamw = {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.5}
    other, _ = trained(
        Technique(batch_normalization=True), protocol(optimizer=adamw, schedule=COSINE)
    )
    for one, two in zip(decayed.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_with_momentum_it_is_that_of_keras() -> None:
    sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}
    decayed, _ = trained(Technique(weight_decay=0.5), plain_descent(optimizer=sgd, epochs=3))
    plain = network_of(Technique())
    theirs = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.5)
    theirs.exclude_from_weight_decay(
        var_list=[v for v in plain.trainable_variables if v.name == "bias"]
    )
    for rows in batches(plain_descent(epochs=3)):
        theirs.apply([tf.constant(g) for g in gradient(plain, rows)], plain.trainable_variables)
    assert_weights(weights(decayed), weights(plain))


def test_shrinks_kernels_and_leaves_biases_and_normalization_alone() -> None:
    variables = updated(Technique(batch_normalization=True))
    before = [variable.numpy() for variable in variables]
    update = WeightDecay(factor=0.5).update(variables)
    update.before_step(tf.constant(0.1))
    kinds = [role.kind for role in variables.roles]
    assert set(kinds) == {"kernel", "bias", "scale"}
    for kind, variable, old in zip(kinds, variables, before, strict=True):
        shrunk = 0.95 if kind == "kernel" else 1.0
        np.testing.assert_allclose(variable.numpy(), shrunk * old, rtol=1e-6)
        assert kind == "kernel" or (variable.numpy() == old).all()
    assert update.state() == []


def descent(extra: Any, optimizer: Any, steps: int = 3) -> list[np.ndarray]:
    """Weights after some steps of an optimizer on the loss and something more."""
    network = network_of(Technique())
    for rows in list(batches(plain_descent(epochs=2)))[:steps]:
        found = [tf.constant(g) for g in gradient(network, rows, extra)]
        optimizer.apply(found, network.trainable_variables)
    return weights(network)


def kernels(network: keras.Model) -> list[tf.Variable]:
    return [v.value for v in network.trainable_variables if v.name == "kernel"]


def penalty(factor: float) -> Any:
    return lambda network: factor * sum(tf.reduce_sum(kernel**2) for kernel in kernels(network))


def coupled(decay: float, rate: float, steps: int = 3) -> list[np.ndarray]:
    """PyTorch's SGD(weight_decay=decay): decay x w is added to the gradient of every kernel."""
    network = network_of(Technique())
    for rows in list(batches(plain_descent(epochs=2)))[:steps]:
        found = gradient(network, rows)
        for number, variable in enumerate(network.trainable_variables):
            if variable.name == "kernel":
                found[number] = found[number] + decay * variable.numpy()
        set_trained(network, moved(weights(network), found, -rate))
    return weights(network)


def test_the_strengths_on_the_page_are_the_same_under_gradient_descent() -> None:
    # l2 of 0.0005 = Keras' L2(0.0005) = PyTorch's weight_decay of 0.001 = weight_decay of 0.001.
    l2, decay, rate = 0.05, 0.1, 0.1  # larger, so that a difference would show
    of_keras = descent(penalty(l2), keras.optimizers.SGD(rate))
    assert_weights(coupled(decay, rate), of_keras)
    decoupled = keras.optimizers.SGD(rate, weight_decay=decay)
    decoupled.exclude_from_weight_decay(var_names=["bias"])
    assert_weights(descent(penalty(0), decoupled), of_keras)
    ours, _ = trained(Technique(weight_decay=decay), plain_descent(batch_size=65, epochs=1))
    one = keras.optimizers.SGD(rate)
    network = network_of(Technique())
    rows = next(batches(plain_descent(batch_size=65, epochs=1)))
    found = gradient(network, rows, penalty(l2))
    one.apply([tf.constant(g) for g in found], network.trainable_variables)
    assert_weights(weights(ours), weights(network))


def test_and_differ_under_adam() -> None:
    adam = descent(penalty(0.05), keras.optimizers.Adam(0.01))
    adamw = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    adamw.exclude_from_weight_decay(var_names=["bias"])
    difference = max(
        np.abs(a - b).max() for a, b in zip(adam, descent(penalty(0), adamw), strict=True)
    )
    assert difference > 1e-3


def test_the_worked_figures_are_on_the_page() -> None:
    page = PAGE.read_text()
    normalized = 0.025 * np.sqrt(128 / (50_000 * 100))
    assert f"{normalized:.3g}" in page
    assert f"{normalized / 0.001:.3f}" in page
    steps = 15 * int(np.ceil(2000 / 128))
    assert f"{steps} steps" in page
    shrunk = np.prod(
        [1 - 0.1 * 0.001 * (1 + np.cos(np.pi * step / steps)) / 2 for step in range(steps)]
    )
    assert shrunk == pytest.approx(np.exp(-0.1 * 0.0005 * steps), abs=1e-3)
    assert f"{100 * (1 - shrunk):.1f} %" in page
