"""Points that are known beforehand."""

import numpy as np
import pytest
from scipy.stats import qmc

from regbench.errors import StudyError
from regbench.regularizers.base import Choice, Range
from regbench.study.search import Searched
from regbench.tuning import points

LOG = Searched("l2", "factor", Range(1e-6, 1e-2, log=True), 1e-4)
LINEAR = Searched("dropout", "rate", Range(0.1, 0.5), 0.25)
WHOLE = Searched("early_stopping", "patience", Range(1, 4), 2, whole=True)
WORD = Searched("learning_rate", "schedule", Choice(("protocol", "constant")), "protocol")
ALL = (LOG, LINEAR, WHOLE, WORD)


def test_quasi_random_points_are_those_of_scipys_sequence_mapped_to_the_ranges() -> None:
    sequence = qmc.Sobol(64, scramble=True, rng=np.random.default_rng(7)).random(8)
    for number, (word, log, linear, whole, *_) in enumerate(sequence):
        found = points.quasi_random(ALL, number, 7)
        assert found["l2.factor"] == pytest.approx(10 ** (-6 + 4 * log), rel=1e-2)
        assert found["dropout.rate"] == pytest.approx(0.1 + 0.4 * linear, rel=1e-2)
        assert found["early_stopping.patience"] == 1 + int(4 * whole)
        assert found["learning_rate.schedule"] == ("protocol", "constant")[int(2 * word)]
    # Of eight points each quarter of a range has two: better spread than at random.
    drawn = [points.quasi_random(ALL, number, 7)["early_stopping.patience"] for number in range(8)]
    assert sorted(drawn) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert points.quasi_random(ALL, 3, 8) != points.quasi_random(ALL, 3, 7)


def test_all_techniques_are_tried_at_the_same_learning_rates() -> None:
    rate = Searched("learning_rate", "factor", Range(0.1, 10, log=True), 1.0)
    for number in range(8):
        alone = points.quasi_random((rate, WORD), number, 7)
        assert list(alone) == ["learning_rate.factor", "learning_rate.schedule"]
        for others in ((LOG,), (WHOLE, LINEAR, LOG)):
            assert alone.items() <= points.quasi_random((*others, rate, WORD), number, 7).items()


def test_a_grid_has_as_many_values_of_each_range_as_trials_allow() -> None:
    found = points.grid((LOG, WORD), 10)
    values = sorted({point["l2.factor"] for point in found})
    assert values == pytest.approx([1e-6, 10**-5, 1e-4, 1e-3, 1e-2], rel=1e-2)
    assert len(found) == 10
    assert len({tuple(point.values()) for point in found}) == 10
    assert len(points.grid((WHOLE,), 9)) == 4  # there are no more


def test_a_grid_that_a_budget_does_not_allow_is_named() -> None:
    with pytest.raises(StudyError, match=r"takes 8 trials or more .*, and the budget gives 7"):
        points.grid((LOG, LINEAR, WORD), 7)


def test_values_off_the_scale_are_clipped() -> None:
    assert points.clipped(LOG, 0.0) == 1e-6
    assert points.clipped(WORD, "constant") == "constant"
    assert points.rounded(LINEAR, 0.49999) == 0.5
