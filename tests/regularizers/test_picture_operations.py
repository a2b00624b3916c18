"""Every operation of RandAugment and AugMix against Pillow's, which the papers use."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from tests.regularizers.batches import random_images, smooth_images

from regbench.regularizers.computations.picture_operations import (
    AMOUNTS,
    NUMBER,
    chained,
    operate,
)

BILINEAR = Image.Resampling.BILINEAR
AFFINE = Image.Transform.AFFINE
SIDE = 20


def operated(images: np.ndarray, name: str, amount: float, fill: str = "nearest") -> np.ndarray:
    chosen = tf.fill((len(images),), NUMBER[name])
    amounts = tf.fill((len(images),), float(amount))
    return np.asarray(operate(tf.constant(images), chosen, amounts, fill))


def by_pillow(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    made = []
    for image in images:
        grey = image.shape[-1] == 1
        done = np.asarray(change(Image.fromarray(image[..., 0] if grey else image)))
        made.append(done[..., None] if grey else done)
    return np.stack(made)


def batch(channels: int) -> np.ndarray:
    """Noise, waves, and images of few levels: a flat one, one of two levels, a dark one."""
    few = np.full((3, SIDE, SIDE, 3), 77, np.uint8)
    few[1, ::2] = 200
    few[2] = random_images(1, (SIDE, SIDE, 3))[0] // 8
    waves = smooth_images(5, SIDE)
    return np.concatenate([random_images(4, (SIDE, SIDE, 3)), waves, few])[..., :channels]


LEVELS: list[tuple[str, float, Callable[[Image.Image], Image.Image]]] = [
    ("identity", 0, lambda image: image),
    ("autocontrast", 0, ImageOps.autocontrast),
    ("equalize", 0, ImageOps.equalize),
    *(("posterize", bits, lambda i, b=bits: ImageOps.posterize(i, b)) for bits in (1, 4, 8)),
    *(("solarize", level, lambda i, v=level: ImageOps.solarize(i, v)) for level in (0, 26, 256)),
    *(("brightness", f, lambda i, f=f: ImageEnhance.Brightness(i).enhance(f)) for f in (0.1, 1.9)),
    *(("contrast", f, lambda i, f=f: ImageEnhance.Contrast(i).enhance(f)) for f in (0.1, 1.9)),
    *(("colour", f, lambda i, f=f: ImageEnhance.Color(i).enhance(f)) for f in (0.1, 1.9)),
    *(("sharpness", f, lambda i, f=f: ImageEnhance.Sharpness(i).enhance(f)) for f in (0.1, 1.9)),
]
EXACT = {"identity", "equalize", "posterize", "solarize"}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "amount", "change"), LEVELS)
def test_levels_are_pillows(
    name: str, amount: float, change: Callable[[Image.Image], Image.Image], channels: int
) -> None:
    images = batch(channels)
    found = operated(images, name, amount).astype(int)
    # Pillow takes the fraction off where this rounds; a factor of 1.9 doubles the grey's rounding.
    assert np.abs(found - by_pillow(images, change)).max() <= (0 if name in EXACT else 1)


MOVING = {"rotate", "shear_x", "shear_y", "translate_x", "translate_y"}
MOVES: list[tuple[str, float, Callable[[Image.Image], Image.Image]]] = [
    ("rotate", 27, lambda i: i.rotate(27, BILINEAR)),
    ("rotate", -10, lambda i: i.rotate(-10, BILINEAR)),
    ("shear_x", 0.27, lambda i: i.transform(i.size, AFFINE, (1, 0.27, 0, 0, 1, 0), BILINEAR)),
    ("shear_y", -0.2, lambda i: i.transform(i.size, AFFINE, (1, 0, 0, -0.2, 1, 0), BILINEAR)),
    ("translate_x", 0.22, lambda i: i.transform(i.size, AFFINE, (1, 0, 4.4, 0, 1, 0), BILINEAR)),
    ("translate_y", -0.3, lambda i: i.transform(i.size, AFFINE, (1, 0, 0, 0, 1, -6), BILINEAR)),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "amount", "change"), MOVES)
def test_moves_are_pillows_where_nothing_enters(
    name: str, amount: float, change: Callable[[Image.Image], Image.Image], channels: int
) -> None:
    # Images without a black pixel: what Pillow leaves black came from outside. The pixels beside
    # it are at the edge, where the two take other neighbours.
    images = np.maximum(batch(channels), 1)
    expected = by_pillow(images, change)
    entered = (expected == 0).all(axis=-1)
    inside = ~entered
    for axis in (1, 2):
        for step in (-1, 1):
            inside &= ~np.roll(entered, step, axis)
    inside[:, [0, -1]] = inside[:, :, [0, -1]] = False
    assert inside.mean() > 0.3
    found = operated(images, name, amount).astype(int)
    assert np.abs(found - expected)[inside].max() <= 2


@pytest.mark.parametrize(("fill", "value"), [("constant", 0), ("nearest", 200)])
def test_what_enters_at_the_edges(fill: str, value: int) -> None:
    images = np.full((1, SIDE, SIDE, 1), 200, np.uint8)
    found = operated(images, "translate_x", 0.5, fill)
    assert (found[:, :, SIDE // 2 :] == value).all()
    assert (found[:, :, : SIDE // 2 - 1] == 200).all()


def test_every_image_has_an_operation_of_its_own() -> None:
    images = np.concatenate([batch(3)[4:5]] * len(AMOUNTS))
    amounts = np.array([0, 20, 0.2, 0.2, 0.2, 0.2, 0, 0, 4, 100, 0.5, 0.5, 0.5, 0.5], np.float32)
    together = operate(tf.constant(images), tf.range(len(AMOUNTS)), tf.constant(amounts), "reflect")
    for number, name in enumerate(AMOUNTS):
        alone = operated(images[:1], name, amounts[number], "reflect")
        np.testing.assert_array_equal(np.asarray(together)[number], alone[0], err_msg=name)
    assert len(np.unique(np.asarray(together).reshape(len(AMOUNTS), -1), axis=0)) == len(AMOUNTS)


def test_images_that_are_all_edge_are_not_sharpened() -> None:
    images = random_images(3, (2, 9, 3))
    np.testing.assert_array_equal(operated(images, "sharpness", 0.1), images)
    smooth = Image.fromarray(images[0]).filter(ImageFilter.SMOOTH)
    np.testing.assert_array_equal(np.asarray(smooth), images[0])


def test_a_chain_is_one_operation_after_the_other_and_moves_come_last_as_one() -> None:
    # A quarter turn and whole pixels are exact: then one map is as good as two.
    chains = [
        [("equalize", 0), ("posterize", 3), ("rotate", 90)],
        [("rotate", 90), ("translate_x", 0.25), ("identity", 0)],
        [("translate_y", 0.25), ("rotate", -90), ("translate_y", -0.2)],
        [("rotate", 90), ("solarize", 100), ("translate_x", 0.25)],
        [("solarize", 100), ("autocontrast", 0), ("solarize", 60)],
        [("identity", 0), ("identity", 0), ("identity", 0)],
    ]
    images = random_images(len(chains), (SIDE, SIDE, 3))
    chosen = [[NUMBER[chain[step][0]] for chain in chains] for step in range(3)]
    amounts = [[float(chain[step][1]) for chain in chains] for step in range(3)]
    found = chained(tf.constant(images), tf.constant(chosen), tf.constant(amounts), "constant")
    for number, chain in enumerate(chains):
        expected = images[number : number + 1]
        for name, amount in sorted(chain, key=lambda step: step[0] in MOVING):  # stable
            expected = operated(expected, name, amount, "constant")
        inside = slice(1, -1)  # float32 turns pixels at the edge by a hair out of the image
        difference = np.asarray(found)[number].astype(int) - expected[0]
        assert np.abs(difference)[inside, inside].max() <= 1, chain
