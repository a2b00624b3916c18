"""Stochastic depth, against the paper's survival probabilities and its expectation."""

from pathlib import Path

import keras
import numpy as np
import pytest
from tests.networks.every_kind import SHAPE, built, network, plan
from tests.regularizers.whole_training import check_training

from regbench.errors import StudyError
from regbench.networks.hooks import Hooks
from regbench.networks.kinds.own import Own
from regbench.networks.kinds.resnet import Resnet
from regbench.regularizers.base import Position
from regbench.regularizers.stochastic_depth import StochasticDepth

OWN = Own(function="tests.regularizers.test_stochastic_depth.residual")


def residual(image_shape: tuple[int, int, int], classes: int, hooks: Hooks) -> keras.Model:
    values = hooks.inputs()
    for block in (1, 2):
        branch = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(values)
        values = keras.layers.Add()([values, hooks.on_branch(branch, block / 2)])
    return hooks.model(keras.layers.GlobalAveragePooling2D()(values))


def of_wrong_depth(image_shape: tuple[int, int, int], classes: int, hooks: Hooks) -> keras.Model:
    return hooks.model(keras.layers.Flatten()(hooks.on_branch(hooks.inputs(), 3)))


def dropouts(model: keras.Model) -> list[keras.layers.Dropout]:
    return [layer for layer in model.layers if layer.name.startswith("stochastic_depth")]


def test_survival_decays_linearly_with_depth() -> None:
    layers = dropouts(Resnet(depth=20).built(plan(stochastic_depth=0.5)))
    survival = [1 - layer.rate for layer in layers]
    assert survival == pytest.approx([1 - block / 9 * 0.5 for block in range(1, 10)])


def test_a_branch_is_kept_as_often_as_it_survives_and_its_mean_stays() -> None:
    at = Position(3, (2, 2, 3), 5, depth=0.8)
    (layer,) = StochasticDepth(rate=0.5, each="image").layers_on_branch(at)
    values = np.full((5000, 2, 2, 3), 2, dtype=np.float32)
    found = np.asarray(layer(values, training=True)).reshape(5000, -1)
    assert np.all(found == found[:, :1])  # whole branches
    assert np.mean(found[:, 0] > 0) == pytest.approx(0.6, abs=0.02)
    assert found.mean() == pytest.approx(2, rel=0.03)
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_one_draw_is_for_the_whole_batch() -> None:
    (layer,) = StochasticDepth(rate=0.5).layers_on_branch(Position(3, (2, 2, 3), 5, depth=1.0))
    values = np.ones((50, 2, 2, 3), dtype=np.float32)
    draws = [np.unique(layer(values, training=True)).tolist() for _ in range(200)]
    assert {tuple(draw) for draw in draws} == {(0.0,), (2.0,)}
    assert np.mean([draw == [2.0] for draw in draws]) == pytest.approx(0.5, abs=0.12)


def test_without_its_branches_a_network_is_its_shortcuts() -> None:
    """All dropped, the sum in every block is its input: of the first stage, that of the stem."""
    model = built("resnet", "stochastic_depth")
    for layer in dropouts(model):
        layer.rate = 1 - 1e-7
    outputs = [model.get_layer(name).output for name in ("activation_1", "sum_3")]
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), dtype=np.uint8)
    stem, total = keras.Model(model.inputs, outputs)(images, training=True)
    np.testing.assert_array_equal(stem, total)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "pretrained"])
def test_means_nothing_without_residual_blocks(kind: str) -> None:
    wrong = StochasticDepth().misfit(network(kind).traits(SHAPE))
    assert wrong == f"a network of kind {kind} has no residual blocks to skip"


def test_a_network_of_ones_own_says_where_its_branches_are() -> None:
    assert StochasticDepth().misfit(OWN.traits(SHAPE)) is None
    layers = dropouts(OWN.built(plan(stochastic_depth=0.4)))
    assert [layer.rate for layer in layers] == pytest.approx([0.2, 0.4])
    with pytest.raises(ValueError, match=r"does not call the hooks for the layers of stochastic_d"):
        network("own with hooks").built(plan(stochastic_depth=0.4))
    wrong = Own(function="tests.regularizers.test_stochastic_depth.of_wrong_depth")
    with pytest.raises(StudyError, match="depth is l / L for block l of L, not 3"):
        wrong.built(plan(stochastic_depth=0.4))


@pytest.mark.parametrize("each", ["batch", "image"])
def test_trains(each: str, tmp_path: Path) -> None:
    check_training("resnet", tmp_path, stochastic_depth={"rate": 0.5, "each": each})
