"""Random erasing: areas, shapes and places of the paper, and what is put there."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from tests.regularizers.batches import changed, random_images

from regbench.regularizers.random_erasing import RandomErasing

ALWAYS = RandomErasing(probability=1)


def rectangles(settings: RandomErasing, count: int, height: int, width: int) -> list[np.ndarray]:
    shape = tf.constant([count, height, width, 1])
    return [np.asarray(part) for part in settings.rectangles(shape, tf.constant([1, 2]))]


@pytest.mark.parametrize("sides", [(32, 32), (28, 40)])
def test_areas_and_shapes_are_within_their_ranges_and_inside_the_image(
    sides: tuple[int, int],
) -> None:
    height, width = sides
    top, left, (tall, wide) = rectangles(ALWAYS, 3000, height, width)
    erased = tall > 0
    assert erased.mean() > 0.99  # of the rest, no rectangle of ten fitted
    assert ((top >= 0) & (left >= 0) & (top + tall <= height) & (left + wide <= width)).all()
    top, left, tall, wide = (part[erased] for part in (top, left, tall, wide))
    # Sides are rounded to pixels: the drawn area lies between those of sides half a pixel off.
    total = height * width
    assert ((tall + 0.5) * (wide + 0.5) >= 0.02 * total).all()
    assert ((tall - 0.5) * (wide - 0.5) <= 0.4 * total).all()
    assert ((tall + 0.5) / (wide - 0.5) >= 0.3).all()
    assert ((tall - 0.5) / (wide + 0.5) <= 1 / 0.3).all()
    assert tall.min() < 6
    assert (tall * wide).max() > 0.35 * total
    assert len(np.unique(top)) > height / 2  # they lie anywhere
    assert len(np.unique(left)) > width / 2


def test_pixels_are_noise_in_one_rectangle_and_as_they_were_elsewhere() -> None:
    images = np.full((400, 20, 30, 3), 7, np.uint8)
    found, _ = changed(ALWAYS, images)
    erased = (found != images).any(axis=-1)
    assert 0.1 < erased.mean() < 0.3  # 0.21 on average
    noise = found[erased]
    assert noise.mean() == pytest.approx(127.5, abs=1)
    counts = np.bincount(noise.ravel(), minlength=256)
    assert counts.min() > 0.8 * counts.mean()
    for mask in erased[:50]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.mean() > 0.95  # noise may hit the level that was there


@pytest.mark.parametrize(("fill", "level"), [("black", 0), ("white", 255)])
def test_a_flat_filling(fill: Any, level: int) -> None:
    images = random_images(20, (16, 16, 1)) // 2 + 60
    found, _ = changed(RandomErasing(probability=1, fill=fill), images)
    assert (found[found != images] == level).all()
    assert (found != images).any()


def test_the_share_of_images_that_are_changed() -> None:
    images = random_images(500, (16, 16, 1))
    found, _ = changed(RandomErasing(probability=0.2), images)
    assert (found != images).any(axis=(1, 2, 3)).mean() == pytest.approx(0.2, abs=0.06)


def test_wrong_areas_and_tiny_images_are_told() -> None:
    with pytest.raises(ValidationError, match=r"at most largest, not 0.5 with a largest of 0.4"):
        RandomErasing(smallest=0.5)
    assert RandomErasing().problem("mlp", (2, 2, 1)) is None
    problem = RandomErasing().problem("mlp", (1, 2, 1))
    assert problem is not None
    assert "at most 0.4 of an image, which is less than a pixel of 1 x 2" in problem
