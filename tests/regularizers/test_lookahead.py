"""Lookahead against the paper's algorithm by hand."""

import pytest
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    moved,
    plain_descent,
    set_trained,
    weights,
)
from tests.training.small_study import network_of, trained

from regbench.study.technique import Technique


@pytest.mark.parametrize(("steps", "share"), [(2, 0.5), (3, 0.8), (50, 0.5)])
def test_a_training_is_that_by_hand(steps: int, share: float) -> None:
    shared = plain_descent(epochs=4)  # of two steps each
    model, _ = trained(Technique(lookahead={"steps": steps, "share": share}), shared)
    fast = network_of(Technique())
    slow = weights(fast)
    for number, rows in enumerate(batches(shared), start=1):
        set_trained(fast, moved(weights(fast), gradient(fast, rows), -0.1))
        if number % steps == 0 or number == 8:  # the last step: a short training is one, too
            slow = [s + share * (f - s) for s, f in zip(slow, weights(fast), strict=True)]
            set_trained(fast, slow)
    assert number == 8
    assert_weights(weights(model), slow)  # those are kept, also between two steps back
