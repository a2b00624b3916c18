"""Elastic distortion against SciPy's Gaussian filter and resampling."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from tests.regularizers.batches import changed, random_images

from regbench.regularizers.computations.elastic_fields import distorted, fields, smoothed
from regbench.regularizers.elastic import Elastic


@pytest.mark.parametrize("sigma", [0.5, 4.0, 12.0])
def test_smoothing_is_scipys(sigma: float) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 3, 17, 28)).astype(np.float32)
    found = smoothed(tf.constant(noise), sigma)
    for field, own in zip(noise.reshape(6, 17, 28), np.reshape(found, (6, 17, 28)), strict=True):
        expected = ndimage.gaussian_filter(field, sigma, mode="constant")
        np.testing.assert_allclose(own, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("fill", "mode"), [("nearest", "nearest"), ("constant", "constant")])
def test_resampling_is_scipys(fill: str, mode: str, channels: int) -> None:
    images = random_images(4, (11, 14, channels))
    moves = np.random.default_rng(1).normal(0, 4, (2, 4, 11, 14)).astype(np.float32)
    found = np.asarray(distorted(tf.constant(images), tf.constant(moves), fill))
    rows, columns = np.mgrid[:11, :14]
    for number in range(4):
        for channel in range(channels):
            framed = (
                np.pad(images[number, ..., channel].astype(float), 1)
                if fill == "constant"
                else np.pad(images[number, ..., channel].astype(float), 1, mode="edge")
            )
            expected = ndimage.map_coordinates(
                framed,
                [rows + 1 + moves[0, number], columns + 1 + moves[1, number]],
                order=1,
                mode="nearest",
            )
            np.testing.assert_allclose(found[number, ..., channel], expected, atol=0.52)


def test_a_field_of_zeros_leaves_images_as_they_are() -> None:
    images = random_images(3, (9, 9, 3))
    zeros = tf.zeros((2, 3, 9, 9))
    for fill in ("nearest", "constant"):
        np.testing.assert_array_equal(distorted(tf.constant(images), zeros, fill), images)


def test_displacements_are_as_large_as_the_filter_says() -> None:
    # Smoothed white noise of variance 1/3 has 1/3 / (4 pi sigma^2), far from the edges.
    images = tf.zeros((300, 40, 40, 1), tf.uint8)
    found = np.asarray(fields(images, 34.0, 4.0, tf.constant([1, 2])))
    middle = found[:, :, 17:23, 17:23]
    expected = 34 * np.sqrt(1 / 3 / (4 * np.pi * 16))
    assert middle.std() == pytest.approx(expected, rel=0.05)
    assert abs(np.corrcoef(middle[0].ravel(), middle[1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("side", [14, 56])
def test_larger_images_are_distorted_as_much_of_their_size(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((2, side, side, 1), np.uint8)
    asked = {}

    def noted(images: tf.Tensor, alpha: float, sigma: float, seed: tf.Tensor) -> tf.Tensor:
        asked["alpha"], asked["sigma"] = alpha, sigma
        return fields(images, alpha, sigma, seed)

    monkeypatch.setattr("regbench.regularizers.computations.elastic_fields.fields", noted)
    changed(Elastic(), images)
    scale = side / 28
    assert asked == pytest.approx({"alpha": 34 * scale**2, "sigma": 4 * scale})
    # The standard deviation, 34 / (2 sqrt(3 pi) 4) pixels of 28, is the same share of the side.
    assert asked["alpha"] / asked["sigma"] / side == pytest.approx(34 / 4 / 28)


def test_images_that_are_too_small_are_told() -> None:
    assert Elastic().problem("mlp", (8, 8, 1)) is None
    problem = Elastic().problem("mlp", (4, 20, 1))
    assert problem is not None
    assert "8 x 8 pixels or more, not 4 x 20: set a larger ingest.size" in problem


@pytest.mark.parametrize("shape", [(8, 4096), (4096, 8)])
@pytest.mark.parametrize("fill", ["nearest", "constant"])
def test_long_images_may_be_moved_past_their_edges(shape: tuple[int, int], fill: str) -> None:
    images = random_images(1, (*shape, 1))
    outside = np.asarray(distorted(tf.constant(images), tf.fill((2, 1, *shape), 9000.0), fill))
    assert (outside == (images[0, -1, -1, 0] if fill == "nearest" else 0)).all()
