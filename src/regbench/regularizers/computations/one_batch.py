"""A batch as a regularizer changes it, for pictures."""

import numpy as np
import tensorflow as tf

from regbench.regularizers.base import Batch, Regularizer


def changed_images(
    regularizer: Regularizer, images: np.ndarray, targets: np.ndarray, classes: int, seed: int
) -> np.ndarray:
    """Return a batch's images as a step of a training would get them.

    Args:
        regularizer: One with ``change_batch``, bound to its data.
        images: B x H x W x C, uint8.
        targets: B class numbers, int.
        classes: Number of classes.
        seed: For random numbers; the same seed gives the same images.

    Returns:
        B x H x W x C, uint8. Of several views of every image, the last one.
    """
    batch = Batch(tf.constant(images), tf.constant(targets, tf.int32), classes)
    changed = np.asarray(regularizer.change_batch(batch, tf.constant([seed, 0])).images)
    return changed[-len(images) :]
