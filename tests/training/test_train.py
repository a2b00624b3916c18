"""Training against plain Keras: same batches, same steps, same figures, same epoch kept."""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss
from tests.building import build_network

from regbench.evaluation.epochs import best_epoch, diverged
from regbench.evaluation.scores import accuracy, cross_entropy
from regbench.fields import MAX_SEED
from regbench.networks.kinds.mlp import Mlp
from regbench.networks.weights import hidden_kernels, set_weights, trained_kernels
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.base import Regularizer
from regbench.regularizers.computations import affine_maps
from regbench.regularizers.computations.affine_maps import augment
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training import tensorflow_setup
from regbench.training import train as training
from regbench.training.tensorflow_setup import set_up_tensorflow
from regbench.training.train import Epoch, SplitPart, split_part, train

CLASSES = 3
MLP = Mlp(hidden_units=[16, 8], activation="relu")
SHAPE = (6, 6, 1)
TARGETS = np.random.default_rng(1).integers(0, CLASSES, 90)
# Images that tell their class by their brightness, and a lot of noise.
IMAGES = np.random.default_rng(0).integers(0, 120, (90, *SHAPE), dtype=np.uint8)
IMAGES += (30 * TARGETS[:, None, None, None]).astype(np.uint8)
TRAIN = SplitPart(np.arange(0, 65)[::-1], TARGETS[:65][::-1])
VALIDATION = SplitPart(np.arange(65, 90), TARGETS[65:])
NORMALIZATION = {"offset": [60.0], "scale": [40.0]}
ZCA = {"mean": np.zeros(36, np.float32), "matrix": np.eye(36, dtype=np.float32) * 0.9}
SHAKEN = Augmentation(
    rotation=20,
    shift=0.1,
    zoom=0.1,
    shear=5,
    horizontal_flip=True,
    vertical_flip=False,
    fill="nearest",
    fill_value=0,
)
STILL = SHAKEN.model_copy(
    update={"rotation": 0, "shift": 0, "zoom": 0, "shear": 0, "horizontal_flip": False}
)


@pytest.fixture(autouse=True, scope="module")
def _deterministic() -> None:
    set_up_tensorflow()


def protocol(**changes: Any) -> Protocol:
    values: dict[str, Any] = {
        "split": {"method": "stratified", "train": 0.7, "validation": 0.2, "test": 0.1, "seed": 0},
        "network": "mlp",
        "optimizer": {"name": "adam", "learning_rate": changes.pop("learning_rate", 0.01)},
        "batch_size": 16,
        "epochs": 2,
        "seeds": [1],
    }
    return Protocol.model_validate(values | changes)


def network_of(technique: Technique, seed: int = 1) -> keras.Model:
    return build_network(
        SHAPE, CLASSES, MLP, technique, seed, NORMALIZATION, zca=ZCA, augmentation=SHAKEN
    )


def predicted(network: keras.Model, part: SplitPart) -> np.ndarray:
    """Probabilities in double precision, of sum 1 as scikit-learn wants them."""
    found = np.asarray(network(IMAGES[part.rows], training=False), dtype=float)
    return found / found.sum(axis=1, keepdims=True)


