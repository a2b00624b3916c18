"""Fused batch normalization computes what Keras' layer computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from regbench.training.fused_normalization import fuse_batch_normalization


def _network(**settings: bool) -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((5, 4, 3)),
            keras.layers.Conv2D(6, 3),
            keras.layers.BatchNormalization(name="normalization", **settings),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def _trained(network: keras.Model, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the outputs of a training pass and the gradients of the sum of their squares."""
    with tf.GradientTape() as tape:
        outputs = network(images, training=True)
        loss = tf.reduce_sum(outputs**2)
    return outputs, tape.gradient(loss, [v.value for v in network.trainable_variables])


@pytest.mark.parametrize("images", [1, 2, 7])
@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"center": False}])
def test_outputs_gradients_and_moving_statistics_are_those_of_keras(
    images: int, settings: dict[str, bool]
) -> None:
    batch = tf.constant(np.random.default_rng(0).normal(2, 3, (images, 5, 4, 3)), tf.float32)
    plain, fused = _network(**settings), _network(**settings)
    fuse_batch_normalization(fused)
    (expected, expected_gradients), (outputs, gradients) = (
        _trained(network, batch) for network in (plain, fused)
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-3, atol=1e-3)
    for weight, other in zip(fused.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fused(batch), plain(batch), rtol=1e-4, atol=1e-4)  # inference


def test_one_value_per_channel_has_no_variance() -> None:
    network = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.BatchNormalization()])
    fuse_batch_normalization(network)
    outputs = network(tf.constant([[[[3.0, -1.0]]]]), training=True)
    np.testing.assert_array_equal(outputs, np.zeros((1, 1, 1, 2)))
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_a_frozen_layer_uses_its_moving_statistics() -> None:
    network = _network()
    fuse_batch_normalization(network)
    network.get_layer("normalization").trainable = False
    batch = tf.random.stateless_normal((4, 5, 4, 3), (1, 2))
    before = network.get_weights()
    np.testing.assert_allclose(network(batch, training=True), network(batch), rtol=1e-6)
    assert all((a == b).all() for a, b in zip(before, network.get_weights(), strict=True))


def test_the_description_stays_that_of_keras() -> None:
    plain, fused = _network(), _network()
    fuse_batch_normalization(fused)
    assert fused.to_json().count("keras.layers") == plain.to_json().count("keras.layers")
    copy = keras.models.model_from_json(fused.to_json())
    assert type(copy.get_layer("normalization")) is keras.layers.BatchNormalization


def test_layers_inside_of_layers_are_fused_and_others_are_left() -> None:
    dense = keras.layers.BatchNormalization(name="dense_normalization")
    network = keras.Sequential([_network(), dense])
    fuse_batch_normalization(network)
    assert "call" in vars(network.layers[0].get_layer("normalization"))
    assert "call" not in vars(dense)
