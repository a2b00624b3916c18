"""Random geometric changes of images: one affine map and one resampling per image.

Rotation, shear, zoom, flips and shift are multiplied into a single matrix first, so an image is
interpolated once instead of once per change: faster, and it does not blur.
"""

import math

import numpy as np
import tensorflow as tf

from regbench.study import Augmentation


def augment(images: tf.Tensor, settings: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Change every image at random.

    Args:
        images: B x H x W x C, uint8.
        settings: How far each change may go.
        seed: 2 integers; the same seed gives the same changes.

    Returns:
        B x H x W x C, uint8, bilinearly resampled.
    """
    shape = tf.shape(images)
    matrices = affine_matrices(shape[0], shape[1], shape[2], settings, seed)
    # The operation takes the first 8 of the 9 numbers; the last is 1.
    flat = tf.reshape(matrices, (-1, 9))[:, :8]
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=flat,
        output_shape=shape[1:3],
        fill_value=float(settings.fill_value),
        interpolation="BILINEAR",
        fill_mode=settings.fill.upper(),
    )
    return tf.cast(tf.round(changed), tf.uint8)


def augment_once(images: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
    """Change B x H x W x C uint8 images once, for looking at; see ``augment``."""
    return np.asarray(augment(tf.constant(images), augmentation, tf.constant([seed, 0])))


def affine_matrices(
    count: tf.Tensor, height: tf.Tensor, width: tf.Tensor, settings: Augmentation, seed: tf.Tensor
) -> tf.Tensor:
    """Draw the maps from a changed image's pixels (x, y, 1) back to the original's.

    Args:
        count: How many, B.
        height: Pixels.
        width: Pixels.
        settings: Each change is drawn evenly from its range, flips with probability one half.
        seed: 2 integers.

    Returns:
        B x 3 x 3, float32.
    """
    draws = tf.random.stateless_uniform((7, count), seed, minval=-1.0, maxval=1.0)
    rotation = draws[0] * math.radians(settings.rotation)
    shear = tf.tan(draws[1] * math.radians(settings.shear))
    zoom = 1.0 / (1.0 + draws[2] * settings.zoom)
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    shift_x, shift_y = draws[3] * settings.shift * width, draws[4] * settings.shift * height
    one, zero = tf.ones_like(rotation), tf.zeros_like(rotation)
    flip_x = tf.where(draws[5] < 0, -one, one) if settings.horizontal_flip else one
    flip_y = tf.where(draws[6] < 0, -one, one) if settings.vertical_flip else one
    middle_x, middle_y = one * (width - 1) / 2, one * (height - 1) / 2

    return (
        _matrix([[one, zero, middle_x], [zero, one, middle_y]])
        @ _matrix([[flip_x * zoom, zero, zero], [zero, flip_y * zoom, zero]])
        @ _matrix([[one, shear, zero], [zero, one, zero]])
        @ _matrix(
            [
                [tf.cos(rotation), -tf.sin(rotation), zero],
                [tf.sin(rotation), tf.cos(rotation), zero],
            ]
        )
        @ _matrix([[one, zero, shift_x - middle_x], [zero, one, shift_y - middle_y]])
    )


def _matrix(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    """Stack a batch's entries, B each, into B x 3 x 3 with the last row 0, 0, 1."""
    one, zero = tf.ones_like(rows[0][0]), tf.zeros_like(rows[0][0])
    stacked = tf.stack([tf.stack(row) for row in (*rows, [zero, zero, one])])
    return tf.transpose(stacked, (2, 0, 1))