class Recorded:
    """Images that remember which rows were asked for, in order."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.shape = images.shape
        self.asked: list[int] = []

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.asked += np.asarray(rows).tolist()
        return self.images[rows]

    def epochs(self) -> list[list[int]]:
        """The train rows, epoch by epoch: validation rows stand between them."""
        train_rows = [row for row in self.asked if row < len(TRAIN.rows)]
        length = len(TRAIN.rows)
        return [train_rows[i : i + length] for i in range(0, len(train_rows), length)]


def trained(
    technique: Technique, shared: Protocol | None = None, seed: int = 1, **options: Any
) -> tuple[keras.Model, pd.DataFrame]:
    network = network_of(technique, seed)
    shared = shared or protocol()
    images = options.pop("images", IMAGES)
    regularizers = regularizers_of(technique)
    regularizers += [
        made for key in ("augmentation", "early_stopping") if (made := options.pop(key, None))
    ]
    history, _ = train(network, images, TRAIN, VALIDATION, shared, seed, regularizers, **options)
    return network, history


def regularizers_of(technique: Technique) -> list[Regularizer]:
    return technique.regularizers({"zca": ZCA, "augmentation": SHAKEN.in_full()})


class Baseline(NamedTuple):
    network: keras.Model
    history: pd.DataFrame
    told: list[Epoch]
    orders: list[list[int]]


@pytest.fixture(scope="module")
def baseline(_deterministic: None) -> Baseline:
    """A plain training of two epochs, for the tests to compare with."""
    told: list[Epoch] = []
    recorded = Recorded(IMAGES)
    network, history = trained(Technique(), images=recorded, on_epoch=told.append)
    return Baseline(network, history, told, recorded.epochs())


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    for own, their in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(own, their)


class TestAdam:
    def test_is_that_of_keras(self) -> None:
        random = np.random.default_rng(0)
        start = [random.normal(size=(7, 5)), random.normal(size=5)]
        # Gradients of many sizes, also below Adam's epsilon.
        gradients = [
            [random.normal(size=v.shape) * 10.0 ** random.integers(-9, 3) for v in start]
            for _ in range(20)
        ]
        ours = [keras.Variable(v, dtype="float32") for v in start]
        theirs = [keras.Variable(v, dtype="float32") for v in start]
        adam = training_step._Adam(ours, 0.01)
        expected = keras.optimizers.Adam(0.01)
        for step in gradients:
            adam.apply([tf.constant(g, tf.float32) for g in step])
            expected.apply([tf.constant(g, tf.float32) for g in step], theirs)
            for own, their in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(own.numpy(), their.numpy(), rtol=1e-5, atol=1e-6)
        assert float(adam.steps) == 20


class TestAgainstKeras:
    @pytest.mark.parametrize(
        ("technique", "batch_size"),
        [
            (Technique(), 16),  # the last batch is smaller
            (Technique(), 1),  # one batch more than a call of the compiled function takes
            (Technique(l1=1e-3, l2=1e-2, dropout=0.3, batch_normalization=True, zca=True), 30),
        ],
        ids=["baseline", "single images", "everything"],
    )
    def test_ends_with_the_same_weights_and_figures(
        self, technique: Technique, batch_size: int
    ) -> None:
        recorded, figures = Recorded(IMAGES), []
        network, history = trained(technique, protocol(batch_size=batch_size), images=recorded)

        plain = network_of(technique)
        for kernel in hidden_kernels(plain):
            l1, l2 = (getattr(technique, key) for key in ("l1", "l2"))
            if l1 and l2:
                kernel.regularizer = keras.regularizers.L1L2(l1.factor, l2.factor)
        plain.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy())
        for order in recorded.epochs():
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                before = np.asarray(plain(IMAGES[batch], training=False), dtype=float)
                figures += (-np.log(before[np.arange(len(batch)), TARGETS[batch]])).tolist()
                plain.train_on_batch(IMAGES[batch], TARGETS[batch])

        moved = []
        for own, their, initial in zip(
            network.variables, plain.variables, network_of(technique).variables, strict=True
        ):
            if technique.batch_normalization and own.path.endswith("/bias"):
                continue  # batch normalization takes it off again; its gradient is rounding noise
            if own.dtype == "float32":
                np.testing.assert_allclose(own.numpy(), their.numpy(), rtol=1e-3, atol=1e-4)
                moved.append(float(np.abs(own.numpy() - initial.numpy()).max()))
        assert max(moved) > 0.01
        assert len(figures) == 2 * 65
        if not technique.dropout:  # every image counts alike, also in the small last batch
            expected = np.reshape(figures, (2, 65)).mean(axis=1)
            np.testing.assert_allclose(history["train_cross_entropy"], expected, rtol=1e-4)


class TestBatches:
    def test_are_in_the_same_order_for_every_technique(self, baseline: Baseline) -> None:
        recorded = Recorded(IMAGES)
        trained(
            Technique(l1=0.1, dropout=0.5, batch_normalization=True, zca=True),
            images=recorded,
            augmentation=SHAKEN,
            early_stopping=EarlyStopping(patience=5),
        )
        assert recorded.epochs() == baseline.orders
        assert len(baseline.orders) == 2

    def test_hold_every_train_image_once_an_epoch(self, baseline: Baseline) -> None:
        for order in baseline.orders:
            assert sorted(order) == sorted(TRAIN.rows)

    def test_are_shuffled_anew_in_every_epoch_and_for_every_seed(self, baseline: Baseline) -> None:
        recorded = Recorded(IMAGES)
        trained(Technique(), seed=2, images=recorded)
        assert len({tuple(order) for order in [*baseline.orders, *recorded.epochs()]}) == 4

    def test_the_same_seed_gives_identical_weights(self) -> None:
        one, other = (trained(Technique(dropout=0.5), augmentation=SHAKEN)[0] for _ in range(2))
        assert_same_weights(one, other)


class TestCompiledOnce:
    EVERYTHING = Technique(l2=0.01, dropout=0.5, batch_normalization=True)

    def test_a_seed_is_trained_as_if_it_were_the_first(self) -> None:
        alone, history = trained(self.EVERYTHING, seed=2, augmentation=SHAKEN)
        training_step.compiled_step.cache_clear()
        trained(self.EVERYTHING, seed=1, augmentation=SHAKEN)
        after_another, other_history = trained(self.EVERYTHING, seed=2, augmentation=SHAKEN)
        assert training_step.compiled_step.cache_info().hits == 1
        assert_same_weights(alone, after_another)
        pd.testing.assert_frame_equal(
            history.drop(columns="seconds"), other_history.drop(columns="seconds")
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"technique": Technique(l2=0.02, dropout=0.5, batch_normalization=True)},
            {"technique": Technique(l2=0.01, dropout=0.4, batch_normalization=True)},
            {"technique": Technique(l2=0.01, dropout=0.5)},
            {"augmentation": STILL},
            {"augmentation": None},
            {"shared": protocol(batch_size=8)},
            {"shared": protocol(learning_rate=0.02)},
        ],
    )
    def test_what_differs_is_compiled_anew(self, change: dict[str, Any]) -> None:
        settings: dict[str, Any] = {"technique": self.EVERYTHING, "augmentation": SHAKEN}
        training_step.compiled_step.cache_clear()
        trained(**settings)
        trained(**settings | change)
        assert training_step.compiled_step.cache_info().hits == 0

    def test_a_network_keeps_its_weights_while_another_is_trained(self) -> None:
        network, _ = trained(self.EVERYTHING)
        before = network.get_weights()
        trained(self.EVERYTHING, seed=2)
        for own, earlier in zip(network.get_weights(), before, strict=True):
            np.testing.assert_array_equal(own, earlier)


class TestAugmentation:
    def test_compiled_and_not_it_is_the_same(self) -> None:
        shared = protocol(epochs=1)
        compiled, _ = trained(Technique(), shared, augmentation=SHAKEN)
        tf.config.run_functions_eagerly(True)
        try:
            eager, _ = trained(Technique(), shared, augmentation=SHAKEN)
        finally:
            tf.config.run_functions_eagerly(False)
        for own, their in zip(eager.get_weights(), compiled.get_weights(), strict=True):
            np.testing.assert_allclose(own, their, rtol=1e-3, atol=1e-4)

    def test_without_changes_is_none(self, baseline: Baseline, tmp_path: Path) -> None:
        np.save(tmp_path / "images.npy", IMAGES)
        mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
        still, _ = trained(Technique(), images=mapped, augmentation=STILL)
        assert_same_weights(still, baseline.network)

    def test_is_new_in_every_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[np.ndarray] = []

        def watched(images: tf.Tensor, settings: Augmentation, seed: tf.Tensor) -> tf.Tensor:
            changed = augment(images, settings, seed)
            tf.py_function(lambda batch: seen.append(batch.numpy()), [changed], [])
            return changed

        monkeypatch.setattr(affine_maps, "augment", watched)
        training_step.compiled_step.cache_clear()
        only = SplitPart(np.array([5, 5, 5]), TARGETS[[5, 5, 5]])
        network = network_of(Technique())
        shared = protocol(batch_size=1, epochs=2)
        history, _ = train(network, IMAGES, only, VALIDATION, shared, MAX_SEED, [SHAKEN])
        assert len(seen) == 6
        assert len({batch.tobytes() for batch in seen}) == 6
        # And validation images are left as they are.
        probabilities = predicted(network, VALIDATION)
        expected = log_loss(VALIDATION.targets, probabilities, labels=range(CLASSES))
        assert history["validation_cross_entropy"].iloc[-1] == pytest.approx(expected, rel=1e-4)


class TestFigures:
    def test_of_train_are_without_the_penalty(self) -> None:
        # Steps so small that the network stays as it is: then the figures are the network's own.
        shared = protocol(learning_rate=1e-12, epochs=1)
        network, history = trained(Technique(l2=0.5), shared)
        probabilities = predicted(network, TRAIN)
        expected = log_loss(TRAIN.targets, probabilities, labels=range(CLASSES))
        share = accuracy_score(TRAIN.targets, probabilities.argmax(axis=1))
        penalty = 0.5 * sum((kernel**2).sum() for kernel in trained_kernels(network)[:-1])
        assert penalty > 1
        assert history["train_cross_entropy"].item() == pytest.approx(expected, rel=1e-4)
        assert history["train_accuracy"].item() == pytest.approx(share)
        assert history["penalty"].item() == pytest.approx(penalty, rel=1e-4)

    def test_of_validation_and_penalty_are_those_of_the_last_weights(self) -> None:
        technique = Technique(l1=1e-2, l2=1e-3, dropout=0.5, batch_normalization=True)
        network, history = trained(technique)
        probabilities = predicted(network, VALIDATION)
        last = history.iloc[-1]
        assert last["validation_cross_entropy"] == pytest.approx(
            log_loss(VALIDATION.targets, probabilities, labels=range(CLASSES)), rel=1e-4
        )
        assert last["validation_accuracy"] == pytest.approx(
            accuracy_score(VALIDATION.targets, probabilities.argmax(axis=1))
        )
        penalty = sum(
            1e-2 * np.abs(kernel).sum() + 1e-3 * (kernel**2).sum()
            for kernel in trained_kernels(network)[:-1]
        )
        assert last["penalty"] == pytest.approx(penalty, rel=1e-4)
        assert history["penalty"].iloc[0] != last["penalty"]

    def test_are_told_after_every_epoch(self, baseline: Baseline) -> None:
        told = pd.DataFrame([vars(epoch) for epoch in baseline.told])
        pd.testing.assert_frame_equal(told, baseline.history.drop(columns="kept"))
        assert baseline.history["epoch"].tolist() == [1, 2]
        assert (baseline.history["seconds"] > 0).all()
        assert baseline.history["kept"].tolist() == [False, True]

    @given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 1000))
    @settings(deadline=None, max_examples=25)
    def test_cross_entropy_and_accuracy_are_scikit_learns(
        self, rows: int, classes: int, seed: int
    ) -> None:
        random = np.random.default_rng(seed)
        probabilities = random.dirichlet(np.ones(classes), rows).astype(np.float32)
        targets = random.integers(0, classes, rows)
        normalized = probabilities.astype(float) / probabilities.sum(axis=1, keepdims=True)
        assert cross_entropy(probabilities, targets) == pytest.approx(
            log_loss(targets, normalized, labels=range(classes)), rel=1e-4, abs=1e-6
        )
        expected = accuracy_score(targets, probabilities.argmax(axis=1))
        assert accuracy(probabilities, targets) == pytest.approx(expected)

    def test_a_probability_of_zero_is_bad_but_no_infinity(self) -> None:
        found = cross_entropy(np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1]))
        assert 40 < found < 50


def test_a_split_part_is_its_rows_and_targets() -> None:
    index = pd.DataFrame(
        {"target": [2, 0, 1, 1], "split": ["test", "train", "validation", "train"]},
        index=[9, 8, 7, 6],
    )
    found = split_part(index, "train")
    assert found.rows.tolist() == [1, 3]
    assert found.targets.tolist() == [0, 1]
    assert split_part(index, "test").targets.tolist() == [2]


def test_several_processes_may_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind} 0", f"{kind} 1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grown.__setitem__)
    set_up_tensorflow.__wrapped__()
    assert grown == {"GPU 0": True, "GPU 1": True}


@pytest.fixture
def weights_by_epoch(monkeypatch: pytest.MonkeyPatch) -> list[list[np.ndarray]]:
    """The weights that every epoch of a training ends with."""
    weights: list[list[np.ndarray]] = []
    train_epoch = training._train_epoch

    def watched(step: Any, *arguments: Any) -> Epoch:
        epoch = train_epoch(step, *arguments)
        weights.append(step.network.get_weights())
        return epoch

    monkeypatch.setattr(training, "_train_epoch", watched)
    return weights


Scripted = Callable[..., tuple[list[int], int]]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Train with epochs whose validation figures are given; weights are the epoch's number.

    Returns how many epochs there were and which one the network has, and which one was best.
    """
    network = keras.Sequential(
        [keras.Input((2,), dtype="uint8"), keras.layers.Dense(1, name="logits")]
    )

    def train_epochs(
        stopping: EarlyStopping | None,
        figures: list[float],
        accuracies: list[float] | None = None,
    ) -> tuple[list[int], int]:
        def epoch(step: Any, images: Any, one: Any, other: Any, number: int, seed: int) -> Epoch:
            weights = step.network.get_weights()
            step.network.set_weights([np.full(w.shape, number) for w in weights])
            figure = figures[number - 1]
            share = (accuracies or figures)[number - 1]
            return Epoch(number, 1.0, 0.5, 0.0, figure, share, 0.1)

        monkeypatch.setattr(training, "_train_epoch", epoch)
        history, best_weights = train(
            network,
            IMAGES,
            TRAIN,
            VALIDATION,
            protocol(epochs=len(figures)),
            1,
            [stopping] if stopping else [],
        )
        kept = history.loc[history["kept"], "epoch"].tolist()
        assert len(kept) == 1
        weights = network.get_weights()[0]
        assert (weights == kept[0]).all()  # the column tells the truth about the weights
        best = {int(value) for made in best_weights.values() for value in made.ravel()} or {kept[0]}
        assert len(best) == 1
        return [len(history), kept[0]], best.pop()

    return train_epochs


