"""The fully connected network: inputs, outputs, and what techniques may change."""

import functools
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import erf, softmax
from tests.building import build_network

from regbench.datasets.array_dataset import ArraysDataset
from regbench.datasets.network_dataset import NetworkDataset
from regbench.fields import MAX_SEED
from regbench.images.normalization import fit_normalization, fit_zca, normalize, whiten
from regbench.networks.base import Plan
from regbench.networks.inference import architecture, network_from_architecture, predict
from regbench.networks.kinds.mlp import Mlp
from regbench.networks.weights import set_weights, trained_kernels, weights_of
from regbench.optimization.optimizers import Adam
from regbench.regularizers.zca import Whitening
from regbench.study.digests import digest_of_weights
from regbench.study.schema import Normalization
from regbench.study.technique import Technique
from regbench.training.step import step_for

CLASSES = 4
PIXELS = {"offset": [0.0], "scale": [255.0]}
HIDDEN = [16, 8, 8, 8]
IMAGES = {
    1: np.random.default_rng(0).integers(0, 256, (60, 6, 5, 1), dtype=np.uint8),
    3: np.random.default_rng(1).integers(20, 200, (60, 6, 5, 3), dtype=np.uint8),
}
NORMALIZATION = {
    channels: fit_normalization(images, np.arange(60), Normalization(method="mean_std"))
    for channels, images in IMAGES.items()
}
ZCA = {
    channels: fit_zca(images, np.arange(60), NORMALIZATION[channels], Whitening(epsilon=0.01))
    for channels, images in IMAGES.items()
}
TECHNIQUES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "dropout": {"dropout": 0.25},
    "batch_normalization": {"batch_normalization": True},
    "l1": {"l1": 1e-4},
    "l2": {"l2": 1e-3},
    "zca": {"zca": True},
    "all": {"l1": 0.01, "l2": 0.02, "dropout": 0.5, "batch_normalization": True, "zca": True},
}


@functools.cache
def build(
    technique: str = "baseline", seed: int = 1, channels: int = 1, activation: Any = "relu"
) -> keras.Model:
    return build_network(
        (6, 5, channels),
        CLASSES,
        Mlp(hidden_units=HIDDEN, activation=activation),
        Technique.model_validate(TECHNIQUES[technique]),
        seed,
        NORMALIZATION[channels],
        zca=ZCA[channels],
    )


def up_to(network: keras.Model, layer: str) -> keras.Model:
    return keras.Model(network.inputs[0], network.get_layer(layer).output)


def outputs(network: keras.Model, images: np.ndarray, training: bool = False) -> np.ndarray:
    return np.asarray(network(images, training=training))


