"""Group normalization, against its formula, image by image and group by group."""

from pathlib import Path

import numpy as np
import pytest
from tests.networks.every_kind import SHAPE, network
from tests.regularizers.whole_training import check_training

from regbench.regularizers.base import Position
from regbench.regularizers.group_normalization import GroupNormalization


@pytest.mark.parametrize("shape", [(12,), (4, 5, 12)])
def test_normalizes_groups_of_channels(shape: tuple[int, ...]) -> None:
    entry = GroupNormalization(channels_per_group=4)
    (layer,) = entry.layers_before_activation(Position(1, shape, 0))
    values = np.random.default_rng(0).normal(3, 2, (7, *shape)).astype(np.float32)
    found = np.asarray(layer(values, training=True)).reshape(7, -1, 3, 4)
    groups = values.astype(float).reshape(7, -1, 3, 4)
    mean = groups.mean(axis=(1, 3), keepdims=True)
    variance = groups.var(axis=(1, 3), keepdims=True)
    np.testing.assert_allclose(found, (groups - mean) / np.sqrt(variance + 1e-5), atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "groups"), [(64, 4), (16, 1), (500, 50), (8, 1), (17, 17), (48, 3)]
)
def test_a_group_has_the_most_channels_that_come_out_even(channels: int, groups: int) -> None:
    at = Position(1, (4, 4, channels), 0)
    (layer,) = GroupNormalization().layers_before_activation(at)
    assert layer.groups == groups


def test_means_nothing_where_there_is_normalization() -> None:
    wrong = GroupNormalization().misfit(network("cnn").traits(SHAPE))
    assert wrong == "a cnn with normalization: batch normalizes already"
    without = network("cnn without normalization")
    assert GroupNormalization().misfit(without.traits(SHAPE)) is None


@pytest.mark.parametrize("kind", ["mlp", "cnn without normalization"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, group_normalization={"channels_per_group": 2})
