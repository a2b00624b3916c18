"""Random affine augmentation of images, with a single resampling per image.

Rotation, shear, zoom, flips and shift are combined into one map, so an image is interpolated once
instead of once per change: faster, and less blurred.
"""

import math
from itertools import pairwise

import numpy as np
import tensorflow as tf

from regbench.regularizers.augmentation import Augmentation

# A batch is resampled in this many slices in parallel: TensorFlow uses one core for up to 150,000
# pixels.
_SLICES = 4


def augment(images: tf.Tensor, settings: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Return images changed by random affine maps.

    Args:
        images: B x H x W x C, uint8.
        settings: The range of each change.
        seed: 2 ints; the same seed gives the same changes.

    Returns:
        B x H x W x C, uint8, bilinearly resampled.
    """
    count, height, width, _ = tf.unstack(tf.shape(images))
    maps = affine_maps(count, height, width, settings, seed)
    return resample(images, maps, settings.fill, settings.fill_value)


def augment_once(images: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
    """Return ``augment``'s images as a NumPy array, for plots: B x H x W x C, uint8."""
    return np.asarray(augment(tf.constant(images), augmentation, tf.constant([seed, 0])))


def resample(images: tf.Tensor, maps: tf.Tensor, fill: str, fill_value: int = 0) -> tf.Tensor:
    """Return images resampled by affine maps, bilinearly: B x H x W x C, uint8.

    Args:
        images: B x H x W x C, uint8.
        maps: B x 6, float32, as ``affine_maps`` returns them.
        fill: What enters at the edges: constant, nearest, reflect or wrap.
        fill_value: The grey level of a constant fill.
    """
    count = tf.shape(images)[0]
    borders = [count * number // _SLICES for number in range(_SLICES + 1)]
    slices = [
        _resample(images[start:end], maps[start:end], fill, fill_value)
        for start, end in pairwise(borders)
    ]
    return tf.ensure_shape(tf.concat(slices, axis=0), images.shape)


def _resample(images: tf.Tensor, maps: tf.Tensor, fill: str, fill_value: int) -> tf.Tensor:
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.pad(maps, [(0, 0), (0, 2)]),  # zeros: affine, no perspective
        output_shape=tf.shape(images)[1:3],
        fill_value=float(fill_value),
        interpolation="BILINEAR",
        fill_mode=fill.upper(),
    )
    return tf.cast(tf.round(changed), tf.uint8)


def affine_maps(
    count: tf.Tensor, height: tf.Tensor, width: tf.Tensor, settings: Augmentation, seed: tf.Tensor
) -> tf.Tensor:
    """Return random maps from an output image's pixels (x, y) to the input's.

    About the image's middle: a shift, then a rotation, a shear along x, a zoom and flips. The
    product is written out: multiplying matrices took a fifth of a batch's time.

    Args:
        count: Number of maps, B.
        height: Of the images, in pixels.
        width: Of the images, in pixels.
        settings: Each change is drawn uniformly from its range, flips with probability one half.
        seed: 2 ints.

    Returns:
        B x 6, float32: a, b, c, d, e, f of x' = a x + b y + c and y' = d x + e y + f.
    """
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    draws = tf.random.stateless_uniform((7, count), seed, minval=-1.0, maxval=1.0)
    turn, slant, zoom, right, down, side, upside = tf.unstack(draws)
    turn *= math.radians(settings.rotation)
    cosine, sine = tf.cos(turn), tf.sin(turn)
    slant = tf.tan(slant * math.radians(settings.shear))
    zoom_x = zoom_y = 1.0 / (1.0 + zoom * settings.zoom)
    if settings.horizontal_flip:
        zoom_x = tf.where(side < 0, -zoom_x, zoom_x)
    if settings.vertical_flip:
        zoom_y = tf.where(upside < 0, -zoom_y, zoom_y)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    shift_x = right * (settings.shift * width) - middle_x
    shift_y = down * (settings.shift * height) - middle_y
    a, b = zoom_x * (cosine + slant * sine), zoom_x * (slant * cosine - sine)
    d, e = zoom_y * sine, zoom_y * cosine
    c = a * shift_x + b * shift_y + middle_x
    f = d * shift_x + e * shift_y + middle_y
    return tf.stack([a, b, c, d, e, f], axis=1)
