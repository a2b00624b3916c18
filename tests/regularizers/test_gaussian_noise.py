"""Gaussian noise on the pixels, and what Bishop found of it."""

from pathlib import Path

import numpy as np
import pytest
from tests.networks.every_kind import network, plan
from tests.regularizers.whole_training import check_training

from regbench.regularizers.base import Position
from regbench.regularizers.gaussian_noise import GaussianNoise


def test_noise_has_its_standard_deviation_and_is_off_once_trained() -> None:
    (layer,) = GaussianNoise(stddev=0.3).input_layers(Position(0, (1000,), 0))
    zeros = np.zeros((200, 1000), dtype=np.float32)
    noise = np.asarray(layer(zeros, training=True))
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    np.testing.assert_array_equal(layer(zeros, training=False), zeros)


def test_small_noise_penalizes_the_gradient() -> None:
    """Of a squared error of a linear output, the mean grows by stddev^2 x |w|^2: Tikhonov's."""
    (layer,) = GaussianNoise(stddev=0.1).input_layers(Position(0, (20,), 0))
    random = np.random.default_rng(0)
    weights, image = random.normal(size=20), random.normal(size=20).astype(np.float32)
    noisy = np.asarray(layer(np.tile(image, (100_000, 1)), training=True), dtype=float)
    target = image @ weights + 0.5
    error = np.mean((noisy @ weights - target) ** 2)
    assert error == pytest.approx(0.25 + 0.01 * weights @ weights, rel=0.02)


def test_noise_is_added_after_whitening() -> None:
    made = network("mlp").built(plan(gaussian_noise=0.2, zca=True))
    names = [layer.name for layer in made.layers]
    assert names.index("gaussian_noise") > names.index("zca")


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, gaussian_noise=0.2)
