"""Gaussian dropout: multiplicative noise with the variance of dropout."""

from pathlib import Path

import numpy as np
import pytest
from tests.regularizers.whole_training import check_training

from regbench.regularizers.base import Position
from regbench.regularizers.dropout import Dropout
from regbench.regularizers.gaussian_dropout import GaussianDropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_noise_has_mean_1_and_the_variance_of_dropout(rate: float) -> None:
    at, values = Position(1, (2000,), 3), np.full((200, 2000), 3, dtype=np.float32)
    (layer,) = GaussianDropout(rate=rate).layers_after_activation(at)
    (dropout,) = Dropout(rate=rate).layers_after_activation(at)
    noise = np.asarray(layer(values, training=True)) / 3
    assert noise.mean() == pytest.approx(1, abs=0.01)
    assert noise.var() == pytest.approx(rate / (1 - rate), rel=0.02)
    assert noise.var() == pytest.approx(np.var(dropout(values, training=True) / 3), rel=0.02)
    np.testing.assert_array_equal(layer(values, training=False), values)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, gaussian_dropout=0.3)
