"""The convolutional network: its layers, its initial weights, and the images that it takes."""

from typing import Any

import keras
import numpy as np
import pytest
from tests.networks.every_kind import plan

from regbench.networks.kinds.cnn import Cnn
from regbench.networks.weights import kernel_variables


def names(network: keras.Model) -> list[str]:
    return [layer.name for layer in network.layers]


def test_stages_of_convolutions_with_pooling_between() -> None:
    network = Cnn(filters=[4, 6], head_units=5).built(plan(dropout=0.5))
    convolution = ["convolution", "batch_normalization", "activation"]
    assert names(network) == [
        "normalization",
        *(f"{name}_1" for name in convolution),
        *(f"{name}_2" for name in convolution),
        *("pooling_1", "dropout_2"),
        *(f"{name}_3" for name in convolution),
        *(f"{name}_4" for name in convolution),
        *("global_pooling", "dropout_4"),
        *("head", "activation_5", "dropout_5"),
        *("logits", "probabilities"),
    ]
    assert network.get_layer("dropout_2").input.shape == (None, 4, 4, 4)
    assert network.get_layer("dropout_4").input.shape == (None, 6)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(layer.kernel_size == (3, 3) and not layer.use_bias for layer in convolutions)


def test_without_normalization_a_technique_may_bring_it() -> None:
    own = Cnn(filters=[4], normalization="none")
    network = own.built(plan(batch_normalization=True))
    assert names(network)[1:4] == ["convolution_1", "batch_normalization_1", "activation_1"]
    assert network.get_layer("convolution_1").use_bias
    assert own.traits().batch_normalization == ""
    assert Cnn(filters=[4]).traits().batch_normalization == "normalization: batch"


@pytest.mark.parametrize(
    ("initializer", "variance"), [("he", 2 / 576), ("glorot", 2 / 1152), (0.02, 0.02**2)]
)
def test_initial_kernels_have_the_published_variance(initializer: Any, variance: float) -> None:
    network = Cnn(filters=[64], convolutions_per_stage=3, initializer=initializer).built(plan())
    kernels = [kernel.numpy() for kernel in kernel_variables(network)[1:3]]  # 9 x 64 inputs
    assert np.var(kernels) == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("units", [None, 7])
@pytest.mark.parametrize("each", [1, 2])
def test_parameters_are_counted_before_it_is_built(units: int | None, each: int) -> None:
    cnn = Cnn(filters=[3, 5], convolutions_per_stage=each, normalization="none", head_units=units)
    assert cnn.parameters((8, 8, 3), 3) == cnn.built(plan()).count_params()


@pytest.mark.parametrize("shape", [(3, 9, 1), (9, 3, 3)])
def test_images_too_small_for_the_pooling_are_told(shape: tuple[int, int, int]) -> None:
    cnn = Cnn(filters=[2, 2, 2])
    assert cnn.problem((4, 4, 1), 2) is None
    said = cnn.problem(shape, 2)
    height, width, _ = shape
    assert said == (
        "pools 2 times by 2: images must be at least 4 x 4 pixels, not "
        f"{height} x {width}; list fewer filters, or set a larger ingest.size"
    )


def test_the_smallest_images_are_taken() -> None:
    shape = (4, 5, 1)
    network = Cnn(filters=[2, 2, 2]).built(plan(shape=shape))
    assert network.output_shape == (None, 3)
