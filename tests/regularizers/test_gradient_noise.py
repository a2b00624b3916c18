"""Gradient noise: its variance by the paper's formula, and its independence."""

import numpy as np
import pytest
import tensorflow as tf
from tests.regularizers.by_hand import updated

from regbench.regularizers.gradient_noise import GradientNoise


def noise(steps: int, seed: int = 1) -> list[np.ndarray]:
    """All values of the noise of each step."""
    variables = updated(seed=seed)
    update = GradientNoise(variance=0.3, decay=0.55).update(variables)
    update.restart()
    found = []
    for _ in range(steps):
        new = update.gradients(lambda: [tf.zeros(v.shape) for v in variables])
        found.append(np.concatenate([one.numpy().ravel() for one in new]))
        update.after_step(tf.constant(0.1))
        variables.clock.steps.assign_add(1)
    return found


def test_has_the_variance_of_the_formula() -> None:
    found = noise(60)
    together = np.concatenate(
        [values / np.sqrt(0.3 / (1 + t) ** 0.55) for t, values in enumerate(found)]
    )
    assert together.mean() == pytest.approx(0, abs=5 / np.sqrt(len(together)))
    assert together.var() == pytest.approx(1, abs=5 * np.sqrt(2 / len(together)))
    kurtosis = (together**4).mean()
    assert kurtosis == pytest.approx(3, abs=0.15)  # it is normal
    assert found[59].std() < 0.5 * found[0].std()


def test_differs_between_steps_variables_and_seeds_and_is_the_same_again() -> None:
    one, other = noise(2)
    for a, b in ((one, other / other.std() * one.std()), (one, noise(1, seed=2)[0])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.15
    half = len(one) // 2
    assert abs(np.corrcoef(one[:half], one[half : 2 * half])[0, 1]) < 0.2
    np.testing.assert_array_equal(one, noise(1)[0])