class TestInAndOut:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_raw_images_in_and_probabilities_out(self, technique: str, channels: int) -> None:
        found = outputs(build(technique, channels=channels), IMAGES[channels])
        assert found.shape == (60, CLASSES)
        assert found.dtype == np.float32
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_normalization_is_inside(self, channels: int) -> None:
        found = outputs(up_to(build(channels=channels), "normalization"), IMAGES[channels])
        expected = normalize(IMAGES[channels], NORMALIZATION[channels])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_whitening_is_inside(self, channels: int) -> None:
        found = outputs(up_to(build("zca", channels=channels), "zca"), IMAGES[channels])
        normalized = normalize(IMAGES[channels], NORMALIZATION[channels])
        expected = whiten(normalized, ZCA[channels]).reshape(60, -1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)

    def test_whitening_must_be_given(self) -> None:
        network = Mlp(hidden_units=[4], activation="relu")
        with pytest.raises(ValueError, match="whitening"):
            build_network((6, 5, 1), 2, network, Technique(zca=True), 1, NORMALIZATION[1])

    @pytest.mark.parametrize(
        ("name", "function"),
        [
            ("relu", lambda x: np.maximum(x, 0)),
            ("tanh", np.tanh),
            ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
            ("gelu", lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
        ],
    )
    def test_is_the_network_that_the_protocol_describes(self, name: str, function: Any) -> None:
        network = build(activation=name)
        values = normalize(IMAGES[1], NORMALIZATION[1]).reshape(60, -1).astype(float)
        *hidden, last = trained_kernels(network)
        assert [kernel.shape[1] for kernel in hidden] == HIDDEN
        for kernel in hidden:
            values = function(values @ kernel)  # biases are zero before training
        expected = softmax(values @ last, axis=1)
        np.testing.assert_allclose(outputs(network, IMAGES[1]), expected, rtol=1e-3, atol=1e-5)

    def test_one_technique_after_the_other_in_each_hidden_layer(self) -> None:
        names = [layer.name for layer in build("all").layers]
        assert names[:3] == ["normalization", "flatten", "zca"]
        for number in range(len(HIDDEN)):
            kinds = ("hidden", "batch_normalization", "activation", "dropout")
            start = 3 + 4 * number
            assert names[start : start + 4] == [f"{kind}_{number + 1}" for kind in kinds]
        assert names[-2:] == ["logits", "probabilities"]


class TestInitialWeights:
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_are_the_same_for_a_seed_whatever_the_technique(self, technique: str) -> None:
        kernels, expected = trained_kernels(build(technique)), trained_kernels(build())
        assert len(kernels) == len(HIDDEN) + 1
        for kernel, baseline in zip(kernels, expected, strict=True):
            np.testing.assert_array_equal(kernel, baseline)

    def test_differ_for_another_seed_in_every_layer(self) -> None:
        for one, other in zip(
            trained_kernels(build()), trained_kernels(build(seed=2)), strict=True
        ):
            assert (one != other).mean() > 0.99

    def test_differ_between_layers(self) -> None:
        _, _, third, fourth, _ = trained_kernels(build())
        assert third.shape == fourth.shape
        assert (third != fourth).mean() > 0.99

    def test_are_glorots(self) -> None:
        for kernel in trained_kernels(build()):
            limit = np.sqrt(6 / sum(kernel.shape))
            assert 0.8 * limit < np.abs(kernel).max() <= limit
            assert abs(kernel.mean()) < 0.25 * limit

    @pytest.mark.parametrize(("initializer", "kernels"), [(0.01, slice(None)), ("he", slice(-1))])
    def test_are_those_that_are_named(self, initializer: Any, kernels: slice) -> None:
        network = Mlp(hidden_units=[200, 100], activation="relu", initializer=initializer)
        for kernel in trained_kernels(network.built(Plan((12, 12, 1), 50, 1, PIXELS)))[kernels]:
            deviation = initializer if initializer != "he" else np.sqrt(2 / kernel.shape[0])
            assert kernel.std() == pytest.approx(deviation, rel=0.05)

    @pytest.mark.parametrize("wrong", ["uniform", 0, -0.1, 11, True, None])
    def test_are_no_others(self, wrong: Any) -> None:
        with pytest.raises(ValidationError, match="he, glorot or a number above 0 and at most 10"):
            Mlp(hidden_units=[4], activation="relu", initializer=wrong)

    @pytest.mark.parametrize("seed", [0, MAX_SEED])
    def test_take_any_seed(self, seed: int) -> None:
        kernels = trained_kernels(build("dropout", seed=seed))
        for one, other in zip(kernels, trained_kernels(build()), strict=True):
            assert (one != other).mean() > 0.99


class TestRegularizers:
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_penalize_hidden_kernels_only(self, technique: str) -> None:
        factors = TECHNIQUES[technique]
        network = build(technique)
        hidden = trained_kernels(network)[:-1]
        expected = sum(
            factors.get("l1", 0) * np.abs(kernel).sum() + factors.get("l2", 0) * (kernel**2).sum()
            for kernel in hidden
        )
        regularizers = Technique.model_validate(factors).regularizers({"zca": ZCA[1]})
        step = step_for(network, 16, Adam(name="adam", learning_rate=0.001), regularizers)
        step.begin(network, 1)
        assert step.penalty() == pytest.approx(expected, rel=1e-5)

    def test_none_leave_no_loss_behind(self) -> None:
        assert build("dropout").losses == []

    def test_dropout_acts_in_training_only(self) -> None:
        network, baseline = build("dropout"), build()
        np.testing.assert_array_equal(outputs(network, IMAGES[1]), outputs(baseline, IMAGES[1]))
        first, second = (outputs(network, IMAGES[1], training=True) for _ in range(2))
        assert (first != second).any()

    def test_dropout_drops_its_share_after_every_hidden_layer(self) -> None:
        network = build("dropout")
        ones = np.ones((2000, 8), dtype=np.float32)
        masks = []
        for number in range(1, len(HIDDEN) + 1):
            found = np.asarray(network.get_layer(f"dropout_{number}")(ones, training=True))
            assert (found == 0).mean() == pytest.approx(0.25, abs=0.02)
            assert found.mean() == pytest.approx(1, abs=0.03)
            masks.append(found == 0)
        agreeing = (masks[0] == masks[1]).mean()  # each layer draws for itself
        assert agreeing == pytest.approx(0.25**2 + 0.75**2, abs=0.03)

    def test_batch_normalization_normalizes_before_the_activation(self) -> None:
        network = build("batch_normalization")
        until = up_to(network, "batch_normalization_1")
        found = outputs(until, IMAGES[1], training=True)
        np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-2)

    def test_whitening_is_not_trained(self) -> None:
        network = build("zca")
        sizes = [30, *HIDDEN, CLASSES]
        expected = sum(a * b + b for a, b in itertools.pairwise(sizes))
        assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == expected
        frozen = sum(int(np.prod(v.shape)) for v in network.non_trainable_variables)
        assert frozen == 30 * 30 + 30
        assert len(trained_kernels(network)) == len(HIDDEN) + 1


