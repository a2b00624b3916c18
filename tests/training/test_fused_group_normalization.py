"""Fused layer and group normalization computes what Keras' layers compute."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from regbench.training import fused_group_normalization
from regbench.training.fused_group_normalization import fuse_group_normalization, normalized

MAPS, UNITS = (5, 4, 6), (6,)


def _network(shape: tuple[int, ...], layer: keras.Layer) -> keras.Model:
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [keras.Input(shape), layer, keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(1, 0.5, weight.shape) for weight in layer.get_weights()])
    return made


def _trained(network: keras.Model, images: tf.Tensor) -> list[tf.Tensor]:
    """Return a training pass' outputs, and its gradients by weights and by the images."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = network(images, training=True)
        loss = tf.reduce_sum(outputs**2)
    wanted = [images, *(variable.value for variable in network.trainable_variables)]
    return [outputs, *tape.gradient(loss, wanted)]


def _counted(used: list[tuple[int, ...]]) -> Callable[..., tf.Tensor]:
    """Return ``normalized``, noting the shapes that it is called with."""

    def call(inputs: tf.Tensor, *weights: tf.Tensor, **settings: Any) -> tf.Tensor:
        used.append(tuple(inputs.shape[1:]))
        return normalized(inputs, *weights, **settings)

    return call


def _layer(groups: int) -> keras.Layer:
    if groups:
        return keras.layers.GroupNormalization(groups, name="normalization")
    return keras.layers.LayerNormalization(name="normalization")


@pytest.mark.parametrize("images", [1, 7])
@pytest.mark.parametrize(
    ("shape", "groups"), [(MAPS, 1), (MAPS, 2), (MAPS, 6), (UNITS, 1), (UNITS, 3), (UNITS, 0)]
)
def test_outputs_and_gradients_are_those_of_keras(
    shape: tuple[int, ...], groups: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    monkeypatch.setattr(fused_group_normalization, "normalized", _counted(used))
    values = np.random.default_rng(0).normal(2, 3, (images, *shape))
    batch = tf.constant(values, tf.float32)
    plain, fused = (_network(shape, _layer(groups)) for _ in range(2))
    fuse_group_normalization(fused)
    for found, expected in zip(_trained(fused, batch), _trained(plain, batch), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert used == [shape]


def test_the_gradient_is_that_of_the_formula_in_double_precision() -> None:
    """By central differences of the formula, of one weighted sum of the outputs."""
    random = np.random.default_rng(2)
    values, weights = random.normal(1, 2, (2, *MAPS)), random.normal(size=(2, *MAPS))
    network = keras.Sequential([keras.Input(MAPS), keras.layers.GroupNormalization(2)])
    fuse_group_normalization(network)

    def total(x: np.ndarray) -> float:
        by_group = x.reshape(2, 20, 2, 3)
        mean, variance = (f(by_group, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
        return float(((by_group - mean) / np.sqrt(variance + 1e-3)).reshape(x.shape).ravel() @ flat)

    flat = weights.ravel()
    with tf.GradientTape() as tape:
        images = tf.constant(values, tf.float32)
        tape.watch(images)
        loss = tf.reduce_sum(network(images, training=True) * weights)
    assert float(loss) == pytest.approx(total(values), rel=1e-4)
    found = tape.gradient(loss, images).numpy()
    for place in [(0, 0, 0, 0), (1, 2, 3, 4), (0, 4, 1, 5)]:
        step = np.zeros_like(values)
        step[place] = 1e-5
        slope = (total(values + step) - total(values - step)) / 2e-5
        assert found[place] == pytest.approx(slope, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        (MAPS, keras.layers.LayerNormalization),
        (UNITS, lambda: keras.layers.LayerNormalization(scale=False)),
        (MAPS, lambda: keras.layers.GroupNormalization(2, axis=2)),
        (MAPS, lambda: keras.layers.GroupNormalization(2, dtype="mixed_bfloat16")),
    ],
)
def test_other_layers_stay_as_they_are(shape: tuple[int, ...], layer: object) -> None:
    batch = tf.constant(np.random.default_rng(0).normal(size=(3, *shape)), tf.float32)
    assert callable(layer)
    plain, fused = (_network(shape, layer()) for _ in range(2))
    fuse_group_normalization(fused)
    np.testing.assert_array_equal(fused(batch, training=True), plain(batch, training=True))


def test_the_description_stays_that_of_keras() -> None:
    plain, fused = (_network(MAPS, _layer(2)) for _ in range(2))
    fuse_group_normalization(fused)
    copy = keras.models.model_from_json(fused.to_json())
    assert type(copy.get_layer("normalization")) is keras.layers.GroupNormalization
    np.testing.assert_array_equal(fused.get_weights()[0], plain.get_weights()[0])
