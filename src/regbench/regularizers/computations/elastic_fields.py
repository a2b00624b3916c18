"""Smooth random fields of displacements, and images whose pixels they displace."""

import numpy as np
import tensorflow as tf
from scipy import ndimage


def fields(images: tf.Tensor, alpha: float, sigma: float, seed: tf.Tensor) -> tf.Tensor:
    """Return a field of displacements for each image: 2 x B x H x W, float32, pixels.

    Rows first, then columns: uniform noise from -1 to 1, smoothed by a Gaussian, times ``alpha``.

    Args:
        images: B x H x W x C.
        alpha: Pixels.
        sigma: Standard deviation of the Gaussian, pixels.
        seed: 2 ints.
    """
    count, (_, height, width, _) = tf.shape(images)[0], images.shape
    shape = (2, count, height, width)
    noise = tf.random.stateless_uniform(shape, seed, minval=-1.0, maxval=1.0)
    return smoothed(noise, sigma) * alpha


def smoothed(values: tf.Tensor, sigma: float) -> tf.Tensor:
    """Return SciPy's ``gaussian_filter`` over the last two axes: ... x H x W, float32.

    Outside is 0. The filter of an axis is linear: a product with a matrix, which is faster here.

    Args:
        values: ... x H x W, float32.
        sigma: Standard deviation, pixels.
    """
    by_rows, by_columns = (_filter(size, sigma) for size in values.shape[-2:])
    # One large product instead of many small ones where the axis is the last.
    along = tf.reshape(tf.reshape(values, (-1, values.shape[-1])) @ by_columns, tf.shape(values))
    return tf.matmul(by_rows, along, transpose_a=True)


def _filter(size: int, sigma: float) -> tf.Tensor:
    unit = np.eye(size)
    found = ndimage.gaussian_filter1d(unit, sigma, axis=1, mode="constant")
    return tf.constant(found, tf.float32)


def distorted(images: tf.Tensor, moves: tf.Tensor, fill: str) -> tf.Tensor:
    """Return images with each pixel taken from where its displacement points, bilinearly.

    Args:
        images: B x H x W x C, uint8.
        moves: 2 x B x H x W, float32, pixels.
        fill: What is outside: constant (black) or nearest, the pixel at the edge.

    Returns:
        B x H x W x C, uint8.
    """
    count, (_, height, width, channels) = tf.shape(images)[0], images.shape
    # A frame of one pixel: black, or the edge again.
    mode = "CONSTANT" if fill == "constant" else "SYMMETRIC"
    framed = tf.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode)
    rows = tf.range(1.0, height + 1)[:, None] + moves[0]
    columns = tf.range(1.0, width + 1) + moves[1]
    rows = tf.clip_by_value(rows, 0.0, float(height + 1))
    columns = tf.clip_by_value(columns, 0.0, float(width + 1))
    # The last points are in the last cell, at its end.
    row, column = tf.minimum(tf.floor(rows), height), tf.minimum(tf.floor(columns), width)
    # The four pixels around a point, side by side: they are fetched at once.
    around = tf.concat(
        [framed[:, :-1, :-1], framed[:, :-1, 1:], framed[:, 1:, :-1], framed[:, 1:, 1:]], axis=3
    )
    around = tf.reshape(around, (-1, 4 * channels))
    tall, wide = height + 1, width + 1
    first = tf.range(count)[:, None, None] * (tall * wide)
    places = first + tf.cast(row, tf.int32) * wide + tf.cast(column, tf.int32)
    found = tf.cast(tf.gather(around, places), tf.float32)
    upper_left, upper_right, lower_left, lower_right = tf.split(found, 4, axis=-1)
    down, right = (rows - row)[..., None], (columns - column)[..., None]
    upper = upper_left + right * (upper_right - upper_left)
    lower = lower_left + right * (lower_right - lower_left)
    return tf.cast(upper + down * (lower - upper) + 0.5, tf.uint8)
