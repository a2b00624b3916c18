"""Cutout: squares of the paper's size with their middle anywhere in the image."""

import numpy as np
from tests.regularizers.batches import changed, random_images

from regbench.regularizers.cutout import Cutout


def test_squares_have_their_middle_anywhere_and_are_cut_off_at_the_edges() -> None:
    images = np.zeros((4000, 12, 16, 1), np.uint8)
    images[::2] = 255
    found, targets = changed(Cutout(side=0.5), images)
    assert targets.ndim == 1
    covered = (found != images)[..., 0]
    whole = covered.sum(axis=(1, 2)) == 36
    assert (covered.sum(axis=(1, 2)) <= 36).all()
    assert (found[..., 0][covered] == 128).all()  # the batch's mean
    # The middle is a pixel of the image, all alike: pixel by pixel, as many squares as expected.
    expected = np.zeros((12, 16))
    for row in range(12):
        for column in range(16):
            expected[max(row - 3, 0) : row + 3, max(column - 3, 0) : column + 3] += 1 / 192
    np.testing.assert_allclose(covered.mean(axis=0), expected, atol=0.03)
    assert abs(whole.mean() - (7 * 11) / 192) < 0.04


def test_the_mean_is_of_each_channel() -> None:
    images = random_images(30, (8, 8, 3)) // [1, 2, 4]
    found, _ = changed(Cutout(side=2), images.astype(np.uint8))
    mean = images.astype(np.uint8).mean(axis=(0, 1, 2)).round()
    assert (found == mean).all(axis=-1).mean() > 0.6


def test_images_without_a_pixel_to_cover_are_told() -> None:
    assert Cutout().problem("cnn", (1, 9, 1)) is None
    problem = Cutout(side=0.4).problem("cnn", (1, 9, 1))
    assert problem is not None
    assert "0.4 of a side, which is less than a pixel of 1 x 9" in problem