def shuffled(technique: str) -> dict[str, np.ndarray]:
    """Weights of the right names and shapes, every one of them another than at the start."""
    random = np.random.default_rng(5)
    return {
        name: random.uniform(0.1, 1, weight.shape).astype(np.float32)
        for name, weight in weights_of(build(technique)).items()
    }


def fresh(technique: str) -> keras.Model:
    """A network that no other test looks at."""
    return build_network(
        (6, 5, 1),
        CLASSES,
        Mlp(hidden_units=HIDDEN, activation="relu"),
        Technique.model_validate(TECHNIQUES[technique]),
        9,
        NORMALIZATION[1],
        zca=ZCA[1],
    )


class TestWeights:
    @pytest.mark.parametrize("technique", TECHNIQUES)
    def test_are_all_that_the_network_has_in_its_own_order(self, technique: str) -> None:
        network = build(technique)
        found = weights_of(network)
        assert len(found) == len(network.get_weights())
        for own, expected in zip(found.values(), network.get_weights(), strict=True):
            np.testing.assert_array_equal(own, expected)
        layers = {name: network.get_layer(name.partition(".")[0]) for name in found}
        for name, weight in found.items():
            kind = name.partition(".")[2]
            np.testing.assert_array_equal(weight, getattr(layers[name], kind).numpy())

    def test_hold_what_training_leaves_alone(self) -> None:
        names = weights_of(build("all"))
        assert {"zca.kernel", "zca.bias", "logits.bias", "hidden_1.kernel"} <= set(names)
        kinds = ("gamma", "beta", "moving_mean", "moving_variance")
        assert {f"batch_normalization_2.{kind}" for kind in kinds} <= set(names)

    def test_are_a_copy(self) -> None:
        network = fresh("baseline")
        before = weights_of(network)
        kept = {name: weight.copy() for name, weight in before.items()}
        network.get_layer("hidden_1").kernel.assign_add(np.ones((30, HIDDEN[0])))
        for name, weight in before.items():
            np.testing.assert_array_equal(weight, kept[name])

    @pytest.mark.parametrize("technique", ["baseline", "all"])
    def test_can_be_given_to_a_network_built_the_same_way(self, technique: str) -> None:
        network, weights = fresh(technique), shuffled(technique)
        # However they were stored: names count, the order does not.
        set_weights(network, dict(sorted(weights.items(), reverse=True)))
        for name, weight in weights_of(network).items():
            np.testing.assert_array_equal(weight, weights[name])
        expected = fresh(technique)
        for name, weight in weights.items():
            layer, _, kind = name.partition(".")
            getattr(expected.get_layer(layer), kind).assign(weight)
        np.testing.assert_array_equal(outputs(network, IMAGES[1]), outputs(expected, IMAGES[1]))

    def test_of_another_technique_are_refused(self) -> None:
        with pytest.raises(KeyError, match="batch_normalization_1"):
            set_weights(fresh("batch_normalization"), shuffled("baseline"))
        with pytest.raises(ValueError, match="shape"):
            set_weights(
                fresh("baseline"),
                {name: weight[:1] for name, weight in shuffled("baseline").items()},
            )

    @pytest.mark.parametrize("technique", ["baseline", "dropout", "all"])
    def test_are_the_same_of_a_network_from_a_file(self, technique: str, tmp_path: Path) -> None:
        dataset = NetworkDataset(filepath=str(tmp_path / "network.keras"))
        dataset.save(build(technique))
        loaded = dataset.load()
        found, expected = weights_of(loaded), weights_of(build(technique))
        assert list(found) == list(expected)
        for name, weight in found.items():
            np.testing.assert_array_equal(weight, expected[name])
        assert digest_of_weights(found) == digest_of_weights(expected)
        assert digest_of_weights(dataset.weights()) == digest_of_weights(expected)
        # And the weights of the best epoch, from a file too, can be given to it.
        stored = ArraysDataset(filepath=str(tmp_path / "best.npz"))
        stored.save(shuffled(technique))
        set_weights(loaded, stored.load())
        again = fresh(technique)
        set_weights(again, shuffled(technique))
        np.testing.assert_array_equal(outputs(loaded, IMAGES[1]), outputs(again, IMAGES[1]))


