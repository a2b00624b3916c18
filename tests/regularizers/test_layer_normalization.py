"""Layer normalization, against its formula, image by image."""

from pathlib import Path

import numpy as np
import pytest
from tests.networks.every_kind import SHAPE, network
from tests.regularizers.whole_training import check_training

from regbench.regularizers.base import Position
from regbench.regularizers.layer_normalization import LayerNormalization


@pytest.mark.parametrize("shape", [(50,), (4, 5, 6)])
@pytest.mark.parametrize("training", [True, False])
def test_normalizes_every_image_over_all_values(shape: tuple[int, ...], training: bool) -> None:
    (layer,) = LayerNormalization().layers_before_activation(Position(1, shape, 0))
    values = np.random.default_rng(0).normal(3, 2, (7, *shape)).astype(np.float32)
    found = np.asarray(layer(values, training=training)).reshape(7, -1)
    flat = values.reshape(7, -1).astype(float)
    mean, variance = flat.mean(axis=1, keepdims=True), flat.var(axis=1, keepdims=True)
    np.testing.assert_allclose(found, (flat - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    assert [weight.shape for weight in layer.trainable_weights] == [shape[-1:]] * 2


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("cnn", "a cnn with normalization: batch normalizes already"),
        ("resnet", "a resnet with batch normalization normalizes already"),
        ("pretrained", "a network of kind pretrained has no place for its layers"),
    ],
)
def test_means_nothing_where_there_is_normalization(kind: str, why: str) -> None:
    assert LayerNormalization().misfit(network(kind).traits(SHAPE)) == why


@pytest.mark.parametrize("kind", ["mlp", "cnn without normalization"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, layer_normalization=True)
