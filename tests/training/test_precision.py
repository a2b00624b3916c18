"""Networks that compute in float16 or bfloat16, on the CPU: what a GPU would compute faster."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tests.training.small_study import (
    IMAGES,
    TARGETS,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
)

from regbench.datasets.network_dataset import NetworkDataset
from regbench.networks.inference import predict
from regbench.optimization.schedules import Horizon
from regbench.study.technique import Technique
from regbench.training import precision as training_precision
from regbench.training.precision import LossScale, built_in
from regbench.training.step import Step, step_for
from regbench.training.train import train

EVERYTHING = Technique(
    l2=1e-3,
    dropout=0.1,
    batch_normalization=True,
    zca=True,
    early_stopping={"patience": 9, "monitor": "validation_cross_entropy"},
)
MIXED = ("mixed_float16", "mixed_bfloat16")


def trained(
    precision: str, technique: Technique = EVERYTHING, **changes: Any
) -> tuple[keras.Model, pd.DataFrame]:
    with built_in(precision):
        network = network_of(technique)
    history, _ = train(
        network,
        IMAGES,
        TRAIN,
        VALIDATION,
        protocol(**{"epochs": 6, **changes}),
        1,
        regularizers_of(technique),
    )
    return network, history


@pytest.mark.parametrize("precision", MIXED)
def test_trains_with_finite_figures_and_learns(precision: str) -> None:
    network, history = trained(precision)
    figures = history.select_dtypes("number")
    assert np.isfinite(figures.to_numpy()).all()
    losses = history["train_cross_entropy"]
    assert losses.iloc[-1] < 0.9 * losses.iloc[0]
    _, exact = trained("float32")
    np.testing.assert_allclose(losses, exact["train_cross_entropy"], rtol=0.1)
    assert (losses != exact["train_cross_entropy"]).any()
    assert {w.dtype for w in network.trainable_variables} == {"float32"}


@pytest.mark.parametrize("precision", MIXED)
def test_logits_and_probabilities_are_float32(precision: str) -> None:
    with built_in(precision):
        network = network_of(EVERYTHING)
    computed = {layer.name: layer.compute_dtype for layer in network.layers}
    exact = ("normalization", "zca", "logits", "probabilities")
    assert [computed[name] for name in exact] == ["float32"] * 4
    assert computed["hidden_1"] == precision.removeprefix("mixed_")
    found = predict(network, IMAGES, VALIDATION.rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_is_set_back_afterwards() -> None:
    with built_in("mixed_float16"):
        assert keras.config.dtype_policy().name == "mixed_float16"
    assert keras.config.dtype_policy().name == "float32"
    network = network_of(Technique())
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}


@pytest.mark.parametrize("precision", MIXED)
def test_keras_alone_loads_what_was_stored(precision: str, tmp_path: Path) -> None:
    network, _ = trained(precision, epochs=1)
    path = tmp_path / "network.keras"
    NetworkDataset(filepath=str(path)).save(network)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(
        np.asarray(loaded(IMAGES[:9], training=False)),
        np.asarray(network(IMAGES[:9], training=False)),
    )
    assert loaded.get_layer("hidden_1").compute_dtype == precision.removeprefix("mixed_")


def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = (trained("mixed_float16", epochs=2)[0] for _ in range(2))
    for own, their in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(own, their)


def test_steps_that_overflow_are_left_out_until_the_scale_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training_precision, "_FIRST_SCALE", 2.0**24)  # float16 ends at 2^16
    technique = Technique(dropout=0.2)  # an architecture of its own
    with built_in("mixed_float16"):
        network = network_of(technique)
    step = step_for(network, 16, protocol().optimizer, regularizers_of(technique))
    step.begin(network, 1)
    scale, good = step._phase.loss_scale.state()
    before = network.get_weights()
    step(IMAGES[:16], TARGETS[:16], np.array([0.01]))
    assert float(scale) == 2.0**23
    for own, their in zip(
        step.network.trainable_variables, network.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(own.numpy(), their.numpy())
    for _ in range(30):
        step(IMAGES[:16], TARGETS[:16], np.array([0.01]))
    assert float(good) > 10
    assert np.isfinite(step.network.get_weights()[0]).all()
    assert (step.network.get_weights()[0] != before[0]).any()


def test_small_gradients_survive_only_scaled() -> None:
    # Of a loss divided by 2^20 the gradients are below the least float16, 6e-8.
    def gradient(scale: LossScale | None) -> float:
        weight = tf.Variable([1.0])
        with tf.GradientTape() as tape:
            product = tf.cast(
                tf.cast(weight, tf.float16) * tf.constant([1e-2], tf.float16), tf.float32
            )
            loss = tf.reduce_sum(product) / 2**20
            loss = scale.scaled(loss) if scale else loss
        found = tape.gradient(loss, [weight])
        return float((scale.unscaled(found) if scale else found)[0][0])

    assert gradient(None) == 0
    assert gradient(LossScale()) == pytest.approx(1e-2 / 2**20, rel=1e-2)


def test_the_scale_doubles_after_many_good_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_precision, "_GROWTH_STEPS", 3)
    scale = LossScale()
    applied = tf.Variable(0)

    @tf.function
    def step(gradient: tf.Tensor) -> None:
        scale.apply_finite([gradient], lambda: applied.assign_add(1))

    scales = []
    for gradient in (1.0, 1.0, 1.0, np.inf, np.nan, 1.0, 1.0, 1.0):
        step(tf.constant(gradient))
        scales.append(float(scale.state()[0]) / 2**15)
    assert scales == [1, 1, 2, 1, 0.5, 0.5, 0.5, 1]
    assert int(applied) == 6
    scale.restart()
    assert [float(v) for v in scale.state()] == [2**15, 0]


def steps_of(technique: Technique, count: int, epochs: int = 1) -> Step:
    """A step after some optimizer steps; the first ones overflow where the scale is too large."""
    with built_in("mixed_float16"):
        network = network_of(technique)
    step = step_for(network, 16, protocol().optimizer, regularizers_of(technique))
    step.begin(network, 1, count)
    step.begin_phase(frozenset(), Horizon(epochs, count // epochs))
    for _ in range(count):
        step(IMAGES[:16], TARGETS[:16], np.array([0.01]))
    return step


def scale_after(technique: Technique, count: int) -> float:
    scale = steps_of(technique, count)._phase.loss_scale
    assert scale is not None
    return float(scale.state()[0])


@pytest.mark.parametrize(
    "technique",
    [Technique(swa={"start": 0.5}), Technique(lookahead={"steps": 50})],
    ids=["swa", "lookahead"],
)
def test_steps_that_are_left_out_count_for_averages(
    technique: Technique, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_precision, "_FIRST_SCALE", 2.0**21)
    step = steps_of(technique, 12)
    assert step._phase.loss_scale is not None
    assert 0 < float(step._phase.loss_scale.state()[1]) < 12  # some are left out
    with built_in("mixed_float16"):
        first = network_of(technique).get_weights()[0]
    with step.evaluated() as network:
        kept = network.get_weights()[0]
    assert np.abs(kept - first).max() > 1e-3  # not the initial weights


def test_clipped_values_hide_no_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_precision, "_FIRST_SCALE", 2.0**24)
    expected = scale_after(Technique(), 12)
    assert expected < 2.0**20
    clipped = Technique(gradient_clipping={"by": "value"})
    assert scale_after(clipped, 12) == expected


def test_an_overflow_leaves_computed_kernels_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_precision, "_FIRST_SCALE", 2.0**24)
    step = steps_of(Technique(sam=0.05, spectral_norm=1), 20)
    for variable in [*step._phase.computed.state(), *step.network.trainable_variables]:
        assert np.isfinite(np.asarray(variable)).all()
