"""The activity penalty, against Keras' own, the formula, and the gradient that reaches weights."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from scipy.special import rel_entr
from tests.networks.every_kind import plan
from tests.regularizers.whole_training import IMAGES, TARGETS, check_training, trained
from tests.training.small_study import protocol

from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.activity_penalty import ActivityPenalty
from regbench.training.step import step_for

VALUES = np.random.default_rng(0).normal(size=(6, 4, 5, 3)).astype(np.float32)


def penalty(values: np.ndarray = VALUES, **settings: Any) -> float:
    return float(ActivityPenalty(**settings).penalize_values(tf.constant(values)))


@pytest.mark.parametrize("values", [VALUES, VALUES[:, 0, 0]])
@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_is_that_of_keras(kind: str, values: np.ndarray) -> None:
    layer = keras.layers.ActivityRegularization(**{kind: 0.01})
    layer(values)
    assert penalty(values, factor=0.01, kind=kind) == pytest.approx(float(layer.losses[0]))


def test_kl_is_the_divergence_of_poisson_distributions() -> None:
    """Summed over counts, for each unit; scipy's terms p log(p / q)."""
    means = np.abs(VALUES).mean(axis=(0, 1, 2))
    counts = np.arange(60)
    factorials = np.cumprod(np.maximum(counts, 1).astype(float))

    def poisson(mean: float) -> np.ndarray:
        return np.exp(-mean) * mean**counts / factorials

    expected = sum(rel_entr(poisson(0.2), poisson(mean)).sum() for mean in means)
    assert penalty(factor=1, kind="kl", target=0.2) == pytest.approx(expected, rel=1e-4)


def test_kl_is_nearly_that_of_sigmoid_units_for_small_activations() -> None:
    values = np.full((10, 4), 0.02, dtype=np.float32)
    bernoulli = 0.03 * np.log(0.03 / 0.02) + 0.97 * np.log(0.97 / 0.98)
    assert penalty(values, factor=1, kind="kl", target=0.03) == pytest.approx(
        4 * bernoulli, rel=0.03
    )


def test_kl_is_zero_at_its_target_and_finite_for_silent_units() -> None:
    at_target = np.full((10, 4), 0.1, dtype=np.float32)
    assert penalty(at_target, factor=1, kind="kl", target=0.1) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(penalty(0 * at_target, factor=1, kind="kl"))


def test_reaches_the_weights() -> None:
    """Adam's first step goes against the sign of the gradient of loss and penalties."""
    regularizer = ActivityPenalty(factor=0.5, kind="l2")
    technique = plan(activity_penalty={"factor": 0.5, "kind": "l2"})
    network = Mlp(hidden_units=[8, 6], activation="tanh").built(technique)
    hidden = [network.get_layer(f"activity_penalty_{n}").output for n in (1, 2)]
    outputs = keras.Model(network.inputs, [network.get_layer("logits").output, *hidden])
    with tf.GradientTape() as tape:
        logits, *activations = outputs(IMAGES[:16])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(TARGETS[:16], logits)
        loss = tf.reduce_mean(losses) + sum(0.5 * tf.reduce_sum(a**2) / 16 for a in activations)
    variables = network.trainable_variables
    expected = tape.gradient(loss, [variable.value for variable in variables])
    step = step_for(network, 16, protocol().optimizer, [regularizer])
    step.begin(network, 1)
    step(IMAGES[:16], TARGETS[:16], np.array([0.01]))
    for before, after, own in zip(
        variables, step.network.trainable_variables, expected, strict=True
    ):
        moved, large = after.numpy() - before.numpy(), np.abs(own) > 1e-3
        np.testing.assert_allclose(moved[large], -0.01 * np.sign(own[large]), rtol=1e-2)


def test_less_is_active_with_it() -> None:
    def activity(**technique: Any) -> float:
        network = trained("mlp", epochs=5, **technique)
        until = keras.Model(network.inputs, network.get_layer("activation_1").output)
        return float(np.abs(until(IMAGES)).mean())

    assert activity(activity_penalty=0.1) < 0.8 * activity()


def test_a_target_is_of_kl_alone() -> None:
    with pytest.raises(ValidationError, match="target is a setting of kind kl, and kind is l1"):
        ActivityPenalty(target=0.1)
    entry = ActivityPenalty(kind="kl", target=0.1)
    assert ActivityPenalty.model_validate(entry.model_dump(mode="json")) == entry
    assert ActivityPenalty.model_validate(ActivityPenalty().in_full()) == ActivityPenalty()


@pytest.mark.parametrize(
    ("kind", "penalty"), [("mlp", 0.01), ("cnn", {"kind": "kl"}), ("resnet", {"kind": "l2"})]
)
def test_trains(kind: str, penalty: Any, tmp_path: Path) -> None:
    check_training(kind, tmp_path, activity_penalty=penalty)
