"""Gaussian noise on the pixels, and what Bishop found of it."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tests.networks.every_kind import network, plan
from tests.regularizers.whole_training import check_training

from regbench.regularizers.gaussian_noise import GaussianNoise


def noisy(values: np.ndarray, stddev: float) -> np.ndarray:
    seed, progress = tf.constant([1, 2]), tf.constant(0.0)
    return np.asarray(GaussianNoise(stddev=stddev).change_values(values, seed, progress))


def test_noise_is_normal_with_its_standard_deviation() -> None:
    noise = noisy(np.zeros((300, 1001), dtype=np.float32), 0.3)
    assert noise.mean() == pytest.approx(0, abs=0.003)
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    for quantile in (0.01, 0.25, 0.5, 0.75, 0.99):
        assert np.mean(noise < 0.3 * norm.ppf(quantile)) == pytest.approx(quantile, abs=0.005)


def test_pixels_and_images_have_noise_of_their_own() -> None:
    noise = noisy(np.zeros((4000, 40), dtype=np.float32), 1)
    np.testing.assert_allclose(np.corrcoef(noise.T), np.eye(40), atol=0.1)
    assert len(np.unique(noise[:, 0])) > 3500


def test_small_noise_penalizes_the_gradient() -> None:
    """Of a squared error of a linear output, the mean grows by stddev^2 x |w|^2: Tikhonov's."""
    random = np.random.default_rng(0)
    weights, image = random.normal(size=20), random.normal(size=20).astype(np.float32)
    outputs = noisy(np.tile(image, (100_000, 1)), 0.1).astype(float) @ weights
    error = np.mean((outputs - (image @ weights + 0.5)) ** 2)
    assert error == pytest.approx(0.25 + 0.01 * weights @ weights, rel=0.02)


def test_noise_is_added_after_whitening() -> None:
    made = network("mlp").built(plan(gaussian_noise=0.2, zca=True))
    names = [layer.name for layer in made.layers]
    assert names.index("gaussian_noise_0") > names.index("zca")


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, gaussian_noise=0.2)
