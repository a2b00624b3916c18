"""Elastic net against its formula."""

import numpy as np
import pytest
import tensorflow as tf
from tests.regularizers.by_hand import assert_weights, plain_descent, weights
from tests.training.small_study import trained

from regbench.regularizers.elastic_net import ElasticNet
from regbench.study.technique import Technique


def test_is_the_sum_of_both_penalties() -> None:
    kernel = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    found = ElasticNet(l1=0.2, l2=0.3).penalty(tf.constant(kernel), tf.constant([0, 0]))
    expected = 0.2 * np.abs(kernel).sum() + 0.3 * (kernel**2).sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_has_the_gradient_of_both() -> None:
    kernel = tf.Variable(np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32))
    with tf.GradientTape() as tape:
        penalty = 3 * ElasticNet(l1=0.2, l2=0.3).penalty(tf.identity(kernel), tf.constant([0, 0]))
    expected = 3 * (0.2 * np.sign(kernel.numpy()) + 0.6 * kernel.numpy())
    np.testing.assert_allclose(tape.gradient(penalty, kernel), expected, rtol=1e-5)


def test_a_training_is_that_of_both_penalties() -> None:
    together, history = trained(Technique(elastic_net={"l1": 0.01, "l2": 0.02}), plain_descent())
    apart, other = trained(Technique(l1=0.01, l2=0.02), plain_descent())
    assert_weights(weights(together), weights(apart))
    assert history["penalty"].tolist() == pytest.approx(other["penalty"].tolist(), rel=1e-5)
