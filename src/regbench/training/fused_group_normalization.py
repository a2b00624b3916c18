"""Layer and group normalization with a gradient that is written down, while training.

TensorFlow differentiates every operation of Keras' layers by passes of its own. Written down, the
gradient takes half of them. All of it is of values x normalized in groups: with r the inverse
deviation of a group, g the upstream gradient times ``gamma``, and means over groups, the inputs'
gradient is r (g - mean(g) - x mean(g x)), that of ``gamma`` the sum of the upstream times x.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

# The outputs; and their gradient, by inputs, ``gamma`` and ``beta``, of the upstream one.
_Normalized = tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]


def fuse_group_normalization(network: keras.Model) -> None:
    """Let a network's layer and group normalization compute by ``normalized``.

    Of B x units or B x H x W x C values, float32; others stay as they are. The network is saved
    and described as before.

    Args:
        network: Changed in place.
    """
    for layer in network._flatten_layers(include_self=False):  # also those of inner models
        if type(layer) in (keras.layers.LayerNormalization, keras.layers.GroupNormalization):
            layer.call = partial(_call, layer, layer.call)


def _call(layer: Any, keras_call: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Return normalized inputs, by ``normalized`` if it computes what Keras' layer does."""
    rank = len(inputs.shape)
    if type(layer) is keras.layers.LayerNormalization:
        groups, fits = 1, rank == 2 and layer.axis in ([1], [-1]) and not layer.rms_scaling
    else:
        groups, fits = layer.groups, rank in (2, 4) and layer.axis in (-1, rank - 1)
    if not (fits and layer.scale and layer.center and layer.compute_dtype == "float32"):
        return keras_call(inputs)
    return normalized(
        inputs, layer.gamma.value, layer.beta.value, groups=groups, epsilon=layer.epsilon
    )


def normalized(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, groups: int, epsilon: float
) -> tf.Tensor:
    """Return inputs of mean 0 and variance 1 in every group, times ``gamma`` and plus ``beta``.

    Args:
        inputs: B x C or B x H x W x C, float32.
        gamma: C values.
        beta: C values.
        groups: Equal, consecutive shares of the channels.
        epsilon: Added to variances.
    """
    channels = inputs.shape[-1]
    of_units = len(inputs.shape) == 2
    compute = _units_normalized if of_units else _maps_normalized

    def computed(values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> _Normalized:
        return compute(values, gamma, beta, groups, epsilon)

    shape = tf.shape(inputs)
    values = inputs if of_units else tf.reshape(inputs, (shape[0], shape[1] * shape[2], channels))
    weights = (tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta))
    return tf.ensure_shape(
        tf.reshape(tf.custom_gradient(computed)(values, *weights), shape), inputs.shape
    )


def _units_normalized(
    values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, groups: int, epsilon: float
) -> _Normalized:
    """Return normalized B x C values; a row of a matrix is a group."""
    channels = values.shape[1]

    def as_groups(of_units: tf.Tensor) -> tf.Tensor:
        return tf.reshape(of_units, (-1, channels // groups))

    def as_units(of_groups: tf.Tensor) -> tf.Tensor:
        return tf.reshape(of_groups, (-1, channels))

    def mean(of_groups: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(of_groups, axis=1, keepdims=True)

    centred = as_groups(values)
    centred -= mean(centred)
    inverse = tf.math.rsqrt(mean(tf.square(centred)) + epsilon)
    plain = centred * inverse

    def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
        scaled = as_groups(upstream * gamma)
        changed = inverse * (scaled - mean(scaled) - plain * mean(scaled * plain))
        of_gamma = tf.reduce_sum(upstream * as_units(plain), axis=0)
        return [as_units(changed), of_gamma, tf.reduce_sum(upstream, axis=0)]

    return as_units(plain) * gamma + beta, gradient


def _maps_normalized(
    values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, groups: int, epsilon: float
) -> _Normalized:
    """Return normalized B x P x C values, P positions; sums of groups are made of channels'."""
    channels = values.shape[2]
    positions = tf.cast(tf.shape(values)[1], tf.float32)

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
