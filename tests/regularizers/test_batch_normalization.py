"""Batch normalization's moving averages, against their formula."""

import numpy as np
import pytest

from regbench.regularizers.base import Position
from regbench.regularizers.batch_normalization import BatchNormalization


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_moving_averages_keep_the_share_of_momentum_in_a_step(momentum: float) -> None:
    at = Position(1, (3,), 0)
    (layer,) = BatchNormalization(momentum=momentum).layers_before_activation(at)
    batches = np.random.default_rng(0).normal(5, 2, (4, 50, 3)).astype(np.float32)
    mean, variance = np.zeros(3), np.ones(3)
    for batch in batches:
        layer(batch, training=True)
        mean = momentum * mean + (1 - momentum) * batch.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * batch.var(axis=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-4)


def test_fifty_steps_are_enough_to_forget_the_initial_averages() -> None:
    entry = BatchNormalization.model_validate(True)
    (layer,) = entry.layers_before_activation(Position(1, (1,), 0))
    batch = np.linspace(3, 5, 20, dtype=np.float32)[:, None]
    for _ in range(50):
        layer(batch, training=True)
    once_trained = layer(batch, training=False).numpy()
    assert once_trained.mean() == pytest.approx(0, abs=0.05)
    assert once_trained.std() == pytest.approx(1, abs=0.05)
