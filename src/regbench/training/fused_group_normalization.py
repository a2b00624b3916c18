"""Group normalization of feature maps with a gradient that is written down, while training.

Keras' layer takes its sums over every group in turn, and TensorFlow differentiates each of its
operations by passes of their own. Here all sums are those of channels, of which groups are made,
and the gradient takes half of the passes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf


def fuse_group_normalization(network: keras.Model) -> None:
    """Let a network's group normalization layers of feature maps train by ``normalized``.

    Those of other values than B x H x W x C float32 stay as they are, and so does inference. The
    network is saved and described as before.

    Args:
        network: Changed in place.
    """
    for layer in network._flatten_layers(include_self=False):  # also those of inner models
        if type(layer) is keras.layers.GroupNormalization and _can_be_fused(layer):
            layer.call = partial(_call, layer, layer.call)


def _can_be_fused(layer: Any) -> bool:
    of_maps = layer.input_spec.ndim == 4 and layer.axis in (-1, 3)
    return of_maps and layer.compute_dtype == "float32" and layer.scale and layer.center


def _call(layer: Any, keras_call: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Return normalized inputs; those of a model that is called to train by ``normalized``."""
    training = layer._get_call_context().get_value("training")
    if not training or None in inputs.shape[1:]:
        return keras_call(inputs)
    return normalized(
        inputs, layer.gamma.value, layer.beta.value, groups=layer.groups, epsilon=layer.epsilon
    )


def normalized(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, groups: int, epsilon: float
) -> tf.Tensor:
    """Return inputs of mean 0 and variance 1 in every group, times ``gamma`` and plus ``beta``.

    Args:
        inputs: B x H x W x C, float32; H, W and C are known.
        gamma: C values.
        beta: C values.
        groups: Equal, consecutive shares of the channels.
        epsilon: Added to variances.
    """
    height, width, channels = inputs.shape[1:]

    def computed(values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        return _normalized(values, gamma, beta, groups=groups, epsilon=epsilon)

    found = tf.custom_gradient(computed)(
        tf.reshape(inputs, (-1, height * width, channels)),
        tf.convert_to_tensor(gamma),
        tf.convert_to_tensor(beta),
    )
    return tf.reshape(found, (-1, height, width, channels))


def _normalized(
    values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, groups: int, epsilon: float
) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
    """Return normalized B x P x C values, and their gradient.

    With x the normalized values before ``gamma`` and ``beta``, r the inverse deviation of a group,
    g the upstream gradient times ``gamma``, and means over groups, the inputs' gradient is
    r (g - mean(g) - x mean(g x)), that of ``gamma`` the sum of the upstream times x.
    """
    positions, channels = values.shape[1:]

    def group_means(of_channels: tf.Tensor) -> tf.Tensor:
        """Return each channel's group's mean, B x C, of sums over positions, B x C."""
        shares = tf.reshape(of_channels, (-1, groups, channels // groups))
        means = tf.reduce_mean(shares, axis=2, keepdims=True) / positions
        return tf.reshape(tf.broadcast_to(means, tf.shape(shares)), (-1, channels))

    mean = group_means(tf.reduce_sum(values, axis=1))
    square = group_means(tf.reduce_sum(tf.square(values), axis=1))
    inverse = tf.math.rsqrt(tf.maximum(square - tf.square(mean), 0.0) + epsilon)
    scale = inverse * gamma

    def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
        sums = tf.reduce_sum(upstream, axis=1)
        products = (tf.reduce_sum(upstream * values, axis=1) - mean * sums) * inverse
        of_values = -inverse * inverse * group_means(products * gamma)
        rest = -inverse * group_means(sums * gamma) - of_values * mean
        changed = upstream * scale[:, None] + values * of_values[:, None] + rest[:, None]
        return [changed, tf.reduce_sum(products, axis=0), tf.reduce_sum(sums, axis=0)]

    return values * scale[:, None] + (beta - mean * scale)[:, None], gradient
