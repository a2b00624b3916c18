"""Every technique on every kind of network: paired, repeatable, evaluated, and stored."""

import functools
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from tests.networks.every_kind import (
    CLASSES,
    ENTRIES,
    NORMALIZATION,
    PAIRS,
    PREPARED,
    SHAPE,
    TECHNIQUES,
    built,
)
from tests.training.small_study import protocol

from regbench.evaluation.corruption import CORRUPTIONS, corrupt
from regbench.evaluation.evaluate import evaluate
from regbench.evaluation.figures.registry import figures
from regbench.evaluation.pruning import pruned_accuracy
from regbench.networks.inference import architecture, network_from_architecture, predict
from regbench.networks.weights import hidden_kernels, kernel_variables, set_weights, weights_of
from regbench.study.technique import Technique
from regbench.training.tensorflow_setup import set_up_tensorflow
from regbench.training.train import SplitPart, train

TARGETS = np.arange(40) % CLASSES
IMAGES = np.random.default_rng(0).integers(0, 120, (40, *SHAPE), dtype=np.uint8)
IMAGES += (40 * TARGETS[:, None, None, None]).astype(np.uint8)
TRAIN, VALIDATION = (
    SplitPart(np.arange(30), TARGETS[:30]),
    SplitPart(np.arange(30, 40), TARGETS[30:]),
)


@pytest.fixture(autouse=True, scope="module")
def _deterministic() -> None:
    set_up_tensorflow()


def trained(name: str, technique: str | None) -> keras.Model:
    network = built(name, technique)
    regularizers = Technique(**TECHNIQUES[technique] if technique else {}).regularizers(PREPARED)
    train(network, IMAGES, TRAIN, VALIDATION, protocol(epochs=1), 1, regularizers)
    return network


@functools.cache
def weights_of_the_baseline(name: str) -> dict[str, np.ndarray]:
    return weights_of(built(name))


@pytest.mark.parametrize(("name", "technique"), PAIRS)
def test_a_technique_changes_no_initial_weight_that_the_baseline_has(
    name: str, technique: str
) -> None:
    regularized = weights_of(built(name, technique))
    for weight, values in weights_of_the_baseline(name).items():
        np.testing.assert_array_equal(regularized[weight], values, err_msg=weight)


@pytest.mark.parametrize("name", ENTRIES)
class TestKind:
    def test_another_seed_gives_other_kernels_but_the_same_architecture(self, name: str) -> None:
        one, other = built(name), built(name, seed=2)
        assert architecture(one) == architecture(other)
        for a, b in zip(kernel_variables(one), kernel_variables(other), strict=True):
            assert not np.array_equal(a.numpy(), b.numpy())

    def test_takes_raw_images_and_returns_probabilities(self, name: str) -> None:
        network = built(name)
        assert network.inputs[0].dtype == "uint8"
        probabilities = predict(network, IMAGES, np.arange(40))
        assert probabilities.shape == (40, CLASSES)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)

    def test_trained_twice_is_the_same_to_the_bit(self, name: str) -> None:
        technique = "dropout_augmentation_l2"
        if (name, technique) not in PAIRS:
            technique = "l2"
        one, other = weights_of(trained(name, technique)), weights_of(trained(name, technique))
        assert one.keys() == other.keys()
        for weight, values in one.items():
            np.testing.assert_array_equal(values, other[weight], err_msg=weight)
        before = weights_of(built(name, technique))
        assert any(not np.array_equal(before[weight], values) for weight, values in one.items())

    def test_all_kernels_but_the_last_are_penalized(self, name: str) -> None:
        network = built(name)
        hidden = hidden_kernels(network)
        assert len(hidden) == len(kernel_variables(network)) - 1
        (last,) = (k for k in kernel_variables(network) if all(k is not one for one in hidden))
        assert last.shape[-1] == CLASSES
        assert all(len(kernel.shape) > 1 for kernel in hidden)  # no bias, no scale

    def test_a_file_loads_with_keras_alone(self, name: str, tmp_path: Path) -> None:
        network = built(name)
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
        rows = np.arange(40)
        np.testing.assert_array_equal(predict(loaded, IMAGES, rows), predict(network, IMAGES, rows))
        again = network_from_architecture(architecture(network))
        set_weights(again, weights_of(loaded))
        np.testing.assert_array_equal(predict(again, IMAGES, rows), predict(network, IMAGES, rows))

    def test_is_pruned(self, name: str) -> None:
        network = built(name)
        found = pruned_accuracy(network, IMAGES, np.arange(40), TARGETS, (0.0, 1.0))
        right = predict(network, IMAGES, np.arange(40)).argmax(axis=1) == TARGETS
        assert found[0.0] == pytest.approx(right.mean())
        assert 0 <= found[1.0] <= 1


@pytest.mark.parametrize("name", ENTRIES)
def test_every_figure_is_measured(name: str) -> None:
    network = built(name)
    parts = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    names = [f"{number}.png" for number in range(40)]
    columns = {"filename": names, "label": TARGETS.astype(str), "target": TARGETS, "split": parts}
    epoch = {"epoch": 1, "seconds": 1.0, "penalty": 0.0, "kept": True}
    epoch |= dict.fromkeys(("train_cross_entropy", "validation_cross_entropy"), 1.0)
    history = pd.DataFrame([epoch | dict.fromkeys(("train_accuracy", "validation_accuracy"), 0.5)])
    rows = np.arange(30, 40)
    corrupted = np.stack([corrupt(IMAGES[rows], name, 0) for name in CORRUPTIONS])
    _, metrics = evaluate(
        network, IMAGES, pd.DataFrame(columns), ["0", "1", "2"], history, {}, corrupted, rows
    )
    assert list(metrics) == ["status", *(figure.name for figure in figures())]
    probabilities = predict(network, IMAGES, rows)
    log_loss = -np.log(probabilities[np.arange(10), TARGETS[rows]]).mean()
    assert metrics["test_cross_entropy"] == pytest.approx(log_loss, rel=1e-4)
    blurred = predict(network, corrupted[list(CORRUPTIONS).index("blur")], np.arange(10))
    right = (blurred.argmax(axis=1) == TARGETS[rows]).mean()
    assert metrics["accuracy_under_corruption"]["blur"] == pytest.approx(right)
    kernels = np.concatenate([kernel.numpy().ravel() for kernel in kernel_variables(network)])
    assert metrics["near_zero_share"] == pytest.approx((np.abs(kernels) < 1e-3).mean())
    assert metrics["multiply_adds"] > 0


def test_images_are_normalized_inside() -> None:
    network = built("own without hooks")
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    scaled = (IMAGES - np.array(NORMALIZATION["offset"])) / np.array(NORMALIZATION["scale"])
    np.testing.assert_allclose(
        predict(network, IMAGES, np.arange(40)),
        keras.ops.softmax(inner(scaled.astype(np.float32), training=False)),
        rtol=1e-4,
    )
