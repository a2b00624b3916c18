"""Grad-CAM: where in an image a convolutional network found what it answers.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization,
2017: the last feature maps before the head, weighted by the mean gradient of the answer's logit
with respect to each, summed, and 0 where negative.
"""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

_BATCH = 16  # images at once: feature maps and gradients of large photos take memory


def grad_cam(network: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the Grad-CAM maps of images for the class that the network answers.

    Args:
        network: Trained; maps raw uint8 images to probabilities.
        images: M x H x W x C, uint8.

    Returns:
        Maps, M x h x w float32 in the size of the last feature maps, the largest value of each 1
        (0 where no feature speaks for the answer); and the answers, M ints. None if the network
        has no feature maps.
    """
    explained = _features_and_scores(network)
    if explained is None:
        return None
    maps, answers = [], []
    for start in range(0, len(images), _BATCH):
        chunk = tf.constant(images[start : start + _BATCH])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in network.variables:  # frozen ones too: features depend on some weight
                tape.watch(variable.value)
            features, scores = explained(chunk)
            answer = tf.argmax(scores, axis=1)
            of_answer = tf.gather(scores, answer, axis=1, batch_dims=1)
        gradients = tf.cast(tape.gradient(of_answer, features), tf.float32)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        raw = tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), axis=-1))
        largest = tf.reduce_max(raw, axis=(1, 2), keepdims=True)
        maps.append(tf.math.divide_no_nan(raw, largest).numpy())
        answers.append(answer.numpy())
    return np.concatenate(maps), np.concatenate(answers)


def _features_and_scores(
    network: keras.Model,
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] | None:
    """Return the function from images to the last feature maps and the logits.

    Where the last layer is no softmax on its own, the logarithm of the probabilities stands in for
    the logits. The feature maps may be those of a network inside of the network.
    """
    last = network.layers[-1]
    is_softmax = isinstance(last, keras.layers.Softmax)
    scores = last.input if is_softmax else last.output
    for layer in reversed(network.layers):
        if isinstance(layer, keras.Model):
            inner = _last_feature_maps(layer)
            if inner is not None:
                return _through_inner(network, layer, inner, scores, is_softmax)
        elif _has_feature_maps(layer):
            whole = keras.Model(network.inputs[0], [layer.output, scores])
            return partial(_at_once, whole, is_softmax)
    return None


def _at_once(
    whole: keras.Model, is_softmax: bool, images: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    features, output = whole(images, training=False)
    return features, _logits(output, is_softmax)


def _through_inner(
    network: keras.Model,
    inner: keras.Model,
    layer: keras.Layer,
    scores: keras.KerasTensor,
    is_softmax: bool,
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the function from images to the feature maps of a layer in an inner network."""
    call = inner._inbound_nodes[-1]  # no public name leads to what a model was called on
    before = keras.Model(network.inputs[0], call.input_tensors[0])
    within = keras.Model(inner.inputs[0], [layer.output, inner.outputs[0]])
    after = keras.Model(call.outputs[0], scores)

    def features_and_scores(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features, output = within(before(images, training=False), training=False)
        return features, _logits(after(output, training=False), is_softmax)

    return features_and_scores


def _logits(scores: tf.Tensor, is_softmax: bool) -> tf.Tensor:
    scores = tf.cast(scores, tf.float32)
    return scores if is_softmax else tf.math.log(scores + 1e-12)


def _last_feature_maps(network: keras.Model) -> keras.Layer | None:
    """Return the last layer of a network whose output is feature maps; None without any."""
    found = (layer for layer in reversed(network.layers) if _has_feature_maps(layer))
    return next(found, None)


def _has_feature_maps(layer: keras.Layer) -> bool:
    """Return whether a layer yields maps of features, more than one pixel in size.

    An image that is only scaled, before the first convolution, is none.
    """
    shape = getattr(getattr(layer, "output", None), "shape", ())
    if len(shape) != 4 or shape[1:3] == (1, 1):
        return False
    return _is_below_a_convolution(layer)


def _is_below_a_convolution(layer: keras.Layer) -> bool:
    """Return whether a layer is a convolution or comes after one."""
    waiting, seen = [layer], set[int]()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if "Conv" in type(current).__name__:
            return True
        for node in current._inbound_nodes:
            waiting += [tensor._keras_history.operation for tensor in node.input_tensors]
    return False
