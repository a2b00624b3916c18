"""Batch normalization by TensorFlow's fused operation while training.

Keras' layer computes mean, variance and output one after another, each a pass over all values
forward and several backward: a sixth of a convolutional network's training step on a CPU. The
fused operation takes two passes forward and two backward.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from regbench.training.fused_group_normalization import fuse_group_normalization


def fuse_normalizations(network: keras.Model) -> None:
    """Let a network's normalization layers train by fewer passes over their values.

    Args:
        network: Changed in place; it is saved and described as before.
    """
    fuse_batch_normalization(network)
    fuse_group_normalization(network)


def fuse_batch_normalization(network: keras.Model) -> None:
    """Let a network's batch normalization layers use the fused operation while they train.

    Frozen layers, and those of other values than B x H x W x C, stay as they are, and so does
    inference. The network is saved and described as before.

    Args:
        network: Changed in place.
    """
    for layer in network._flatten_layers(include_self=False):  # also those of inner models
        if type(layer) is keras.layers.BatchNormalization and _can_be_fused(layer):
            keras_call = layer.call
            layer.call = partial(_call, layer, keras_call)


def _can_be_fused(layer: Any) -> bool:
    """Return whether a layer normalizes channels of B x H x W x C values; others gain nothing."""
    plain = not layer.renorm and not layer.synchronized
    return plain and layer.input_spec.ndim == 4 and layer.axis in (-1, 3)


def _call(
    layer: Any, keras_call: Any, inputs: tf.Tensor, training: bool | None = None, mask: Any = None
) -> tf.Tensor:
    """Return normalized inputs, and update the layer's moving statistics as Keras does."""
    if not (training and layer.trainable) or mask is not None:
        return keras_call(inputs, training=training, mask=mask)
    channels = inputs.shape[-1]
    result = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.ones(channels) if layer.gamma is None else layer.gamma.value,
        offset=tf.zeros(channels) if layer.beta is None else layer.beta.value,
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The operation returns Bessel's unbiased variance, n / (n - 1) of the one that Keras averages.
    count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
    variance = result.batch_variance * (tf.maximum(count - 1.0, 1.0) / count)
    moments = (layer.moving_mean, result.batch_mean), (layer.moving_variance, variance)
    for moving, value in moments:
        moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return result.y
