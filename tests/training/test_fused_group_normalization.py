"""Fused group normalization computes what Keras' layer computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from regbench.training.fused_group_normalization import fuse_group_normalization

SHAPE = (5, 4, 6)


def _network(groups: int, **settings: bool) -> keras.Model:
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.GroupNormalization(groups, name="normalization", **settings),
            keras.layers.Conv2D(6, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    layer, random = made.get_layer("normalization"), np.random.default_rng(1)
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


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("images", [1, 7])
def test_outputs_and_gradients_are_those_of_keras(groups: int, images: int) -> None:
    values = np.random.default_rng(0).normal(2, 3, (images, *SHAPE))
    batch = tf.constant(values, tf.float32)
    plain, fused = _network(groups), _network(groups)
    fuse_group_normalization(fused)
    for found, expected in zip(_trained(fused, batch), _trained(plain, batch), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(fused(batch), plain(batch))  # inference


def test_the_gradient_is_that_of_the_formula_in_double_precision() -> None:
    """By central differences of the formula, of one weighted sum of the outputs."""
    random = np.random.default_rng(2)
    values, weights = random.normal(1, 2, (2, *SHAPE)), random.normal(size=(2, *SHAPE))
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.GroupNormalization(2)])
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


def test_the_description_stays_that_of_keras_and_other_layers_are_left() -> None:
    network = _network(2)
    fuse_group_normalization(network)
    assert "call" in vars(network.get_layer("normalization"))
    copy = keras.models.model_from_json(network.to_json())
    assert type(copy.get_layer("normalization")) is keras.layers.GroupNormalization
    assert "call" not in vars(copy.get_layer("normalization"))
    unscaled = _network(2, scale=False)
    dense = keras.Sequential([keras.Input((6,)), keras.layers.GroupNormalization(2)])
    for other in (unscaled, dense):
        fuse_group_normalization(other)
        assert all("call" not in vars(layer) for layer in other.layers)
