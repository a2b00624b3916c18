"""The interval agrees with the verdict, whatever the mean, the spread and the look."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.interval import (
    ABOVE,
    BELOW,
    NOTHING,
    WITHIN,
    Critical,
    critical,
    interval,
    read,
)

BAND = 0.005
AT = Critical(difference=4.0, equivalence=3.5, beyond=5.0)
means = st.floats(-0.1, 0.1)
errors = st.floats(1e-6, 0.05)


@given(means, errors)
def test_is_within_the_band_or_leaves_out_0_as_the_verdict_says(mean: float, se: float) -> None:
    shown = int(read(mean, se, AT, BAND))
    low, high = (float(end) for end in interval(mean, se, AT, BAND))
    assert low <= mean <= high
    within = bool(low >= -BAND and high <= BAND)
    assert (shown == WITHIN) == within
    if not within:
        assert (shown == ABOVE) == (low > 0)
        assert (shown == BELOW) == (high < 0)
        assert (shown == NOTHING) == (low <= 0 <= high)


@given(means, errors)
def test_of_the_opposite_difference_is_the_mirror_image(mean: float, se: float) -> None:
    low, high = interval(mean, se, AT, BAND)
    assert interval(-mean, se, AT, BAND) == (-high, -low)


@pytest.mark.parametrize(
    ("mean", "se", "ends"),
    [
        (0.002, 0.004, (-0.014, 0.018)),  # undecided: 4 standard errors either way
        (0.001, 0.001, (-0.003, 0.005)),  # equivalent: 0.001 + 0.0035 < 0.005
        (0.0, 0.0013, (-0.005, 0.005)),  # equivalent, cut off at the band
        (0.006, 0.001, (0.002, 0.010)),  # better
        (0.020, 0.001, (0.015, 0.024)),  # better by more than the band: 5 standard errors towards 0
        (0.020, 0.0035, (0.005, 0.034)),  # the same, but no further than the band
        (-0.020, 0.001, (-0.024, -0.015)),
    ],
)
def test_has_these_ends(mean: float, se: float, ends: tuple[float, float]) -> None:
    assert np.ravel(interval(mean, se, AT, BAND)) == pytest.approx(ends)


@pytest.mark.parametrize("techniques", [1, 9, 30, 200])
@pytest.mark.parametrize("looks", [(3, 4, 6), (5, 8, 12, 20), (5, 6, 7, 8, 9, 10, 15, 20, 40)])
def test_boundaries_are_in_the_order_that_the_proof_needs(
    looks: tuple[int, ...], techniques: int
) -> None:
    design = Design(looks, techniques, BAND)
    for number in range(1, len(looks) + 1):
        at = critical(looks[:number], design.shares[:number], design)
        assert at.equivalence < at.difference < at.beyond


def test_of_one_look_is_the_t_interval_at_the_error_of_one_technique() -> None:
    at = critical((20,), (1.0,), Design((20,), techniques=9, band=BAND))
    assert at.difference == pytest.approx(stats.t.isf(0.05 / 9 / 2, 19))
    assert at.equivalence == pytest.approx(stats.t.isf(0.95 * 0.05 / 9, 19))
    assert at.beyond == pytest.approx(stats.t.isf(0.05 * 0.05 / 9, 19))
