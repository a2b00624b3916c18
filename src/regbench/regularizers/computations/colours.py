"""Brightness, contrast, saturation and hue of images, as one linear map per image."""

import math

import numpy as np
import tensorflow as tf

# The grey of a pixel of red, green and blue: ITU-R 601-2, as Pillow's mode L.
GREY = (0.299, 0.587, 0.114)
# Grey and two colour axes of NTSC's YIQ, from red, green and blue.
_YIQ = np.array([GREY, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])


def jittered(images: tf.Tensor, changes: tf.Tensor) -> tf.Tensor:
    """Return images of other brightness, contrast, saturation and hue: B x H x W x C, uint8.

    Args:
        images: B x H x W x C, uint8; C is 1 or 3.
        changes: 4 x B float32: of brightness, contrast and saturation the factor less 1; of hue the
            share of a full turn. Those of images of one channel are brightness and contrast.
    """
    values = tf.cast(images, tf.float32)
    bright, contrast, saturation, hue = tf.unstack(changes)
    mean = tf.reduce_mean(values, axis=(1, 2))  # of every channel
    bright, contrast = bright + 1, contrast + 1
    scale = bright * contrast
    if images.shape[-1] == 1:
        offset = (1 - contrast) * bright * mean[:, 0]
        values = values * scale[:, None, None, None] + offset[:, None, None, None]
    else:
        grey = bright * tf.linalg.matvec(mean, tf.constant(GREY))
        # The offset is grey: saturation and hue leave it as it is.
        offset = (1 - contrast) * grey
        colours = scale[:, None, None] * _colour_maps(saturation + 1, hue)
        flat = tf.reshape(values, (tf.shape(images)[0], -1, 3))
        flat = tf.matmul(flat, colours, transpose_b=True) + offset[:, None, None]
        values = tf.reshape(flat, tf.shape(images))
    return tf.cast(tf.clip_by_value(values, 0, 255) + 0.5, tf.uint8)


def _colour_maps(saturation: tf.Tensor, hue: tf.Tensor) -> tf.Tensor:
    """Return matrices of red, green and blue that change saturation and hue: B x 3 x 3, float32.

    In YIQ: the first axis stays, the other two are scaled and turned.

    Args:
        saturation: Factors, B.
        hue: Shares of a full turn, B.
    """
    turn = 2 * math.pi * hue
    cosine, sine = saturation * tf.cos(turn), saturation * tf.sin(turn)
    zero, one = tf.zeros_like(turn), tf.ones_like(turn)
    rows = [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]]
    turned = tf.transpose(tf.stack([tf.stack(row) for row in rows]), (2, 0, 1))
    to_yiq = tf.constant(_YIQ, tf.float32)
    back = tf.constant(np.linalg.inv(_YIQ), tf.float32)
    return back @ turned @ to_yiq
