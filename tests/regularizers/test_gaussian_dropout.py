"""Gaussian dropout: multiplicative noise with the variance of dropout."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.regularizers.whole_training import check_training

from regbench.regularizers.gaussian_dropout import GaussianDropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("layer", [keras.layers.GaussianDropout, keras.layers.Dropout])
def test_noise_has_the_mean_and_variance_of_keras_layers(
    rate: float, layer: type[keras.layers.Layer]
) -> None:
    values = np.full((200, 20, 10, 9), 3, dtype=np.float32)
    seed, progress = tf.constant([1, 2]), tf.constant(0.0)
    noise = np.asarray(GaussianDropout(rate=rate).change_values(values, seed, progress)) / 3
    expected = np.asarray(layer(rate, seed=1)(values, training=True)) / 3
    assert noise.mean() == pytest.approx(1, abs=0.01)
    assert noise.var() == pytest.approx(rate / (1 - rate), rel=0.02)
    assert noise.var() == pytest.approx(expected.var(), rel=0.03)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, gaussian_dropout=0.3)
