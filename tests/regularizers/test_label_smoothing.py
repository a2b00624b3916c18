"""Label smoothing against Keras' and a formula."""

import keras
import numpy as np
import pytest
from tests.regularizers.losses import HARD, LOG_SHARES, LOGITS, MIXED, TARGETS, changed

from regbench.regularizers.label_smoothing import LabelSmoothing
from regbench.study.technique import Technique


@pytest.mark.parametrize(("targets", "shares"), [(TARGETS, HARD), (MIXED, MIXED)])
@pytest.mark.parametrize("smoothing", [0.1, 0.6])
def test_is_keras(targets: np.ndarray, shares: np.ndarray, smoothing: float) -> None:
    found = changed(LabelSmoothing(smoothing=smoothing), targets)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None
    )
    np.testing.assert_allclose(found, loss(shares, LOGITS), rtol=1e-5)
    smoothed = (1 - smoothing) * shares + smoothing / 4
    np.testing.assert_allclose(found, -(smoothed * LOG_SHARES).sum(axis=1), rtol=1e-5)


def test_the_default_is_the_papers() -> None:
    assert Technique(label_smoothing={}).regularizers({}) == [LabelSmoothing(smoothing=0.1)]
