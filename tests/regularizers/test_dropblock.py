"""DropBlock, against the paper's algorithm value by value."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tests.networks.every_kind import SHAPE, built, network
from tests.regularizers.whole_training import check_training

from regbench.networks.inference import predict
from regbench.regularizers.dropblock import Dropblock

ONES = tf.ones((64, 12, 10, 8))


def dropped(block: Dropblock, progress: float = 1.0, values: tf.Tensor = ONES) -> np.ndarray:
    seed = tf.constant([3, 4])
    return np.asarray(block.change_values(values, seed, tf.constant(progress)))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_follows_the_algorithm(size: int) -> None:
    """Bernoulli squares of the same random numbers, set one by one; the rest keeps the mean."""
    found = dropped(Dropblock(rate=0.15, block_size=size))
    rows, columns = 12 - size + 1, 10 - size + 1
    gamma = 0.15 / size**2 * 12 * 10 / (rows * columns)
    random = tf.random.stateless_uniform((64, rows, columns, 8), (3, 4)).numpy()
    mask = np.ones(found.shape)
    for image, row, column, channel in np.argwhere(random < gamma):
        mask[image, row : row + size, column : column + size, channel] = 0
    np.testing.assert_allclose(found, mask / mask.mean(), rtol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_keeps_the_share_that_the_rate_leaves(size: int) -> None:
    """A value is kept if no square that covers it begins: (1 - gamma)^n, n squares cover it."""
    kept = np.mean(dropped(Dropblock(rate=0.2, block_size=size)) > 0)
    rows, columns = 12 - size + 1, 10 - size + 1
    gamma = 0.2 / size**2 * 120 / (rows * columns)
    covering = np.zeros((12, 10))
    for row in range(rows):
        for column in range(columns):
            covering[row : row + size, column : column + size] += 1
    expected = np.mean((1 - gamma) ** covering)
    assert kept == pytest.approx(expected, abs=0.02)
    assert kept == pytest.approx(0.8, abs=0.04)  # the paper's approximation


def test_the_rate_grows_from_0_over_the_training() -> None:
    shares = [np.mean(dropped(Dropblock(rate=0.4, block_size=1), p) == 0) for p in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0, 0.2, 0.4], abs=0.01)
    constant = Dropblock(rate=0.4, block_size=1, ramp=False)
    assert np.mean(dropped(constant, 0.0) == 0) == pytest.approx(0.4, abs=0.01)


def test_a_map_smaller_than_the_block_is_dropped_as_a_whole() -> None:
    found = dropped(Dropblock(rate=0.3, block_size=7), values=tf.ones((200, 4, 4, 10)))
    of_maps = found.reshape(200, 16, 10)
    assert np.all(of_maps == of_maps[:, :1])
    assert np.mean(of_maps == 0) == pytest.approx(0.3, abs=0.03)


def test_values_of_16_bits_stay_so() -> None:
    found = Dropblock().change_values(tf.cast(ONES, tf.bfloat16), tf.constant([1, 2]), 1.0)
    assert found.dtype == tf.bfloat16


def test_the_network_has_a_layer_without_effect() -> None:
    plain, marked = built("cnn"), built("cnn", "dropblock")
    assert [layer.name for layer in marked.layers if "dropblock" in layer.name] == ["dropblock_1"]
    images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)
    np.testing.assert_array_equal(
        predict(plain, images, np.arange(5)), predict(marked, images, np.arange(5))
    )


def test_means_nothing_for_a_dense_network() -> None:
    assert "no feature maps" in str(Dropblock().misfit(network("mlp").traits(SHAPE)))


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, dropblock={"rate": 0.2, "block_size": 2})
