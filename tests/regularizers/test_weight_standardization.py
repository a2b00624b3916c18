"""Weight standardization: mean and variance of what is kept, its gradient, and what it needs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.networks.every_kind import SHAPE, network
from tests.regularizers.whole_training import check_training

from regbench.networks.base import Network
from regbench.networks.weights import hidden_kernels, trained_kernels
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.reparametrization import Units
from regbench.regularizers.weight_standardization import WeightStandardization
from regbench.study.fit import misfits
from regbench.study.technique import Technique

RANDOM = np.random.default_rng(0)


def test_weights_of_a_unit_have_mean_0_and_variance_1() -> None:
    weights = RANDOM.normal(0.3, 0.05, (30, 7)).astype(np.float32)
    made = WeightStandardization().reparametrize(Units(30, 7))
    found = np.asarray(made.computed(tf.constant(weights), training=True), dtype=float)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.var(axis=0), 1, rtol=1e-3)
    expected = (weights - weights.mean(axis=0)) / weights.std(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_gradient_leaves_mean_and_scale_of_the_weights_alone() -> None:
    """As the paper shows: it is orthogonal to shifts and to a growth of a unit's weights."""
    weights = tf.Variable(RANDOM.normal(size=(20, 3)).astype(np.float32))
    made = WeightStandardization().reparametrize(Units(20, 3))
    with tf.GradientTape() as tape:
        computed = made.computed(weights.value(), training=True)
        loss = tf.reduce_sum(computed * RANDOM.normal(size=(20, 3)).astype(np.float32))
    gradient = tape.gradient(loss, weights).numpy()
    assert np.abs(gradient).max() > 0.1
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose((gradient * weights.numpy()).sum(axis=0), 0, atol=1e-4)


def test_constant_weights_and_single_inputs_give_no_nan() -> None:
    for incoming in (20, 1):
        weights = tf.Variable(tf.ones((incoming, 3)))
        made = WeightStandardization().reparametrize(Units(incoming, 3))
        with tf.GradientTape() as tape:
            computed = made.computed(weights.value(), training=True)
        assert np.all(np.isfinite(tape.gradient(computed, weights)))
        np.testing.assert_array_equal(computed, np.full((incoming, 3), incoming == 1))


@pytest.mark.parametrize("kind", ["resnet", "own without hooks"])
def test_trains(kind: str, tmp_path: Path) -> None:
    kept = check_training(kind, tmp_path, weight_standardization=True)
    assert_standardized(kept)


def test_trains_with_a_normalization_of_the_technique(tmp_path: Path) -> None:
    technique = {
        "weight_standardization": True,
        "group_normalization": {"channels_per_group": 2},
        "l2": 0.01,
    }
    assert_standardized(check_training("mlp", tmp_path, **technique))


def assert_standardized(kept: Any) -> None:
    hidden = len(hidden_kernels(kept))
    *kernels, logits = trained_kernels(kept)
    assert len(kernels) == hidden
    for kernel in kernels:
        by_output = kernel.reshape(-1, kernel.shape[-1]).astype(float)
        np.testing.assert_allclose(by_output.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(by_output.var(axis=0), 1, rtol=1e-3)
    assert np.abs(logits.var(axis=0) - 1).max() > 0.1  # the last one is not


def told(of: Network, **technique: Any) -> list[str]:
    entry = Technique.model_validate(technique)
    return [found.message for found in misfits(of.traits(SHAPE), {"mine": entry}, {})]


def test_needs_a_normalization() -> None:
    (line,) = told(network("mlp"), weight_standardization=True)
    assert line.startswith("this mlp has no normalization, without which outputs grow with the nu")
    assert told(network("mlp"), weight_standardization=True, layer_normalization=True) == []
    assert told(network("cnn"), weight_standardization=True) == []
    assert len(told(network("cnn without normalization"), weight_standardization=True)) == 1
    assert told(network("own with hooks"), weight_standardization=True) == []  # not known


def test_trained_kernels_are_not_changed() -> None:
    pretrained = network("pretrained")
    assert told(pretrained, weight_standardization=True) == []
    with_weights = pretrained.model_copy(update={"weights": "imagenet"})
    assert told(with_weights, weight_standardization=True) == [
        "the kernels of this pretrained are trained already, and it changes them"
    ]


def test_limits_of_the_kernels_beside_it_are_told() -> None:
    def told(**others: Any) -> str | None:
        made = Technique.model_validate(others).regularizers({})
        beside = Beside("adam", 0, "cosine", 1, {one.key(): one for one in made})
        return WeightStandardization().clash(beside)

    assert told(l2=0.1) is None
    assert told(max_norm=2, l2=0.1) == (
        "it scales the kernels, which max_norm limits: leave one of them out"
    )
