"""The limit of an epoch: its floating-point operations as bare matrix products.

A batch goes forward through every layer, and backward it is one product per layer for the weights
and, but for the first layer, one for the inputs. No biases, activations, loss or optimizer.
"""

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from benchmarks.speed import child

BATCH = 128
VALIDATION_BATCH = 2048  # larger products are faster


def operations(train: int, validation: int, widths: list[int]) -> float:
    """Count the floating-point operations of an epoch.

    Args:
        train: Images that are trained on.
        validation: Images that are only predicted.
        widths: Of the network from its inputs to its outputs.
    """
    forward = sum(2.0 * inputs * outputs for inputs, outputs in pairwise(widths))
    first = 2.0 * widths[0] * widths[1]
    return train * (3 * forward - first) + validation * forward


def epoch_of_products(
    library: str, train: int, validation: int, widths: list[int], epochs: int
) -> float:
    """Time the products of whole epochs; return the median's seconds.

    Args:
        library: ``numpy`` or ``tensorflow``.
        train: Images that are trained on.
        validation: Images that are only predicted.
        widths: Of the network from its inputs to its outputs.
        epochs: How many to time.
    """
    random = np.random.default_rng(0)
    images = random.random((max(train, validation), widths[0]), np.float32)
    kernels = [  # of a size that neither grows nor shrinks what they are multiplied with
        (random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
        for shape in pairwise(widths)
    ]
    make = {"numpy": _numpy_epoch, "tensorflow": _tensorflow_epoch}[library]
    epoch = make(images[:train], images[:validation], kernels)
    epoch()
    child.wait_for_others()
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _numpy_epoch(
    train: np.ndarray, validation: np.ndarray, kernels: list[np.ndarray]
) -> Callable[[], object]:
    forward = _buffers(BATCH, kernels)
    backward = [np.empty((BATCH, len(kernel)), np.float32) for kernel in kernels]
    of_weights = [np.empty_like(kernel) for kernel in kernels]
    of_validation = _buffers(VALIDATION_BATCH, kernels)

    def epoch() -> None:
        for start in range(0, len(train), BATCH):
            inputs = [train[start : start + BATCH]]
            rows = len(inputs[0])
            for kernel, made in zip(kernels, forward, strict=True):
                inputs.append(np.matmul(inputs[-1], kernel, out=made[:rows]))
            gradient = inputs.pop()
            for layer in reversed(range(len(kernels))):
                np.matmul(inputs[layer].T, gradient, out=of_weights[layer])
                if layer:
                    gradient = np.matmul(gradient, kernels[layer].T, out=backward[layer][:rows])
        for start in range(0, len(validation), VALIDATION_BATCH):
            values = validation[start : start + VALIDATION_BATCH]
            for kernel, made in zip(kernels, of_validation, strict=True):
                values = np.matmul(values, kernel, out=made[: len(values)])

    return epoch


def _buffers(rows: int, kernels: list[np.ndarray]) -> list[np.ndarray]:
    return [np.empty((rows, kernel.shape[1]), np.float32) for kernel in kernels]


def _tensorflow_epoch(
    train: np.ndarray, validation: np.ndarray, kernels: list[np.ndarray]
) -> Callable[[], object]:
    import tensorflow as tf

    # One number of every product is added up, or TensorFlow would leave the products out.
    @tf.function
    def epoch(train: tf.Tensor, validation: tf.Tensor, kernels: list[tf.Tensor]) -> tf.Tensor:
        total = tf.zeros(())
        for start in tf.range(0, tf.shape(train)[0], BATCH):
            values = train[start : start + BATCH]
            inputs = []
            for kernel in kernels:
                inputs.append(values)
                values = tf.matmul(values, kernel)
            for layer in reversed(range(len(kernels))):
                total += tf.matmul(inputs[layer], values, transpose_a=True)[0, 0]
                if layer:
                    values = tf.matmul(values, kernels[layer], transpose_b=True)
        for start in tf.range(0, tf.shape(validation)[0], VALIDATION_BATCH):
            values = validation[start : start + VALIDATION_BATCH]
            for kernel in kernels:
                values = tf.matmul(values, kernel)
            total += values[0, 0]
        return total

    data = tf.constant(train), tf.constant(validation), [tf.constant(one) for one in kernels]
    return lambda: float(epoch(*data))  # waits for the result
