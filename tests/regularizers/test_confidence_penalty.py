"""The confidence penalty against SciPy's entropy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import entropy
from tests.regularizers.losses import HARD, LOG_SHARES, MIXED, SHARES, TARGETS, changed

from regbench.regularizers.confidence_penalty import ConfidencePenalty


@pytest.mark.parametrize(("targets", "shares"), [(TARGETS, HARD), (MIXED, MIXED)])
def test_takes_the_entropy_off(targets: np.ndarray, shares: np.ndarray) -> None:
    found = changed(ConfidencePenalty(beta=0.3), targets)
    plain = -(shares * LOG_SHARES).sum(axis=1)
    np.testing.assert_allclose(found, plain - 0.3 * entropy(SHARES, axis=1), rtol=1e-4)


def test_of_certain_answers_the_entropy_is_zero_and_the_gradient_finite() -> None:
    logits = tf.constant([[200.0, -200.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = ConfidencePenalty().change_losses(tf.zeros(1), tf.constant([0]), logits)
    assert loss.numpy() == 0
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()
