"""Which epoch's weights a network keeps: early stopping, and the best epoch on validation."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss
from tests.training.small_study import (
    CLASSES,
    IMAGES,
    TRAIN,
    VALIDATION,
    network_of,
    predicted,
    protocol,
)

from regbench.evaluation.epochs import best_epoch
from regbench.networks.weights import set_weights
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.study.technique import Technique
from regbench.training import train as training
from regbench.training.course import Epoch
from regbench.training.train import train


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
        def epoch(step: Any, _: Any, one: Any, other: Any, number: int, *rest: Any) -> Epoch:
            weights = step.network.get_weights()
            step.network.set_weights([np.full(w.shape, number) for w in weights])
            figure = figures[number - 1]
            share = (accuracies or figures)[number - 1]
            values = {"cross_entropy": figure, "accuracy": share}
            return Epoch(number, 1.0, 0.5, 0.0, values, 0.1, 0.01)

        monkeypatch.setattr(training, "_train_epoch", epoch)
        history, best_weights = train(
            network,
            IMAGES,
            TRAIN,
            VALIDATION,
            protocol(epochs=len(figures)),
            1,
            [stopping.following("cross_entropy")] if stopping else [],
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

    def test_a_small_improvement_is_none_if_so_much_is_asked(self, scripted: Any) -> None:
        figures = [0.5, 0.45, 0.38, 0.1]
        found, _ = scripted(EarlyStopping(patience=2, minimum_improvement=0.1), figures)
        assert found == [4, 4]  # 0.38 is better than 0.5 by more, and 0.1 than that
        found, _ = scripted(EarlyStopping(patience=2, minimum_improvement=0.2), figures)
        assert found == [3, 1]

    def test_without_restoring_keeps_the_last(self, scripted: Any) -> None:
        stopping = EarlyStopping(patience=1, restore_best=False)
        assert scripted(stopping, [0.5, 0.4, 0.6, 0.1])[0] == [3, 3]

    def test_on_accuracy_more_is_better(self, scripted: Any) -> None:
        cross_entropies = [0.5, 0.6, 0.7, 0.8, 0.9]
        accuracies = [0.1, 0.4, 0.3, 0.2, 0.9]
        stopping = EarlyStopping(patience=2, monitor="validation_accuracy")
        assert scripted(stopping, cross_entropies, accuracies)[0] == [4, 2]
        assert scripted(EarlyStopping(patience=2), cross_entropies, accuracies)[0] == [3, 1]

    def test_follows_the_metric_where_it_names_no_figure(self, scripted: Any) -> None:
        cross_entropies, accuracies = [0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.4, 0.3, 0.2, 0.9]
        stopping = EarlyStopping(patience=2).following("accuracy")
        assert scripted(stopping, cross_entropies, accuracies)[0] == [4, 2]
        named = EarlyStopping(patience=2, monitor="validation_cross_entropy")
        assert named.following("accuracy") == named
        with pytest.raises(ValueError, match="needs the name of the metric"):
            EarlyStopping().stop()

    @given(
        st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=12),
        st.integers(0, 4),
        st.booleans(),
        st.sampled_from(["validation_cross_entropy", "validation_accuracy"]),
        st.sampled_from([0.0, 0.05, 0.15]),
    )
    @settings(
        deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_is_that_of_keras(
        self,
        scripted: Any,
        figures: list[float],
        patience: int,
        restore: bool,
        monitor: Any,
        least: float,
    ) -> None:
        stopping = EarlyStopping(
            patience=patience, restore_best=restore, monitor=monitor, minimum_improvement=least
        )
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
            min_delta=least,
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
            [EarlyStopping(patience=2, monitor="validation_cross_entropy")],
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
