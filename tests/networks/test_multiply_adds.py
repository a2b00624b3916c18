"""Multiply-adds against sums written out, and against what a paper gives."""

import keras
import pytest
from keras import layers
from tests.networks.every_kind import built, plan

from regbench.networks.kinds.resnet import Resnet
from regbench.networks.multiply_adds import multiply_adds


def model(*made: keras.Layer, shape: tuple[int, ...] = (9, 7, 3)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *made])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(5, 3, padding="same"), 9 * 7 * (3 * 3 * 3) * 5),
        (layers.Conv2D(5, (3, 2)), 7 * 6 * (3 * 2 * 3) * 5),
        (layers.Conv2D(5, 3, strides=2, padding="same", use_bias=False), 5 * 4 * (3 * 3 * 3) * 5),
        (layers.Conv2D(6, 3, groups=3, padding="same"), 9 * 7 * (3 * 3 * 1) * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 7 * 5 * (3 * 3) * 3 * 2),
        (layers.SeparableConv2D(5, 3), 7 * 5 * ((3 * 3) * 3 + 3 * 5)),
        (layers.Conv2DTranspose(5, 2, strides=2), 9 * 7 * (2 * 2 * 3) * 5),
        (layers.Dense(5), 9 * 7 * 3 * 5),
        (layers.BatchNormalization(), 0),
        (layers.ReLU(), 0),
    ],
    ids=lambda value: value.name if isinstance(value, keras.Layer) else "",
)
def test_a_layer_multiplies_its_kernel_at_every_place(layer: keras.Layer, expected: int) -> None:
    assert multiply_adds(model(layer)) == expected


def test_layers_are_summed_and_shared_ones_count_at_each_use() -> None:
    image = keras.Input((4, 4, 2))
    shared = layers.Conv2D(2, 1)
    values = layers.Add()([shared(image), shared(shared(image))])
    values = layers.Dense(3)(layers.Flatten()(values))
    assert multiply_adds(keras.Model(image, values)) == 3 * 4 * 4 * 2 * 2 + 32 * 3


def test_a_model_in_a_model_counts() -> None:
    inner = model(layers.Conv2D(5, 3), shape=(4, 4, 2))
    image = keras.Input((4, 4, 2))
    values = layers.Dense(3)(layers.Flatten()(inner(image)))
    assert multiply_adds(keras.Model(image, values)) == 4 * (9 * 2) * 5 + 2 * 2 * 5 * 3


def test_a_kernel_of_unknown_use_gives_no_figure() -> None:
    assert multiply_adds(model(layers.LSTM(3), layers.Dense(2), shape=(5, 2))) is None


def test_of_the_published_residual_network() -> None:
    """ResNet-20 on 32 x 32 x 3 images: 40.55 million, as often cited."""
    network = Resnet().built(plan(shape=(32, 32, 3)))
    blocks = 32 * 32 * 9 * (3 * 16 + 6 * 16 * 16)
    blocks += 16 * 16 * 9 * (16 * 32 + 5 * 32 * 32) + 8 * 8 * 9 * (32 * 64 + 5 * 64 * 64)
    assert multiply_adds(network) == blocks + 64 * 3  # three classes
    assert blocks == pytest.approx(40.55e6, rel=1e-3)


def test_of_mobilenet() -> None:
    """MobileNetV2 on 224 x 224 images: 300 million in its paper, its top of 1,000 included."""
    network = keras.applications.MobileNetV2(weights=None)
    assert multiply_adds(network) == pytest.approx(300e6, rel=0.01)


def test_of_the_fully_connected_network() -> None:
    assert multiply_adds(built("mlp")) == 192 * 8 + 8 * 6 + 6 * 3
