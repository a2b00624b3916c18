"""Mixup against the paper's two equations, and its shares against SciPy's Beta distribution."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.regularizers.batches import CLASSES, changed, random_images

from regbench.regularizers.computations.mixing import beta, dirichlet
from regbench.regularizers.mixup import Mixup


def test_images_and_targets_are_mixed_by_the_same_share() -> None:
    images = random_images(CLASSES, (4, 5, 3))
    found, targets = changed(Mixup(), images, np.arange(CLASSES, dtype=np.int32))
    for number in range(CLASSES):
        other = (number + 1) % CLASSES
        share = targets[number, number]
        assert targets[number, other] == pytest.approx(1 - share, abs=1e-6)
        expected = share * images[number] + (1 - share) * images[other].astype(float)
        np.testing.assert_allclose(found[number], expected, atol=0.51)
    assert len(np.unique(targets.diagonal())) == CLASSES  # every pair has its own


@given(st.integers(2, 12), st.floats(0.05, 100), st.integers(0, 9999))
@settings(deadline=None, max_examples=15)
def test_what_a_batch_holds_is_kept(count: int, alpha: float, seed: int) -> None:
    found, targets = changed(Mixup(alpha=alpha), random_images(count, (3, 3, 1)), seed=seed)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert ((targets >= 0) & (targets <= 1)).all()
    images = random_images(count, (3, 3, 1)).astype(float)
    low, high = (
        np.minimum(images, np.roll(images, -1, 0)),
        np.maximum(images, np.roll(images, -1, 0)),
    )
    assert ((found >= low) & (found <= high)).all()


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1, 8])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    drawn = beta(tf.constant(4000), alpha, tf.constant([1, 2])).numpy()
    assert np.isfinite(drawn).all()
    # Compared where float32 tells values from 0 and 1.
    points = np.array([1e-6, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    below = (drawn[:, None] <= points).mean(axis=0)
    np.testing.assert_allclose(below, stats.beta(alpha, alpha).cdf(points), atol=0.035)


def test_several_shares_are_of_the_dirichlet_distribution() -> None:
    drawn = dirichlet(3, tf.constant(4000), 2.0, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(drawn.sum(axis=0), 1, atol=1e-6)
    expected = stats.dirichlet([2.0] * 3)
    np.testing.assert_allclose(drawn.mean(axis=1), expected.mean(), atol=0.01)
    np.testing.assert_allclose(drawn.var(axis=1), expected.var(), atol=0.005)
