"""Weights, pruning and files of any network: functional, nested, with and without bias."""

from pathlib import Path

import keras
import numpy as np
import pytest

from regbench.datasets.network_dataset import NetworkDataset
from regbench.evaluation.pruning import pruned_accuracy
from regbench.networks.inference import architecture, network_from_architecture, predict
from regbench.networks.weights import hidden_kernels, set_weights, trained_kernels, weights_of
from regbench.study.digests import digest_of_weights

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)


def sequential() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, use_bias=False, name="convolution"),
            layers.BatchNormalization(scale=False),
            layers.Activation("relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="logits"),
            layers.Softmax(),
        ]
    )


def residual() -> keras.Model:
    layers = keras.layers
    block = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False),
            layers.LayerNormalization(),
            layers.SeparableConv2D(4, 3, padding="same"),
        ],
        name="block",
    )
    image = keras.Input((8, 8, 3), dtype="uint8")
    values = layers.Rescaling(1 / 255)(image)
    values = layers.Conv2D(4, 1, name="widen")(values)
    values = layers.Add()([values, block(values)])
    values = layers.GroupNormalization(2)(values)
    values = layers.Dropout(0.2, seed=1)(values)
    values = layers.GlobalAveragePooling2D()(values)
    values = layers.Dense(3, use_bias=False, name="logits")(values)
    return keras.Model(image, layers.Softmax()(values))


@pytest.fixture(params=[sequential, residual], ids=["sequential", "functional"])
def network(request: pytest.FixtureRequest) -> keras.Model:
    keras.utils.set_random_seed(1)
    made: keras.Model = request.param()
    return made


def test_every_weight_has_a_name_of_its_own(network: keras.Model) -> None:
    found = weights_of(network)
    assert len(found) == len(network.weights)
    assert sum(values.size for values in found.values()) == network.count_params()


def test_weights_are_given_to_one_built_alike(network: keras.Model) -> None:
    other = network_from_architecture(architecture(network))
    rows = np.arange(30)
    expected = predict(network, IMAGES, rows)
    assert np.abs(predict(other, IMAGES, rows) - expected).max() > 1e-4
    set_weights(other, weights_of(network))
    np.testing.assert_array_equal(predict(other, IMAGES, rows), expected)


def test_kernels_are_what_layers_multiply_by(network: keras.Model) -> None:
    expected = [
        weight.shape
        for weight in network.trainable_variables
        if weight.name not in {"bias", "gamma", "beta"}
    ]
    assert [kernel.shape for kernel in trained_kernels(network)] == expected
    assert len(hidden_kernels(network)) == len(expected) - 1


def test_a_sound_file_reads_as_sound(network: keras.Model, tmp_path: Path) -> None:
    # A convolution without bias once read as damage.
    dataset = NetworkDataset(filepath=str(tmp_path / "network.keras"))
    dataset.save(network)
    expected = digest_of_weights(weights_of(network))
    assert digest_of_weights(dataset.weights()) == expected
    assert digest_of_weights(weights_of(dataset.load())) == expected


def test_another_weight_is_another_identity(network: keras.Model) -> None:
    before = digest_of_weights(weights_of(network))
    for weight in network.weights:
        kept = weight.numpy()
        changed = kept.copy()
        changed.flat[0] += 1
        weight.assign(changed)
        assert digest_of_weights(weights_of(network)) != before
        weight.assign(kept)
    assert digest_of_weights(weights_of(network)) == before


def test_pruning_takes_the_smallest_of_all_kernels(network: keras.Model) -> None:
    targets = np.random.default_rng(1).integers(0, 3, 30)
    before = weights_of(network)
    found = pruned_accuracy(network, IMAGES, np.arange(30), targets, (0.0, 0.5))
    magnitudes = np.concatenate([np.abs(kernel).ravel() for kernel in trained_kernels(network)])
    border = np.sort(magnitudes)[round(0.5 * len(magnitudes)) - 1]
    by_hand = network_from_architecture(architecture(network))
    set_weights(by_hand, weights_of(network))
    for weight in by_hand.trainable_variables:
        if weight.name.endswith("kernel"):
            weight.assign(np.where(np.abs(weight.numpy()) <= border, 0, weight.numpy()))
    right = predict(by_hand, IMAGES, np.arange(30)).argmax(axis=1) == targets
    assert found[0.5] == pytest.approx(right.mean())
    assert all(np.array_equal(values, before[name]) for name, values in weights_of(network).items())
