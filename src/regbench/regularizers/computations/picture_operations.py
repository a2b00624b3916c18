"""Operations of AutoAugment, RandAugment and AugMix on a batch, a different one for each image.

They are those of Pillow that the papers use: ``Image.transform`` and ``rotate`` with bilinear
interpolation, ``ImageOps`` and ``ImageEnhance``. An operation on grey levels is a table of 256
values for each channel of each image, whatever it is: all are looked up at once.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from regbench.regularizers.computations.affine_maps import resample
from regbench.regularizers.computations.colours import GREY

# What an operation's amount is. The order is that of its number.
AMOUNTS = {
    "identity": "none",
    "rotate": "degrees, counterclockwise",
    "shear_x": "columns of the source for each row",
    "shear_y": "rows of the source for each column",
    "translate_x": "share of the width, to the left",
    "translate_y": "share of the height, up",
    "autocontrast": "none",
    "equalize": "none",
    "posterize": "bits that are kept, rounded up",
    "solarize": "grey level from which values are inverted",
    "brightness": "factor",
    "contrast": "factor",
    "colour": "factor",
    "sharpness": "factor",
}
NUMBER = {name: number for number, name in enumerate(AMOUNTS)}
_MOVING = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
_ON_LEVELS = ("autocontrast", "equalize", "posterize", "solarize", "brightness", "contrast")

_Change = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def operate(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor, fill: str) -> tf.Tensor:
    """Return images, each changed by an operation: B x H x W x C, uint8.

    Args:
        images: B x H x W x C, uint8; C is 1 or 3. Of one channel, ``colour`` changes nothing.
        chosen: ``NUMBER`` of each image's operation, B int32.
        amounts: As in ``AMOUNTS``, B float32.
        fill: What enters at the edges: constant (black), nearest, reflect or wrap.
    """

    def moved(some: tf.Tensor, which: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
        return resample(some, _maps(tf.shape(some), which, by), fill)

    images = _apply(moved, _MOVING, images, chosen, amounts)
    images = _apply(_on_levels, _ON_LEVELS, images, chosen, amounts)
    if images.shape[-1] == 3:
        images = _apply(_recoloured, ("colour",), images, chosen, amounts)
    return _apply(_sharpened, ("sharpness",), images, chosen, amounts)


def chained(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor, fill: str) -> tf.Tensor:
    """Return images, each changed by a chain of operations: B x H x W x C, uint8.

    Those on grey levels come first, in their order, then all moves as one map: an image is
    resampled once, which is faster and blurs less.

    Args:
        images: B x H x W x C, uint8.
        chosen: ``NUMBER`` of operations, R x B int32, the first ones first; of moves,
            ``autocontrast``, ``equalize``, ``posterize``, ``solarize`` and ``identity``.
        amounts: As in ``AMOUNTS``, R x B float32.
        fill: As of ``operate``.
    """
    total = tf.constant([[1.0, 0, 0, 0, 1, 0]])
    for which, by in zip(tf.unstack(chosen), tf.unstack(amounts), strict=True):
        images = _apply(_on_levels, _ON_LEVELS, images, which, by)
        total = _followed_by(total, _maps(tf.shape(images), which, by))
    moves = tf.reduce_any(tf.gather(_among(_MOVING), chosen), axis=0)
    rows = tf.where(moves)[:, 0]
    moved = resample(tf.gather(images, rows), tf.gather(total, rows), fill)
    return _replaced(images, moves, moved)


def _followed_by(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the map of images that two maps change one after the other: B x 6."""
    a, b, c, d, e, f = tf.unstack(first, axis=1)
    g, h, i, j, k, m = tf.unstack(second, axis=1)
    x = [a * g + b * j, a * h + b * k, a * i + b * m + c]
    y = [d * g + e * j, d * h + e * k, d * i + e * m + f]
    return tf.stack([*x, *y], axis=1)


def _among(names: tuple[str, ...]) -> tf.Tensor:
    """Return whether each operation is one of those named, by number."""
    return tf.constant([name in names for name in AMOUNTS])