class TestFiles:
    @pytest.mark.parametrize("technique", ["baseline", "all"])
    def test_saved_and_loaded_is_the_same_network(self, technique: str, tmp_path: Path) -> None:
        network = build(technique, channels=3)
        dataset = NetworkDataset(filepath=str(tmp_path / "network.keras"))
        dataset.save(network)
        loaded = dataset.load()
        np.testing.assert_array_equal(outputs(loaded, IMAGES[3]), outputs(network, IMAGES[3]))
        for one, other in zip(trained_kernels(loaded), trained_kernels(network), strict=True):
            np.testing.assert_array_equal(one, other)
        assert len(loaded.losses) == len(network.losses)


class TestPredict:
    def test_takes_the_rows_asked_for_in_their_order(self) -> None:
        network, rows = build(), np.array([7, 3, 3, 59])
        np.testing.assert_allclose(
            predict(network, IMAGES[1], rows), outputs(network, IMAGES[1])[rows], rtol=1e-5
        )

    def test_takes_more_images_than_it_loads_at_once(self, tmp_path: Path) -> None:
        images = np.random.default_rng(2).integers(0, 256, (4100, 6, 5, 1), dtype=np.uint8)
        np.save(tmp_path / "images.npy", images)
        mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
        rows = np.random.default_rng(3).permutation(4100)
        network = build("batch_normalization")
        np.testing.assert_allclose(
            predict(network, mapped, rows), outputs(network, images)[rows], rtol=1e-4, atol=1e-6
        )

    def test_of_no_rows_is_no_probabilities(self) -> None:
        found = predict(build(), IMAGES[1], np.array([], dtype=int))
        assert found.shape == (0, CLASSES)
        assert found.dtype == np.float32

    def test_never_drops_out(self) -> None:
        network, rows = build("all"), np.arange(60)
        np.testing.assert_array_equal(
            predict(network, IMAGES[1], rows), predict(network, IMAGES[1], rows)
        )


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_an_architecture_is_built_as_keras_builds_it(technique: str) -> None:
    network = build(technique)
    made = network_from_architecture(architecture(network))
    expected = keras.models.model_from_json(architecture(network))
    assert made.to_json() == expected.to_json()
    assert [(v.name, v.shape, v.trainable) for v in made.variables] == [
        (v.name, v.shape, v.trainable) for v in expected.variables
    ]
    set_weights(made, weights_of(network))
    np.testing.assert_array_equal(outputs(made, IMAGES[1]), outputs(network, IMAGES[1]))
