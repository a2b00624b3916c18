"""The residual network against what its paper gives: sizes, counts, and the sum in a block."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from tests.networks.every_kind import plan

from regbench.networks.kinds.resnet import Resnet

# Table 6 of the paper gives 0.27, 0.46, 0.66, 0.85 and 1.7 million.
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@pytest.mark.parametrize("depth", [8, 20])
def test_has_as_many_layers_with_weights_as_its_depth_says(depth: int) -> None:
    network = Resnet(depth=depth).built(plan())
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    assert sum(isinstance(layer, kinds) for layer in network.layers) == depth


@pytest.mark.parametrize("depth", PARAMETERS)
def test_has_the_published_number_of_parameters(depth: int) -> None:
    resnet = Resnet(depth=depth)
    normalization = 2 * (16 + (depth - 2) // 3 * (16 + 32 + 64))
    counted = resnet.parameters((32, 32, 3), 10) + normalization
    assert counted == PARAMETERS[depth]


@pytest.mark.parametrize("shortcut", ["identity", "projection"])
def test_parameters_are_counted_before_it_is_built(shortcut: str) -> None:
    resnet = Resnet.model_validate({"depth": 8, "filters": 3, "shortcut": shortcut})
    network = resnet.built(plan())
    normalization = sum(
        int(np.prod(weight.shape))
        for weight in network.trainable_variables
        if weight.name in ("gamma", "beta")
    )
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
    assert resnet.parameters((8, 8, 3), 3) == trained - normalization


def test_the_identity_shortcut_is_every_second_pixel_and_zeros() -> None:
    network = Resnet(depth=8, filters=4).built(plan())
    values = keras.Model(network.inputs, network.get_layer("activation_3").output)
    total = keras.Model(network.inputs, network.get_layer("sum_5").output)
    inside = keras.Model(network.inputs, network.get_layer("convolution_5_normalization").output)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    shortcut = np.asarray(total(images)) - np.asarray(inside(images))
    expected = np.pad(np.asarray(values(images))[:, ::2, ::2], [(0, 0)] * 3 + [(2, 2)])
    np.testing.assert_allclose(shortcut, expected, atol=1e-5)


def test_a_technique_has_its_layers_inside_of_every_block() -> None:
    network = Resnet(depth=8, filters=4).built(plan(dropout=0.5))
    dropouts = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.name for layer in dropouts] == ["dropout_2", "dropout_4", "dropout_6"]
    assert [layer.input.shape[1:] for layer in dropouts] == [(8, 8, 4), (4, 4, 8), (2, 2, 16)]


def test_initial_kernels_have_the_published_variance() -> None:
    network = Resnet(depth=8, filters=32).built(plan())
    kernel = network.get_layer("convolution_7").kernel.numpy()  # of 9 x 128 inputs
    assert np.var(kernel) == pytest.approx(2 / (9 * 128), rel=0.03)


@pytest.mark.parametrize(
    ("depth", "said"), [(21, "must be 6n + 2, such as 20, 26"), (7, "greater than or equal to 8")]
)
def test_a_depth_is_of_whole_blocks(depth: int, said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("+", r"\+")):
        Resnet(depth=depth)


def test_images_too_small_to_be_halved_are_told() -> None:
    assert Resnet().problem((4, 4, 1), 2) is None
    assert Resnet().problem((3, 4, 1), 2) == (
        "halves height and width twice: images must be at least 4 x 4 pixels, not 3 x 4; set a "
        "larger ingest.size"
    )