def _apply(
    change: _Change,
    names: tuple[str, ...],
    images: tf.Tensor,
    chosen: tf.Tensor,
    amounts: tf.Tensor,
) -> tf.Tensor:
    """Return images, changed where their operation is one of those named."""
    where = tf.gather(_among(names), chosen)
    rows = tf.where(where)[:, 0]
    some, which, by = (tf.gather(values, rows) for values in (images, chosen, amounts))
    return _replaced(images, where, change(some, which, by))


def _replaced(images: tf.Tensor, where: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """Return images with others in their place: ``by`` in order, one for each that is true.

    ``tf.tensor_scatter_nd_update`` of bytes takes four times as long.
    """
    count = tf.shape(images)[0]
    own, others = tf.range(count), count - 1 + tf.cumsum(tf.cast(where, tf.int32))
    return tf.gather(tf.concat([images, by], axis=0), tf.where(where, others, own))


def _is(chosen: tf.Tensor, name: str) -> tf.Tensor:
    return tf.equal(chosen, NUMBER[name])


def _maps(shape: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Return the affine map of each operation, from new pixels to old ones: B x 6, float32.

    As Pillow's: rotations about the middle, shears about the corner of the first pixel.
    """
    height, width = tf.unstack(tf.cast(shape[1:3], tf.float32))

    def amount_of(name: str) -> tf.Tensor:
        return tf.where(_is(chosen, name), amounts, 0.0)

    turn = amount_of("rotate") * (math.pi / 180)
    cosine, sine = tf.cos(turn), tf.sin(turn)
    shear_x, shear_y = amount_of("shear_x"), amount_of("shear_y")
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    right = (1 - cosine) * middle_x + sine * middle_y
    down = -sine * middle_x + (1 - cosine) * middle_y
    # A pixel's middle is half a pixel from its corner.
    right += shear_x / 2 + amount_of("translate_x") * width
    down += shear_y / 2 + amount_of("translate_y") * height
    return tf.stack([cosine, shear_x - sine, right, sine + shear_y, cosine, down], axis=1)


def _on_levels(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Return images with every grey level replaced by what the operation makes of it."""
    count, channels = tf.shape(images)[0], images.shape[-1]
    tables = tf.reshape(_tables(images, chosen, amounts), (-1,))
    begin = tf.reshape(256 * tf.range(count * channels), (count, 1, 1, channels))
    places = tf.cast(images, tf.int32) + begin
    return tf.gather_nd(tables, places[..., None])  # of single values faster than tf.gather


def _tables(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Return what becomes of each grey level: B x C x 256, uint8.

    What an operation needs to know of images is computed for its own images alone.
    """
    count, channels = tf.shape(images)[0], images.shape[-1]
    factors = tf.where(_is(chosen, "brightness") | _is(chosen, "contrast"), amounts, 1.0)
    # Scale and offset of levels, for every channel: B x 2 x C.
    lines = tf.stack(
        [tf.tile(factors[:, None], (1, channels)), tf.zeros((count, channels))], axis=1
    )
    rows = tf.where(_is(chosen, "autocontrast"))
    lines = tf.tensor_scatter_nd_update(lines, rows, _stretching(tf.gather(images, rows[:, 0])))
    rows = tf.where(_is(chosen, "contrast"))
    mean = tf.floor(tf.reduce_mean(_grey(tf.gather(images, rows[:, 0])), axis=(1, 2)) + 0.5)
    by = tf.gather(amounts, rows[:, 0])
    contrasted = tf.stack([by, (1 - by) * mean], axis=1)[:, :, None]
    lines = tf.tensor_scatter_nd_update(lines, rows, tf.tile(contrasted, (1, 1, channels)))
    levels = tf.range(256, dtype=tf.float32) * lines[:, 0, :, None] + lines[:, 1, :, None]
    levels = tf.cast(tf.clip_by_value(levels, 0, 255) + 0.5, tf.int32)

    plain = tf.range(256)
    first = tf.cast(tf.math.ceil(tf.where(_is(chosen, "solarize"), amounts, 256.0)), tf.int32)
    levels = tf.where(plain >= first[:, None, None], 255 - plain, levels)
    bits = tf.where(_is(chosen, "posterize"), tf.math.ceil(amounts), 8.0)
    kept = 256 - tf.cast(tf.pow(2.0, 8 - bits), tf.int32)
    levels = tf.bitwise.bitwise_and(levels, kept[:, None, None])

    rows = tf.where(_is(chosen, "equalize"))
    equalized = _equalizing(tf.gather(images, rows[:, 0]))
    return tf.cast(tf.tensor_scatter_nd_update(levels, rows, equalized), tf.uint8)


def _stretching(images: tf.Tensor) -> tf.Tensor:
    """Return the scale and offset that take each channel's levels to 0 and 255: B x 2 x C."""
    values = tf.cast(images, tf.float32)
    lowest, highest = tf.reduce_min(values, axis=(1, 2)), tf.reduce_max(values, axis=(1, 2))
    scale = tf.where(highest > lowest, 255 / tf.maximum(highest - lowest, 1), 1.0)
    return tf.stack([scale, tf.where(highest > lowest, -lowest * scale, 0.0)], axis=1)


def _equalizing(images: tf.Tensor) -> tf.Tensor:
    """Return the tables that equalize histograms, as Pillow's: B x C x 256, int32."""
    count, height, width, channels = tf.unstack(tf.shape(images))
    by_channel = tf.reshape(tf.transpose(images, (0, 3, 1, 2)), (-1, height * width))
    number = count * channels
    first = 256 * tf.range(number)[:, None]
    places = tf.reshape(first + tf.cast(by_channel, tf.int32), (-1,))
    found = tf.math.unsorted_segment_sum(tf.ones_like(places), places, 256 * number)
    found = tf.reshape(found, (number, 256))
    brightest = tf.reduce_max(by_channel, axis=1)
    of_brightest = tf.gather(found, tf.cast(brightest, tf.int32), batch_dims=1)
    step = (height * width - of_brightest)[:, None] // 255
    below = tf.cumsum(found, axis=1, exclusive=True)
    levels = tf.minimum((step // 2 + below) // tf.maximum(step, 1), 255)
    levels = tf.where(step > 0, levels, tf.range(256))
    return tf.reshape(levels, (count, channels, 256))


def _grey(images: tf.Tensor) -> tf.Tensor:
    """Return the grey of each pixel, whole levels: B x H x W, float32."""
    values = tf.cast(images, tf.float32)
    if images.shape[-1] == 1:
        return values[..., 0]
    return tf.floor(tf.linalg.matvec(values, tf.constant(GREY)) + 0.5)


def _recoloured(images: tf.Tensor, _: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Return images between their grey (0) and themselves (1), or beyond."""
    return _blended(_grey(images)[..., None], images, factors)


def _sharpened(images: tf.Tensor, _: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Return images between their smoothed selves (0) and themselves (1), or beyond.

    Smoothed by Pillow's ``ImageFilter.SMOOTH``, which leaves pixels at the edges as they are.
    """
    if min(images.shape[1:3]) < 3:
        return images  # all pixels are at an edge
    values = tf.cast(images, tf.float32)
    above, below = values[:, :-2], values[:, 2:]
    three = above + values[:, 1:-1] + below
    around = three[:, :, :-2] + three[:, :, 1:-1] + three[:, :, 2:]
    smooth = tf.floor((around + 4 * values[:, 1:-1, 1:-1]) / 13 + 0.5)
    inside = _blended(smooth, images[:, 1:-1, 1:-1], factors)
    rows = tf.concat([images[:, 1:-1, :1], inside, images[:, 1:-1, -1:]], axis=2)
    return tf.concat([images[:, :1], rows, images[:, -1:]], axis=1)


def _blended(other: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    blended = other + factors[:, None, None, None] * (tf.cast(images, tf.float32) - other)
    return tf.cast(tf.clip_by_value(blended, 0, 255) + 0.5, tf.uint8)