class TestEarlyStopping:
    @pytest.mark.parametrize(
        ("figures", "patience", "epochs", "kept"),
        [
            ([1.0, 0.5, 0.6, 0.7, 0.1, 0.1], 2, 4, 2),
            ([1.0, 0.5, 0.6, 0.4, 0.5, 0.45, 0.1], 2, 6, 4),
            ([1.0, 0.5, 0.6, 0.7, 0.1, 0.2], 3, 6, 5),
            ([1.0, 0.9, 0.8, 0.7], 2, 4, 4),
            ([0.5, 0.6, 0.1], 1, 2, 1),
            ([0.5, 0.6, 0.1], 0, 2, 1),
            ([0.5, 0.5, 0.5, 0.5], 2, 3, 1),  # as good is no better
            ([0.5, 0.6, 0.7], 5, 3, 1),  # not stopped, and still the best is kept
            ([0.6, 0.5, float("nan"), 0.1], 2, 3, 3),  # it diverged: there is no going back
        ],
    )
    def test_stops_and_restores_the_best(
        self, scripted: Any, figures: list[float], patience: int, epochs: int, kept: int
    ) -> None:
        found, _ = scripted(EarlyStopping(patience=patience), figures)
        assert found == [epochs, kept]

    def test_without_restoring_keeps_the_last(self, scripted: Any) -> None:
        stopping = EarlyStopping(patience=1, restore_best=False)
        assert scripted(stopping, [0.5, 0.4, 0.6, 0.1])[0] == [3, 3]

    def test_on_accuracy_more_is_better(self, scripted: Any) -> None:
        cross_entropies = [0.5, 0.6, 0.7, 0.8, 0.9]
        accuracies = [0.1, 0.4, 0.3, 0.2, 0.9]
        stopping = EarlyStopping(patience=2, monitor="validation_accuracy")
        assert scripted(stopping, cross_entropies, accuracies)[0] == [4, 2]
        assert scripted(EarlyStopping(patience=2), cross_entropies, accuracies)[0] == [3, 1]

    @given(
        st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=12),
        st.integers(0, 4),
        st.booleans(),
        st.sampled_from(["validation_cross_entropy", "validation_accuracy"]),
    )
    @settings(
        deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_is_that_of_keras(
        self, scripted: Any, figures: list[float], patience: int, restore: bool, monitor: Any
    ) -> None:
        stopping = EarlyStopping(patience=patience, restore_best=restore, monitor=monitor)
        (epochs, kept), _ = scripted(stopping, figures)

        class Model:
            stop_training = False
            weights = 0

            def get_weights(self) -> int:
                return self.weights

            def set_weights(self, weights: int) -> None:
                self.weights = weights

        model = Model()
        callback = keras.callbacks.EarlyStopping(
            monitor="figure",
            patience=patience,
            mode="max" if monitor == "validation_accuracy" else "min",
            restore_best_weights=restore,
        )
        callback._model = model
        callback.on_train_begin()
        number = 0
        while number < len(figures) and not model.stop_training:
            model.weights = number + 1
            callback.on_epoch_end(number, {"figure": figures[number]})
            number += 1
        callback.on_train_end()
        assert (epochs, kept) == (number, model.weights)

    def test_of_a_real_training(self, weights_by_epoch: list[list[np.ndarray]]) -> None:
        weights = weights_by_epoch
        network = network_of(Technique())
        history, _ = train(
            network,
            IMAGES,
            TRAIN,
            VALIDATION,
            protocol(epochs=30, learning_rate=0.05),
            1,
            [EarlyStopping(patience=2)],
        )
        best = int(history["validation_cross_entropy"].argmin())
        assert len(history) == best + 3 < 30
        assert history.index[history["kept"]].tolist() == [best]
        for own, expected in zip(network.get_weights(), weights[best], strict=True):
            np.testing.assert_array_equal(own, expected)
        assert any((a != b).any() for a, b in zip(weights[best], weights[-1], strict=True))
        figures = history["train_cross_entropy"]
        assert figures.iloc[-1] < 0.8 * figures.iloc[0]  # it learns


class TestTheBestEpoch:
    @pytest.mark.parametrize(
        ("accuracies", "best"),
        [
            ([0.1, 0.3, 0.2], 2),
            ([0.3, 0.2, 0.1], 1),
            ([0.1, 0.2, 0.3], 3),  # that of the network: no other weights
            ([0.1, 0.3, 0.3], 2),  # the first of equals
            ([0.2, 0.2, 0.2], 1),
            ([0.0, 0.0], 1),
            ([0.5], 1),
        ],
    )
    def test_has_the_best_validation_accuracy(
        self, scripted: Scripted, accuracies: list[float], best: int
    ) -> None:
        cross_entropies = np.linspace(0.1, 0.9, len(accuracies)).tolist()  # tells otherwise
        (epochs, kept), found = scripted(None, cross_entropies, accuracies)
        assert (epochs, kept) == (len(accuracies), len(accuracies))
        assert found == best
        history = pd.DataFrame(
            {"epoch": range(1, len(accuracies) + 1), "validation_accuracy": accuracies}
        )
        assert best_epoch(history) == best

    def test_need_not_be_the_one_that_early_stopping_keeps(self, scripted: Scripted) -> None:
        cross_entropies = [0.5, 0.4, 0.6, 0.7, 0.8]
        found = scripted(EarlyStopping(patience=2), cross_entropies, [0.3, 0.1, 0.2, 0.9, 0.1])
        assert found == ([4, 2], 4)
        found = scripted(EarlyStopping(patience=2), cross_entropies, [0.3, 0.9, 0.2, 0.1, 0.1])
        assert found == ([4, 2], 2)

    def test_is_never_one_that_diverged(self, scripted: Scripted) -> None:
        assert scripted(None, [0.5, 0.4, float("nan")], [0.1, 0.4, 0.3]) == ([3, 3], 2)

    def test_of_a_real_training_has_the_weights_of_its_end(
        self, weights_by_epoch: list[list[np.ndarray]]
    ) -> None:
        weights = weights_by_epoch
        network = network_of(Technique(batch_normalization=True, zca=True))
        history, best = train(network, IMAGES, TRAIN, VALIDATION, protocol(epochs=8), 1)
        number = int(history["validation_accuracy"].argmax())
        assert 0 < number < 7  # neither the first nor the last
        assert history["kept"].tolist() == [False] * 7 + [True]
        assert_same = np.testing.assert_array_equal
        for own, expected in zip(network.get_weights(), weights[-1], strict=True):
            assert_same(own, expected)
        again = network_of(Technique(batch_normalization=True, zca=True))
        set_weights(again, best)
        for own, expected in zip(again.get_weights(), weights[number], strict=True):
            assert_same(own, expected)
        # And so they give the figures that the history tells of that epoch.
        probabilities = predicted(again, VALIDATION)
        row = history.iloc[number]
        assert row["validation_accuracy"] == pytest.approx(
            accuracy_score(VALIDATION.targets, probabilities.argmax(axis=1))
        )
        assert row["validation_cross_entropy"] == pytest.approx(
            log_loss(VALIDATION.targets, probabilities, labels=range(CLASSES)), rel=1e-4
        )

    def test_that_the_network_has_is_not_kept_twice(self) -> None:
        network = network_of(Technique())
        _, best = train(network, IMAGES, TRAIN, VALIDATION, protocol(epochs=1), 1)
        assert best == {}


class TestDivergence:
    def test_ends_the_training_within_the_epoch(self) -> None:
        told: list[Epoch] = []
        recorded = Recorded(IMAGES)
        _, history = trained(
            Technique(),
            protocol(learning_rate=1e20, batch_size=1, epochs=9),
            images=recorded,
            early_stopping=EarlyStopping(patience=1),
            on_epoch=told.append,
        )
        assert len(recorded.epochs()[0]) == 16  # the batches of one call
        assert len(history) == len(told) == 1
        assert not told[0].finite
        assert history["kept"].tolist() == [True]
        assert diverged(history) == "the loss stopped being finite in epoch 1"

    def test_of_the_penalty_alone(self) -> None:
        shared = protocol(learning_rate=1e-12, batch_size=70, epochs=3)
        _, history = trained(Technique(l2=1e38), shared)
        assert np.isfinite(history["train_cross_entropy"].iloc[0])
        assert len(history) == 1
        assert diverged(history) == "the loss stopped being finite in epoch 1"

    def test_in_the_very_last_step(self) -> None:
        # The loss is that of the weights before the step; only validation sees those after it.
        network, history = trained(
            Technique(), protocol(learning_rate=1e38, batch_size=70, epochs=1)
        )
        assert np.isnan(np.asarray(network(IMAGES[:5], training=False))).any()
        assert diverged(history) == "the loss stopped being finite in epoch 1"

    def test_is_not_seen_in_a_good_training(self, baseline: Baseline) -> None:
        assert diverged(baseline.history) is None


def malloc_in_use() -> int:
    """The bytes that the C library has given out and not got back."""

    class Info(ctypes.Structure):
        _fields_ = [(f"field_{number}", ctypes.c_size_t) for number in range(10)]

    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Info
    found = mallinfo()
    return int(found.field_7 + found.field_4)  # uordblks and hblkhd


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells what it has given out"
)
def test_networks_that_are_gone_leave_no_memory_behind() -> None:
    before = 0
    for number in range(25):
        tensorflow_setup.forget_earlier_networks()
        network_of(Technique(dropout=0.25))
        if number == 4:
            before = malloc_in_use()
    assert malloc_in_use() - before < 20 * 20_000  # without forgetting, 71 kB each
