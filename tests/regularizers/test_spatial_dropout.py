"""Spatial dropout: whole feature maps are dropped, and where there are none it is told."""

from pathlib import Path

import keras
import numpy as np
import pytest
from tests.networks.every_kind import SHAPE, built, network, plan
from tests.regularizers.whole_training import check_training

from regbench.networks.kinds.cnn import Cnn
from regbench.regularizers.base import Position
from regbench.regularizers.spatial_dropout import SpatialDropout


def test_drops_whole_maps_and_scales_up_the_rest() -> None:
    (layer,) = SpatialDropout(rate=0.3).layers_after_activation(Position(1, (5, 4, 100), 1))
    values = np.random.default_rng(0).uniform(1, 2, (40, 5, 4, 100)).astype(np.float32)
    share = np.asarray(layer(values, training=True)) / values
    of_maps = share[:, 0, 0]
    np.testing.assert_allclose(
        share, np.broadcast_to(of_maps[:, None, None], share.shape), rtol=1e-6
    )
    assert np.mean(of_maps == 0) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(of_maps[of_maps != 0], 1 / 0.7, rtol=1e-6)
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_stands_where_there_are_feature_maps() -> None:
    layers = built("cnn", "spatial_dropout").layers
    dropouts = [layer for layer in layers if isinstance(layer, keras.layers.SpatialDropout2D)]
    assert [layer.name for layer in dropouts] == ["spatial_dropout_1"]  # of two stages and a head


@pytest.mark.parametrize("kind", ["mlp", "pretrained"])
def test_means_nothing_without_feature_maps(kind: str) -> None:
    wrong = SpatialDropout().misfit(network(kind).traits(SHAPE))
    assert wrong == f"a network of kind {kind} has no feature maps where its layers stand"


def test_a_single_stage_leaves_no_map() -> None:
    cnn = Cnn(filters=[4])
    assert "no feature maps" in str(SpatialDropout().misfit(cnn.traits(SHAPE)))
    with pytest.raises(ValueError, match="leave out spatial_dropout"):
        cnn.built(plan(spatial_dropout=0.3))


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, spatial_dropout=0.3)
