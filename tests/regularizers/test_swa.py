"""Stochastic weight averaging: the mean of the last epochs, and the learning rate."""

from typing import Any

import numpy as np
import pytest
from tests.regularizers.by_hand import assert_weights, plain_descent, recorded, weights
from tests.training.small_study import protocol, trained

from regbench.optimization.schedules import Horizon
from regbench.regularizers.swa import Swa
from regbench.study.technique import Technique


@pytest.mark.parametrize(("epochs", "averaged"), [(8, 4), (5, 3), (1, 1)])
def test_is_the_mean_of_the_last_epochs(epochs: int, averaged: int, monkeypatch: Any) -> None:
    after = recorded(monkeypatch)
    technique = Technique(swa={"start": 0.5, "rate": 0.5})
    model, history = trained(technique, plain_descent(epochs=epochs))
    expected = [np.mean([values[n] for values in after[-averaged:]], axis=0) for n in range(6)]
    assert_weights(weights(model), expected)
    before = [0.1] * (epochs - averaged)
    assert history["learning_rate"].tolist() == pytest.approx(before + [0.05] * averaged)


def test_until_then_the_weights_are_evaluated(monkeypatch: Any) -> None:
    shared = plain_descent(epochs=4)
    _, plain = trained(Technique(), shared)
    _, history = trained(Technique(swa={"start": 0.75}), shared)
    figures = "validation_cross_entropy"
    assert history[figures][:3].tolist() == plain[figures][:3].tolist()
    assert history[figures][3] != plain[figures][3]


@pytest.mark.parametrize("name", ["constant", "cosine", "step", "one_cycle"])
def test_the_rate_follows_a_shortened_schedule_and_then_stays(name: str) -> None:
    schedule = protocol(schedule={"name": name}).schedule
    swa = Swa(start=0.75, rate=0.2)
    steps, epochs = 10, 16

    def share(step: int, epochs: int) -> float:
        return schedule.share(step, Horizon(epochs, steps))

    shares = [swa.change_rate(share, step, epochs, steps) for step in range(steps * epochs)]
    assert shares[120:] == [0.2] * 40
    scheduled = [schedule.share(step, Horizon(12, steps)) for step in range(120)]
    top = int(np.argmax(scheduled))
    assert shares[:top] == scheduled[:top]  # the way up
    assert shares[top:120] == [max(one, 0.2) for one in scheduled[top:]]
    falls = np.diff(shares[top:])
    assert (falls <= 0).all()


def test_a_warmup_is_as_it_was() -> None:
    schedule = protocol(schedule={"name": "cosine", "warmup": 1}, epochs=8).schedule

    def share(step: int, epochs: int) -> float:
        return schedule.share(step, Horizon(epochs, 10))

    swa = Swa(start=0.5, rate=0.3)
    found = [swa.change_rate(share, step, 8, 10) for step in range(10)]
    assert found == [schedule.share(step, Horizon(8, 10)) for step in range(10)]
    assert found[0] < 0.3
