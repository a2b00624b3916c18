"""Phases of a training: what is trained in each, and with which rates."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tests.training.small_study import (
    IMAGES,
    TARGETS,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
)

from regbench.networks.base import Phase
from regbench.networks.weights import weights_of
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.study.technique import Technique
from regbench.training.course import planned_epochs
from regbench.training.train import train

NORMALIZED = Technique(batch_normalization=True)
BODY = frozenset({"hidden_1", "batch_normalization_1"})
HEAD = Phase("head", 2, 0.02, BODY)
WHOLE = Phase("fine_tune", 3, 0.004)
# Nothing changes from epoch to epoch: without moving averages and with hardly any learning rate.
PLAIN = Technique()
STILL = (Phase("head", 9, 1e-9, frozenset({"hidden_1"})), Phase("all", 9, 1e-9))


def trained(
    phases: tuple[Phase, ...], technique: Technique = NORMALIZED, **changes: Any
) -> tuple[keras.Model, pd.DataFrame, dict[str, np.ndarray]]:
    network = network_of(technique)
    extra = changes.pop("extra", [])
    history, best = train(
        network,
        IMAGES,
        TRAIN,
        VALIDATION,
        protocol(**changes),
        1,
        [*regularizers_of(technique), *extra],
        phases=phases,
    )
    return network, history, best


def test_frozen_layers_stay_as_they_are_with_their_statistics() -> None:
    before = weights_of(network_of(NORMALIZED))
    after = weights_of(trained((HEAD,))[0])
    for name, weight in before.items():
        changed = (after[name] != weight).any()
        assert changed != name.startswith(tuple(BODY)), name


def test_each_phase_is_a_training_of_plain_keras() -> None:
    momentum = {"name": "sgd", "learning_rate": 1, "momentum": 0.9}
    network, history, _ = trained((HEAD, WHOLE), optimizer=momentum)
    assert history["phase"].tolist() == ["head"] * 2 + ["fine_tune"] * 3
    assert history["learning_rate"].tolist() == pytest.approx([0.02] * 2 + [0.004] * 3)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    plain = network_of(NORMALIZED)
    number = 0
    for phase in (HEAD, WHOLE):
        for layer in plain.layers:
            layer.trainable = layer.name not in phase.frozen
        plain.compile(
            keras.optimizers.SGD(phase.learning_rate, 0.9),  # begins anew
            keras.losses.SparseCategoricalCrossentropy(),
        )
        for _ in range(phase.epochs):
            number += 1
            order = TRAIN.rows[np.random.default_rng([1, number]).permutation(len(TRAIN.rows))]
            for start in range(0, len(order), 16):
                batch = order[start : start + 16]
                plain.train_on_batch(IMAGES[batch], TARGETS[batch])
    for mine, theirs in zip(network.variables, plain.variables, strict=True):
        if mine.dtype == "float32":
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-3, atol=1e-5)


def test_the_schedule_runs_over_each_phase() -> None:
    _, history, _ = trained((HEAD, WHOLE), schedule={"name": "cosine"})
    expected = [0.02, 0.01, 0.004, 0.004 * 0.75, 0.004 * 0.25]
    assert history["learning_rate"].tolist() == pytest.approx(expected)


def test_one_phase_with_nothing_frozen_is_a_training_without_phases() -> None:
    with_phase, history, _ = trained((Phase("all", 2, 0.01),))
    without, plain_history, _ = trained(())
    for one, other in zip(with_phase.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "phase" not in plain_history
    assert history["phase"].tolist() == ["all"] * 2


def test_the_seeds_of_a_technique_are_compiled_once_and_begin_anew() -> None:
    first, *_ = trained((HEAD, WHOLE))
    again, *_ = trained((HEAD, WHOLE))
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(layer.trainable for layer in first.layers)


def test_early_stopping_acts_in_the_last_phase() -> None:
    stopping = EarlyStopping(patience=1, monitor="validation_accuracy")
    head, whole = STILL
    phases = (replace(head, epochs=4), whole)
    _, history, _ = trained(phases, PLAIN, extra=[stopping])
    assert history["phase"].tolist() == ["head"] * 4 + ["all"] * 2
    assert history.loc[history["kept"], "epoch"].tolist() == [5]


def test_a_schedule_that_stalls_ends_the_phase() -> None:
    plateau = {
        "name": "plateau",
        "patience": 1,
        "minimum": 0.5,
        "monitor": "validation_accuracy",
    }
    _, history, _ = trained(STILL, PLAIN, schedule=plateau)
    assert history["phase"].tolist() == ["head"] * 2 + ["all"] * 2


def test_penalties_are_those_of_trained_kernels() -> None:
    technique = Technique(l2=0.5)
    network, history, _ = trained((Phase("head", 1, 1e-9, frozenset({"hidden_1"})),), technique)
    kernel = network.get_layer("hidden_2").kernel.numpy()
    assert history["penalty"].item() == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-5)


def test_a_frozen_layer_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no layers backbone"):
        trained((Phase("head", 1, 0.1, frozenset({"backbone"})),))


def test_planned_epochs() -> None:
    assert planned_epochs(protocol(epochs=7), ()) == 7
    assert planned_epochs(protocol(epochs=7), (HEAD, WHOLE)) == 5


def test_layers_inside_of_a_frozen_layer_stay_frozen_where_they_were() -> None:
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(4, name="b")],
        name="inner",
    )
    inner.get_layer("a").trainable = False
    network = keras.Sequential(
        [
            keras.Input((2, 2, 1), dtype="uint8"),
            keras.layers.Flatten(),
            inner,
            keras.layers.Dense(3, name="logits"),
            keras.layers.Softmax(),
        ]
    )
    before = weights_of(network)
    images = IMAGES[:, :2, :2]
    phases = (Phase("head", 1, 0.1, frozenset({"inner"})), Phase("rest", 1, 0.1))
    train(network, images, TRAIN, VALIDATION, protocol(), 1, phases=phases)
    after = weights_of(network)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert {name for name in changed if "inner" in name} == {"inner/b.kernel", "inner/b.bias"}
