"""Kernels that a regularizer computes from the variables that are trained, each with a toy."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.training.test_places import (
    IMAGES,
    RATE,
    TARGETS,
    TRAIN,
    VALIDATION,
    Averaged,
    Clipped,
    Summed,
    Toy,
    built,
    protocol,
    trained,
)

from regbench.networks.base import Phase
from regbench.networks.kernels import Kernel, hidden_kernels_in_order
from regbench.networks.weights import hidden_kernels, trained_kernels
from regbench.regularizers.batch_normalization import BatchNormalization
from regbench.regularizers.dropout import Dropout
from regbench.regularizers.places.reparametrization import Reparametrization, Units
from regbench.training import step as training_step
from regbench.training.train import train


@pytest.fixture(autouse=True)
def _compiled_anew() -> None:
    training_step.compiled_step.cache_clear()


class Cubed(Reparametrization):
    def computed(self, kernel: tf.Tensor, *, training: bool) -> tf.Tensor:
        return kernel**3


class Cubic(Toy):
    def reparametrize(self, units: Units) -> Reparametrization:
        return Cubed()


class Same(Reparametrization):
    def computed(self, kernel: tf.Tensor, *, training: bool) -> tf.Tensor:
        return tf.identity(kernel)


class Unchanged(Toy):
    def reparametrize(self, units: Units) -> Reparametrization:
        return Same()


def step_of(*regularizers: Toy, steps: int = 1) -> tuple[keras.Model, training_step.Step]:
    network = built(*regularizers)
    step = training_step.step_for(network, 30, protocol().optimizer, list(regularizers))
    step.begin(network, 1)
    for _ in range(steps):
        step(IMAGES[:30], TARGETS[:30], np.array([RATE]))
    return network, step


def test_the_computed_kernel_is_used_and_its_variable_trained() -> None:
    """The first loss is of w^3, the gradient goes through it, and w^3 is what is kept."""
    start, step = step_of(Cubic())
    before = [variable.numpy() for variable in start.trainable_variables]
    plain = built()
    hidden = {id(variable) for variable in hidden_kernels(plain)}
    with tf.GradientTape() as tape:
        values = [variable.value for variable in plain.trainable_variables]
        computed = [
            (variable, value**3 if id(variable) in hidden else value * 1.0)
            for variable, value in zip(plain.trainable_variables, values, strict=True)
        ]
        until = keras.Model(plain.inputs, plain.get_layer("logits").output)
        with keras.StatelessScope(state_mapping=computed):
            logits = until(IMAGES[:30], training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(TARGETS[:30], logits)
        loss = tf.reduce_mean(losses)
    for old, new, own in zip(
        before, step.network.trainable_variables, tape.gradient(loss, values), strict=True
    ):
        moved, large = new.numpy() - old, np.abs(own) > 1e-3
        np.testing.assert_allclose(moved[large], -RATE * np.sign(own[large]), rtol=2e-2)
    variables = [kernel.numpy() for kernel in hidden_kernels(step.network)]
    step.finish(start)
    for kept, variable in zip(trained_kernels(start), variables, strict=False):
        np.testing.assert_allclose(kept, variable**3, rtol=1e-6)
    for kernel, variable in zip(hidden_kernels(step.network), variables, strict=True):
        np.testing.assert_array_equal(kernel.numpy(), variable)  # and training may go on


def test_what_is_evaluated_is_what_is_kept() -> None:
    network, history = trained(Cubic(), epochs=3)
    probabilities = np.asarray(network(IMAGES[30:], training=False), dtype=float)
    expected = -np.log(probabilities[np.arange(10), TARGETS[30:]]).mean()
    assert history["validation_cross_entropy"].iloc[-1] == pytest.approx(expected, rel=1e-4)


def test_without_an_effect_everything_else_goes_on_as_before() -> None:
    """Moving statistics and random generators, too."""
    others = [BatchNormalization(), Dropout()]
    plain, _ = trained(*others, epochs=2)
    same, _ = trained(Unchanged(), *others, epochs=2)
    for one, other in zip(plain.variables, same.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=one.path)


def test_averages_are_of_the_variables_and_their_statistics_of_the_computed_kernels() -> None:
    network, history = trained(Cubic(), Averaged(), BatchNormalization(), epochs=3)
    until = keras.Model(network.inputs, network.get_layer("hidden_1").output)
    values = np.asarray(until(IMAGES[:30], training=False), dtype=float)
    layer = network.get_layer("batch_normalization_1")
    np.testing.assert_allclose(layer.moving_mean.numpy(), values.mean(axis=0), atol=1e-3)
    assert np.isfinite(history["validation_cross_entropy"]).all()


def test_penalties_and_constraints_are_of_the_variables() -> None:
    _, step = step_of(Cubic(), Summed(), Clipped())
    variables = [kernel.numpy() for kernel in hidden_kernels(step.network)]
    assert all(np.abs(variable).max() <= np.float32(0.1) for variable in variables)
    expected = sum(0.3 * (variable.astype(float) ** 4).sum() for variable in variables)
    assert step.penalty() == pytest.approx(expected, rel=1e-4)


def test_a_phase_ends_with_the_computed_kernels() -> None:
    network = built(Cubic())
    before = network.get_layer("hidden_1").kernel.numpy()
    phases = (Phase("tail", 1, 0.0, frozenset()), Phase("head", 1, 0.01, frozenset({"hidden_1"})))
    arguments: Any = (IMAGES, TRAIN, VALIDATION, protocol(), 1, [Cubic()])
    train(network, *arguments, phases=phases)
    after = network.get_layer("hidden_1").kernel.numpy()
    np.testing.assert_allclose(after, before**3, rtol=1e-4, atol=1e-9)


def test_a_training_begins_with_the_weights_of_the_network_as_they_are() -> None:
    shared = protocol()
    still = shared.model_copy(
        update={"optimizer": shared.optimizer.model_copy(update={"learning_rate": 0.0})}
    )
    network = built(Cubic())
    before = [kernel.numpy() for kernel in hidden_kernels(network)]
    train(network, IMAGES, TRAIN, VALIDATION, still, 1, [Cubic()])
    for kernel, old in zip(hidden_kernels(network), before, strict=True):
        np.testing.assert_allclose(kernel.numpy(), old**3, rtol=1e-5, atol=1e-9)


def units(*layers: keras.Layer) -> list[Units]:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *layers,
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    return [kernel.units() for kernel in hidden_kernels_in_order(network)]


def test_units_of_every_kind_of_layer() -> None:
    layers = keras.layers
    assert units(layers.Dense(5)) == [Units(3, 5)]
    assert units(layers.Conv2D(5, 4)) == [Units(48, 5)]
    assert units(layers.Conv2DTranspose(5, 4)) == [Units(48, 5)]
    assert units(layers.DepthwiseConv2D(4)) == [Units(16, 3, channels=3)]
    assert units(layers.DepthwiseConv2D(4, depth_multiplier=2)) == [Units(16, 6, channels=3)]
    assert units(layers.SeparableConv2D(5, 4)) == [Units(16, 3, channels=3), Units(3, 5)]


def test_a_kernel_comes_back_from_its_matrix() -> None:
    values = np.arange(48.0).reshape(2, 2, 3, 4)
    for incoming in ((0, 1, 2), (0, 1, 3), (0, 1)):
        kernel = Kernel(tf.Variable(values), incoming)
        np.testing.assert_array_equal(kernel.from_matrix(kernel.as_matrix()), values)
