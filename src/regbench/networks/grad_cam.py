"""Grad-CAM: where in an image a convolutional network found what it answers.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization,
2017: the last feature maps before the head, weighted by the mean gradient of the answer's logit
with respect to each, summed, and 0 where negative.
"""

from collections import deque
from collections.abc import Callable, Iterator
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
        has no feature maps, or puts several networks inside of it together.
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
    scores = network.outputs[0]
    is_softmax = isinstance(scores._keras_history.operation, keras.layers.Softmax)
    if is_softmax:
        scores = _made_from(scores)[0]
    for values in _backwards(scores):
        inner = values._keras_history.operation
        if isinstance(inner, keras.Model):
            output = inner.outputs[values._keras_history.tensor_index]
            features = _last_feature_maps(output)
            if features is not None:
                before = keras.Model(network.inputs[0], _made_from(values)[0])
                within = keras.Model(inner.inputs[0], [features, output])
                try:
                    after = keras.Model(values, scores)
                except ValueError:  # the answer comes from other networks, too
                    return None
                return partial(_in_steps, before, within, after, is_softmax)
        elif _is_feature_maps(values):
            whole = keras.Model(network.inputs[0], [values, scores])
            return partial(_at_once, whole, is_softmax)
    return None


def _at_once(
    whole: keras.Model, is_softmax: bool, images: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    features, output = whole(images, training=False)
    return features, _logits(output, is_softmax)


def _in_steps(
    before: keras.Model,
    within: keras.Model,
    after: keras.Model,
    is_softmax: bool,
    images: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the feature maps inside of an inner network, and the logits that follow from them."""
    features, output = within(before(images, training=False), training=False)
    return features, _logits(after(output, training=False), is_softmax)


def _logits(scores: tf.Tensor, is_softmax: bool) -> tf.Tensor:
    scores = tf.cast(scores, tf.float32)
    return scores if is_softmax else tf.math.log(scores + 1e-12)


def _last_feature_maps(output: keras.KerasTensor) -> keras.KerasTensor | None:
    """Return the last feature maps that a network's output is made from; None without any."""
    return next((values for values in _backwards(output) if _is_feature_maps(values)), None)


def _is_feature_maps(values: keras.KerasTensor) -> bool:
    """Return whether values are maps of features, more than one pixel in size.

    An image that is only scaled, before the first convolution, is none.
    """
    if len(values.shape) != 4 or values.shape[1:3] == (1, 1):
        return False
    made_by = (type(of._keras_history.operation).__name__ for of in _backwards(values))
    return any("Conv" in name for name in made_by)


def _backwards(values: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    """Yield values and all that they are made from, the nearest first.

    A layer may be called several times, as those of a loaded sequential network are: its
    ``output`` would be that of another call.
    """
    waiting, seen = deque([values]), set[int]()
    while waiting:
        current = waiting.popleft()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting.extend(_made_from(current))


def _made_from(values: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Return the inputs of the call of a layer that values come from."""
    history = values._keras_history
    return list(history.operation._inbound_nodes[history.node_index].input_tensors)
