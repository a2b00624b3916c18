"""Gradient clipping against formulas and Keras' own."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    norm_of,
    plain_descent,
    updated,
    weights,
)
from tests.training.small_study import network_of, trained

from regbench.regularizers.gradient_clipping import GradientClipping
from regbench.regularizers.places.update import Clock, Role, TrainedVariables
from regbench.study.technique import Technique

RANDOM = np.random.default_rng(0)


def clipped(settings: Any, scale: float = 1.0) -> tuple[Any, list[np.ndarray], list[np.ndarray]]:
    """Variables, their gradients, and the clipped ones."""
    variables = updated(Technique(batch_normalization=True))
    found = [scale * RANDOM.normal(size=v.shape).astype(np.float32) for v in variables]
    update = GradientClipping.model_validate(settings).update(variables)
    assert update.state() == []
    new = update.gradients(lambda: [tf.constant(one) for one in found])
    return variables, found, [one.numpy() for one in new]


def test_by_norm_all_gradients_are_scaled_alike() -> None:
    _, found, new = clipped(0.5)
    assert norm_of(new) == pytest.approx(0.5, rel=1e-5)
    for one, other in zip(new, found, strict=True):
        np.testing.assert_allclose(one, other * 0.5 / norm_of(found), rtol=1e-4)
    _, found, new = clipped(0.5, scale=1e-3)  # small enough already
    assert norm_of(found) < 0.5
    for one, other in zip(new, found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_by_value_each_value_is_cut() -> None:
    _, found, new = clipped({"by": "value", "limit": 0.3})
    for one, other in zip(new, found, strict=True):
        np.testing.assert_array_equal(one, np.clip(other, np.float32(-0.3), np.float32(0.3)))


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_adaptive_scales_a_units_gradient_by_the_norm_of_its_weights(scale: float) -> None:
    variables, found, new = clipped({"by": "adaptive", "limit": 0.1}, scale)
    assert {role.kind for role in variables.roles} == {"kernel", "bias", "scale"}
    for variable, role, old, one in zip(variables, variables.roles, found, new, strict=True):
        axes = 0 if role.kind == "kernel" else None
        weight = np.maximum(np.linalg.norm(variable.numpy(), axis=axes, keepdims=True), 1e-3)
        norm = np.linalg.norm(old, axis=axes, keepdims=True)
        expected = np.where(norm > 0.1 * weight, old * 0.1 * weight / norm, old)
        if role.of_logits:
            expected = old
        np.testing.assert_allclose(one, expected, rtol=1e-4)


def test_adaptive_takes_a_filter_as_a_unit() -> None:
    kernel = tf.Variable(RANDOM.normal(size=(3, 3, 2, 4)).astype(np.float32))
    variables = TrainedVariables([kernel], [Role("kernel", (0, 1, 2))], Clock.new())
    update = GradientClipping(by="adaptive", limit=0.1).update(variables)
    (found,) = update.gradients(lambda: [tf.ones(kernel.shape)])
    norms = np.linalg.norm(found.numpy().reshape(18, 4), axis=0)
    expected = 0.1 * np.linalg.norm(kernel.numpy().reshape(18, 4), axis=0)
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "of_keras"),
    [
        ({"limit": 0.2}, {"global_clipnorm": 0.2}),
        ({"by": "value", "limit": 0.01}, {"clipvalue": 0.01}),
    ],
)
def test_a_training_is_that_of_keras(settings: Any, of_keras: Any) -> None:
    shared = plain_descent(epochs=2)
    model, _ = trained(Technique(gradient_clipping=settings), shared)
    plain = network_of(Technique())
    optimizer = keras.optimizers.SGD(0.1, **of_keras)
    for rows in batches(shared):
        found = [tf.constant(g) for g in gradient(plain, rows)]
        optimizer.apply(found, plain.trainable_variables)
    assert_weights(weights(model), weights(plain))
    without, _ = trained(Technique(), shared)
    assert any(
        np.abs(a - b).max() > 1e-3 for a, b in zip(weights(without), weights(model), strict=True)
    )


def test_each_kind_has_a_limit_of_its_own() -> None:
    read = GradientClipping.model_validate
    assert read({}).limit == 1.0
    assert read({"by": "value"}).limit == 0.5
    assert read({"by": "adaptive"}).limit == 0.01
    assert read({"by": "adaptive", "limit": 0.2}).limit == 0.2
    again = read(read({"by": "adaptive"}).model_dump(mode="json"))
    assert again == read({"by": "adaptive"})
    with pytest.raises(ValidationError, match="Input should be 'norm', 'value' or 'adaptive'"):
        read({"by": ["norm"]})
