"""Optimizers in the compiled step, against plain Keras: every optimizer, every schedule."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter
from tests.training.small_study import (
    IMAGES,
    TARGETS,
    TRAIN,
    network_of,
    protocol,
    trained,
)

from regbench.networks.weights import kernel_variables
from regbench.optimization.optimizers import OPTIMIZERS, Optimizer
from regbench.optimization.schedules import SCHEDULES, Horizon
from regbench.study.technique import Technique
from regbench.training.optimizers import FusedAdam, KerasOptimizer, applied

SETTINGS: list[dict[str, Any]] = [
    {"name": "adam"},
    {"name": "adam", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    {"name": "adamw", "weight_decay": 0.1},
    {"name": "sgd"},
    {"name": "sgd", "momentum": 0.9},
    {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"name": "rmsprop", "rho": 0.8, "momentum": 0.5, "centered": True, "weight_decay": 0.1},
    {"name": "lion", "weight_decay": 0.1},
]


def optimizer(settings: dict[str, Any]) -> Optimizer:
    made: Optimizer = TypeAdapter(Optimizer).validate_python({"learning_rate": 0.01} | settings)
    return made


def expected_rates(schedule: dict[str, Any], steps: int, epochs: int) -> list[float]:
    made = protocol(schedule=schedule).schedule
    return [0.01 * made.share(step, Horizon(epochs, steps)) for step in range(epochs * steps)]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_steps_are_those_of_keras(settings: dict[str, Any], schedule: str) -> None:
    random = np.random.default_rng(0)
    start = [random.normal(size=(7, 5)), random.normal(size=5)]
    ours = [keras.Variable(v, dtype="float32") for v in start]
    theirs = [keras.Variable(v, dtype="float32") for v in start]
    mine = applied(optimizer(settings), ours, ours[:1])
    keras_name = OPTIMIZERS[settings["name"]].keras_name
    given = {key: value for key, value in settings.items() if key != "name"}
    expected = getattr(keras.optimizers, keras_name)(learning_rate=0.01, **given)
    if "weight_decay" in settings:
        expected.exclude_from_weight_decay(var_list=theirs[1:])
    step = tf.function(mine.apply)
    for rate in expected_rates({"name": schedule}, 5, 4):
        # Gradients of many sizes, also below Adam's epsilon.
        gradients = [
            tf.constant(random.normal(size=v.shape) * 10.0 ** random.integers(-9, 3), tf.float32)
            for v in start
        ]
        step(gradients, tf.constant(rate, tf.float32))
        expected.learning_rate.assign(rate)
        expected.apply(gradients, theirs)
        for own, their in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(own.numpy(), their.numpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(ours[0].numpy() - start[0]).max() > 1e-3


def test_adam_is_the_fused_one_and_others_are_keras_own() -> None:
    variables = [keras.Variable(np.ones(3))]
    for settings in SETTINGS:
        fused = settings["name"].startswith("adam")
        expected = FusedAdam if fused else KerasOptimizer
        assert type(applied(optimizer(settings), variables, [])) is expected


@pytest.mark.parametrize(
    ("settings", "schedule"),
    [
        ({"name": "adam"}, {"name": "cosine"}),
        ({"name": "adamw", "weight_decay": 0.5}, {"name": "cosine", "warmup": 1}),
        ({"name": "sgd", "momentum": 0.9, "weight_decay": 0.5}, {"name": "one_cycle"}),
        ({"name": "lion"}, {"name": "step", "every": 1}),
    ],
)
def test_a_training_ends_with_the_weights_of_plain_keras(
    settings: dict[str, Any], schedule: dict[str, Any]
) -> None:
    # Lion takes the sign of gradients that are rounding noise, those of normalized biases.
    technique = Technique(batch_normalization=settings["name"] != "lion")
    shared = protocol(
        optimizer={"learning_rate": 0.01} | settings, schedule=schedule, epochs=2, batch_size=13
    )
    network, history = trained(technique, shared)
    rates = expected_rates(schedule, 5, 2)
    assert history["learning_rate"].tolist() == pytest.approx([rates[0], rates[5]])

    plain = network_of(technique)
    own = optimizer(settings).in_keras()
    decayed = {id(kernel) for kernel in kernel_variables(plain)}
    if own.weight_decay:
        own.exclude_from_weight_decay(
            var_list=[v for v in plain.trainable_variables if id(v) not in decayed]
        )
    plain.compile(own, keras.losses.SparseCategoricalCrossentropy())
    for number in (1, 2):
        order = TRAIN.rows[np.random.default_rng([1, number]).permutation(len(TRAIN.rows))]
        for batch in np.split(order, 5):
            own.learning_rate.assign(rates.pop(0))
            plain.train_on_batch(IMAGES[batch], TARGETS[batch])
    for mine, theirs in zip(network.variables, plain.variables, strict=True):
        # Batch normalization takes biases off again: their gradients are rounding noise.
        if mine.dtype == "float32" and not (
            mine.path.endswith("bias") and "logits" not in mine.path
        ):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-3, atol=2e-4)


def test_the_seeds_of_a_technique_begin_with_an_empty_optimizer() -> None:
    shared = protocol(optimizer=SETTINGS[6] | {"learning_rate": 0.01})
    alone, _ = trained(Technique(), shared, seed=2)
    trained(Technique(), shared, seed=1)
    after, _ = trained(Technique(), shared, seed=2)
    for one, other in zip(alone.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_plateau_ends_a_training_that_stalls() -> None:
    shared = protocol(
        schedule={
            "name": "plateau",
            "monitor": "validation_cross_entropy",
            "patience": 1,
            "factor": 0.1,
            "minimum": 0.1,
        },
        learning_rate=1e-9,  # it learns next to nothing
        epochs=30,
    )
    _, history = trained(Technique(), shared)
    assert len(history) < 30
    rates = history["learning_rate"]
    assert rates.iloc[0] == 1e-9
    assert rates.iloc[-1] == pytest.approx(1e-10)
    assert history["kept"].tolist() == [False] * (len(history) - 1) + [True]
