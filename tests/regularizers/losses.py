"""Random logits and targets for tests of losses."""

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax

from regbench.regularizers.base import Regularizer

RANDOM = np.random.default_rng(7)
LOGITS = (3 * RANDOM.normal(size=(20, 4))).astype(np.float32)
TARGETS = RANDOM.integers(0, 4, 20).astype(np.int32)
HARD = np.eye(4, dtype=np.float32)[TARGETS]
MIXED = RANDOM.dirichlet(np.ones(4), size=20).astype(np.float32)
LOG_SHARES = log_softmax(LOGITS.astype(float), axis=1)
SHARES = np.exp(LOG_SHARES)


def changed(regularizer: Regularizer, targets: np.ndarray) -> np.ndarray:
    """The losses of the logits: cross-entropies, as a regularizer changes them."""
    shares = HARD if targets.ndim == 1 else targets
    plain = -(shares * LOG_SHARES).sum(axis=1).astype(np.float32)
    found = regularizer.change_losses(tf.constant(plain), tf.constant(targets), tf.constant(LOGITS))
    return np.asarray(found)
