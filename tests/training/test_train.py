"""Training against plain Keras: same batches, same steps, same figures."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, log_loss
from tests.training.small_study import (
    CLASSES,
    IMAGES,
    SHAKEN,
    STILL,
    TARGETS,
    TRAIN,
    VALIDATION,
    network_of,
    predicted,
    protocol,
    trained,
)

from regbench.errors import StudyError
from regbench.evaluation.epochs import diverged
from regbench.fields import MAX_SEED
from regbench.networks.weights import hidden_kernels, trained_kernels
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.computations import affine_maps
from regbench.regularizers.computations.affine_maps import augment
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training.course import Epoch
from regbench.training.train import SplitPart, split_part, train


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
            early_stopping=EarlyStopping(patience=5, monitor="validation_accuracy"),
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
            {"shared": protocol(optimizer={"name": "sgd", "learning_rate": 0.01})},
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
        told = pd.DataFrame([epoch.as_row() for epoch in baseline.told])
        pd.testing.assert_frame_equal(told, baseline.history.drop(columns="kept"))
        assert baseline.history["epoch"].tolist() == [1, 2]
        assert (baseline.history["seconds"] > 0).all()
        assert baseline.history["kept"].tolist() == [False, True]


def test_a_split_part_is_its_rows_and_targets() -> None:
    index = pd.DataFrame(
        {"target": [2, 0, 1, 1], "split": ["test", "train", "validation", "train"]},
        index=[9, 8, 7, 6],
    )
    found = split_part(index, "train")
    assert found.rows.tolist() == [1, 3]
    assert found.targets.tolist() == [0, 1]
    assert split_part(index, "test").targets.tolist() == [2]


class TestDivergence:
    def test_ends_the_training_within_the_epoch(self) -> None:
        told: list[Epoch] = []
        recorded = Recorded(IMAGES)
        _, history = trained(
            Technique(),
            protocol(learning_rate=1e20, batch_size=1, epochs=9),
            images=recorded,
            early_stopping=EarlyStopping(patience=1, monitor="validation_cross_entropy"),
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


@pytest.mark.parametrize(("warmup", "right"), [(9, True), (10, False)])
def test_a_warmup_of_more_steps_than_there_are_is_told(warmup: int, right: bool) -> None:
    schedule = {"name": "cosine", "warmup": warmup, "unit": "steps"}
    shared = protocol(schedule=schedule, epochs=2, batch_size=16)  # 65 images: 5 steps an epoch
    if right:
        trained(Technique(), shared)
        return
    with pytest.raises(StudyError, match="warmup must be less than the 10 steps, not 10"):
        trained(Technique(), shared)
