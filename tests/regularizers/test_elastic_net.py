"""Elastic net against its formula."""

import numpy as np
import pytest
import tensorflow as tf

from regbench.regularizers.elastic_net import ElasticNet


def test_is_the_sum_of_both_penalties() -> None:
    kernel = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    found = ElasticNet(l1=0.2, l2=0.3).penalty(tf.constant(kernel), tf.constant([0, 0]))
    expected = 0.2 * np.abs(kernel).sum() + 0.3 * (kernel**2).sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)
