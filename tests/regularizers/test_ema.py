"""The exponential moving average against its closed form."""

from typing import Any

import numpy as np
import pytest
from tests.regularizers.by_hand import assert_weights, plain_descent, recorded, updated, weights
from tests.training.small_study import trained

from regbench.regularizers.ema import Ema
from regbench.study.technique import Technique


def closed_form(after: list[list[np.ndarray]], decay: float) -> list[np.ndarray]:
    """The weighted mean of the weights after every step.

    The plain mean of the first n = 1 / (1 - decay) steps, times decay^k after k more, and
    (1 - decay) decay^(k - j) for the j-th of these.
    """
    first = round(1 / (1 - decay))
    later = max(len(after) - first, 0)
    shares = [decay**later / min(first, len(after))] * min(first, len(after))
    shares += [(1 - decay) * decay ** (later - j) for j in range(1, later + 1)]
    assert sum(shares) == pytest.approx(1)
    return [
        sum(share * values[n].astype(float) for share, values in zip(shares, after, strict=True))
        for n in range(len(after[0]))
    ]


@pytest.mark.parametrize(("decay", "steps"), [(0.75, 10), (0.99, 6)])
def test_is_its_closed_form(decay: float, steps: int, monkeypatch: Any) -> None:
    after = recorded(monkeypatch)
    shared = plain_descent(batch_size=65, epochs=steps)
    model, _ = trained(Technique(ema=decay), shared)
    assert len(after) == steps
    assert_weights(weights(model), closed_form(after, decay))
    averaged = list(after)
    after.clear()
    plain, _ = trained(Technique(), shared)
    for one, other in zip(averaged, after, strict=True):  # what is trained does not change
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.abs(weights(plain)[0] - weights(model)[0]).max() > 1e-3


def test_each_training_begins_anew() -> None:
    variables = updated()
    update = Ema(decay=0.5).update(variables)
    update.after_step(None)
    for variable in variables:
        variable.assign(variable + 1)
    update.restart()
    for average, variable in zip(update.averages(), variables, strict=True):
        np.testing.assert_array_equal(average.numpy(), variable.numpy())
    assert len(update.state()) == len(variables) + 1


def test_early_stopping_chooses_by_the_average(monkeypatch: Any) -> None:
    after = recorded(monkeypatch)
    technique = Technique(
        ema=0.9, early_stopping={"monitor": "validation_cross_entropy", "patience": 1}
    )
    model, history = trained(technique, plain_descent(batch_size=65, epochs=4))
    kept = int(history["epoch"][history["kept"]].item())
    assert kept == int(history["validation_cross_entropy"].argmin()) + 1
    assert_weights(weights(model), closed_form(after[:kept], 0.9))
