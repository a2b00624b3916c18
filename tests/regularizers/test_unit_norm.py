"""The unit-norm constraint against Keras', and after every step of a training."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tests.regularizers.by_hand import plain_descent, recorded
from tests.training.small_study import trained

from regbench.regularizers.unit_norm import UnitNorm
from regbench.study.technique import Technique


def test_is_keras_own() -> None:
    kernel = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    found = UnitNorm().constrain(tf.constant(kernel))
    np.testing.assert_allclose(found, keras.constraints.UnitNorm(axis=0)(kernel), rtol=1e-5)


def test_a_unit_without_weights_stays() -> None:
    found = UnitNorm().constrain(tf.zeros((3, 2)))
    assert not np.any(found)


def test_holds_after_every_step_of_a_training(monkeypatch: Any) -> None:
    found = recorded(monkeypatch)
    model, _ = trained(Technique(unit_norm=True), plain_descent(batch_size=65, epochs=4))
    kernels = [n for n, v in enumerate(model.trainable_variables) if v.name == "kernel"]
    for values in found:
        *hidden, last = (np.linalg.norm(values[n], axis=0) for n in kernels)
        for norms in hidden:
            np.testing.assert_allclose(norms, 1, rtol=1e-5)
        assert np.abs(last - 1).max() > 1e-3
