"""Mixing the images and targets of a batch in pairs, and rectangles in images.

Every image is mixed with the next one of the batch, the last with the first: a batch is in random
order, so the pairs are random, too, and no image meets itself.
"""

import tensorflow as tf

from regbench.regularizers.base import Batch


def next_ones(values: tf.Tensor) -> tf.Tensor:
    """Return the values that each row is mixed with: B rows, the next ones."""
    return tf.concat([values[1:], values[:1]], axis=0)  # faster than tf.roll


def mixed_targets(batch: Batch, share: tf.Tensor) -> tf.Tensor:
    """Return each row's targets mixed with the next row's: B x classes float32 of sum 1.

    Args:
        batch: Images and targets.
        share: Of an image's own targets, B float32 from 0 to 1.
    """
    own = batch.target_shares()
    return share[:, None] * own + (1 - share[:, None]) * next_ones(own)


def beta(count: tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Return draws from Beta(alpha, alpha): ``count`` float32.

    Args:
        count: Number of draws.
        alpha: At least 0.05; much smaller ones would need more than float64's range.
        seed: 2 ints.
    """
    if alpha == 1:  # the uniform distribution
        return tf.random.stateless_uniform((count,), seed)
    return dirichlet(2, count, alpha, seed)[0]


def dirichlet(parts: int, count: tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Return draws from Dirichlet(alpha, ..., alpha): parts x ``count`` float32 of sum 1.

    Args:
        parts: Number of shares of a draw.
        count: Number of draws.
        alpha: As of ``beta``.
        seed: 2 ints.
    """
    if alpha == 1:  # Gamma(1) is the exponential distribution, which takes a tenth of the time
        draws = -tf.math.log1p(-tf.random.stateless_uniform((parts, count), seed, dtype=tf.float64))
    else:
        draws = tf.random.stateless_gamma((parts, count), seed, alpha=alpha, dtype=tf.float64)
    return tf.cast(draws / tf.reduce_sum(draws, axis=0), tf.float32)


def boxes(images: tf.Tensor, top: tf.Tensor, left: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return which pixels are inside of each image's rectangle: B x H x W x C, uint8 0 or 1.

    Args:
        images: B x H x W x C.
        top: First row, B ints; it may be outside of the image, as may the others.
        left: First column, B ints.
        size: 2 x B ints: rows and columns.
    """
    _, height, width, channels = tf.unstack(tf.shape(images))
    rows, columns = tf.range(height), tf.range(width * channels) // channels
    tall = (rows >= top[:, None]) & (rows < (top + size[0])[:, None])
    wide = (columns >= left[:, None]) & (columns < (left + size[1])[:, None])
    inside = tall[:, :, None] & wide[:, None, :]
    return tf.reshape(tf.cast(inside, tf.uint8), tf.shape(images))


def replaced(images: tf.Tensor, where: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """Return images with other values where ``where`` is 1: B x H x W x C, uint8.

    ``tf.where`` of bytes takes four times as long. (Nor is it ``by - images`` times ``where``:
    TensorFlow makes a negation of ``0 - images``, which it does not have for bytes.)

    Args:
        images: B x H x W x C, uint8.
        where: The same shape, uint8 of 0 and 1.
        by: The other values, uint8; of that shape, or one that broadcasts to it.
    """
    return images * (1 - where) + by * where
