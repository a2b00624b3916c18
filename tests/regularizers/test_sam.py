"""Sharpness-aware minimization against two gradients by hand."""

from typing import Any

import numpy as np
import pytest
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    moved,
    norm_of,
    plain_descent,
    set_trained,
    weights,
)
from tests.training.small_study import network_of, trained

from regbench.regularizers.sam import Sam
from regbench.study.technique import Technique


@pytest.mark.parametrize("technique", [{}, {"batch_normalization": True}])
@pytest.mark.parametrize("adaptive", [False, True])
def test_steps_are_two_gradients_by_hand(adaptive: bool, technique: dict[str, Any]) -> None:
    shared = plain_descent(epochs=2)
    model, _ = trained(Technique(sam={"rho": 0.3, "adaptive": adaptive}, **technique), shared)
    plain = network_of(Technique(**technique))
    biases = [v.name in ("bias", "beta") for v in plain.trainable_variables]
    for rows in batches(shared):
        at = weights(plain)
        found = gradient(plain, rows)
        moving = [v.numpy() for v in plain.non_trainable_variables]
        scales = [
            np.abs(w) + 0.01 if adaptive and not bias else np.ones_like(w)
            for w, bias in zip(at, biases, strict=True)
        ]
        scaled = [t * g for t, g in zip(scales, found, strict=True)]
        uphill = [t * g for t, g in zip(scales, scaled, strict=True)]
        set_trained(plain, moved(at, uphill, 0.3 / norm_of(scaled)))
        there = gradient(plain, rows)
        set_trained(plain, moved(at, there, -0.1))
        for variable, value in zip(plain.non_trainable_variables, moving, strict=True):
            variable.assign(value)
    assert_weights(weights(model), weights(plain), tolerance=1e-5)
    statistics = [v.numpy() for v in model.non_trainable_variables if "moving" in v.name]
    expected = [v.numpy() for v in plain.non_trainable_variables if "moving" in v.name]
    assert_weights(statistics, expected, tolerance=1e-5)
    without, _ = trained(Technique(**technique), shared)
    assert np.abs(weights(without)[0] - weights(model)[0]).max() > 1e-4


def test_the_train_figures_are_those_before_the_step_uphill() -> None:
    shared = plain_descent(batch_size=65, epochs=1)
    _, plain = trained(Technique(), shared)
    _, history = trained(Technique(sam=0.5), shared)
    assert history["train_cross_entropy"].tolist() == plain["train_cross_entropy"].tolist()


def test_the_adaptive_kind_has_a_radius_of_its_own() -> None:
    read = Sam.model_validate
    assert read({}).rho == 0.05
    assert read({"adaptive": True}).rho == 0.5
    assert read({"adaptive": True, "rho": 1}).rho == 1
    assert read(read({"adaptive": True}).model_dump(mode="json")) == read({"adaptive": True})
    assert read(0.1).rho == 0.1
