"""The max-norm constraint against Keras', and after every step of a training."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.networks.every_kind import ENTRIES, network, plan
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    moved,
    plain_descent,
    recorded,
    set_trained,
    weights,
)
from tests.training.small_study import network_of, trained

from regbench.networks.kernels import hidden_kernels_in_order
from regbench.regularizers.max_norm import MaxNorm
from regbench.study.technique import Technique


@given(st.integers(0, 2**31), st.floats(0.01, 10))
@settings(deadline=None, max_examples=30)
def test_longer_columns_are_scaled_and_shorter_ones_stay(seed: int, limit: float) -> None:
    random = np.random.default_rng(seed)
    kernel = (random.normal(size=(6, 5)) * 10.0 ** random.integers(-3, 3, 5)).astype(np.float32)
    kernel[:, 0] = 0
    found = MaxNorm(limit=limit).constrain(tf.constant(kernel)).numpy()
    norms = np.linalg.norm(kernel.astype(float), axis=0)
    short = norms < limit * (1 - 1e-6)
    np.testing.assert_array_equal(found[:, short], kernel[:, short])
    assert np.all(np.linalg.norm(found.astype(float), axis=0) <= limit * (1 + 1e-6))
    theirs = np.asarray(keras.constraints.MaxNorm(limit, axis=0)(kernel))
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_holds_after_every_step_of_a_training(optimizer: str, monkeypatch: Any) -> None:
    found = recorded(monkeypatch)
    rate = {"adam": 0.05, "sgd": 2.0}[optimizer]
    shared = plain_descent(
        optimizer={"name": optimizer, "learning_rate": rate}, batch_size=65, epochs=8
    )
    model, _ = trained(Technique(max_norm=0.9), shared)
    kernels = [n for n, v in enumerate(model.trainable_variables) if v.name == "kernel"]
    assert len(found) == 8
    for values in found:
        *hidden, last = (np.linalg.norm(values[n], axis=0) for n in kernels)
        assert max(norms.max() for norms in hidden) <= 0.9 * (1 + 1e-6)
    assert any(norms.max() > 0.9 * (1 - 1e-6) for norms in hidden)  # it had something to do
    assert last.max() > 0.9  # the logits are free


def test_a_training_is_that_by_hand() -> None:
    shared = plain_descent(epochs=3)
    model, _ = trained(Technique(max_norm=0.8), shared)
    plain = network_of(Technique())
    constraint = keras.constraints.MaxNorm(0.8, axis=0)
    for rows in batches(shared):
        new = moved(weights(plain), gradient(plain, rows), -0.1)
        for number in (0, 2):  # the hidden kernels
            new[number] = np.asarray(constraint(new[number]))
        set_trained(plain, new)
    assert_weights(weights(model), weights(plain))


@pytest.mark.parametrize("name", ["cnn", "resnet", "pretrained"])
def test_a_filter_is_what_has_a_norm(name: str) -> None:
    model = network(name).built(plan())
    for kernel in hidden_kernels_in_order(model):
        kernel.assign_matrix(MaxNorm(limit=0.01).constrain(kernel.as_matrix()))
        values = kernel.variable.numpy()
        norms = np.sqrt((values.astype(float) ** 2).sum(axis=kernel.incoming))
        np.testing.assert_allclose(norms, 0.01, rtol=1e-5)
    depthwise = [k for k in hidden_kernels_in_order(model) if len(k.incoming) == 2]
    assert bool(depthwise) == (name == "pretrained")
    assert name in ENTRIES
