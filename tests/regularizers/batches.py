"""Batches of random images, as a step of a training has them changed."""

from typing import Any

import numpy as np
import tensorflow as tf

from regbench.regularizers.base import Batch, Regularizer

CLASSES = 5


def random_images(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Images of whole random levels: count x H x W x C, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def smooth_images(count: int, side: int) -> np.ndarray:
    """Images of slow waves in three colours: count x side x side x 3, uint8."""
    rows, columns = np.mgrid[:side, :side] / side
    phase = np.random.default_rng(0).uniform(0, 6, (count, 1, 1, 3))
    waves = np.sin(phase + 4 * rows[..., None] + 3 * columns[..., None] * [1, -1, 2])
    return (127.5 + 110 * waves).astype(np.uint8)


def changed(
    regularizer: Regularizer, images: np.ndarray, targets: Any = None, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The images and targets that a compiled step trains on instead.

    Without targets these are 0, 1, ..., 4, 0, 1, ...
    """
    if targets is None:
        targets = np.arange(len(images), dtype=np.int32) % CLASSES

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *images.shape[1:]), tf.uint8),
            tf.TensorSpec((None, *targets.shape[1:]), targets.dtype),
            tf.TensorSpec((2,), tf.int32),
        ]
    )
    def step(images: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor) -> Any:
        batch = regularizer.change_batch(Batch(images, targets, CLASSES), seed)
        return batch.images, batch.targets

    found, shares = step(images, targets, np.array([seed, 3], np.int32))
    return found.numpy(), shares.numpy()
