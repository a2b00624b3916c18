"""Fits and worth against power laws that are known, by algebra."""

import math
from dataclasses import replace

import numpy as np
import pytest

from regbench.scaling.power_law import PowerLaw, fit_curve, fit_power_law, interval
from regbench.scaling.worth import FAR, curves

SIZES = np.array([100.0, 300.0, 1000.0, 3000.0, 10000.0])


@pytest.mark.parametrize(
    ("limit", "scale", "exponent"),
    [(0.0, 2.0, 0.5), (0.05, 3.0, 0.6), (0.2, 10.0, 1.0), (0.01, 0.9, 0.2)],
)
def test_a_known_power_law_is_found(limit: float, scale: float, exponent: float) -> None:
    law = fit_power_law(SIZES, limit + scale * SIZES**-exponent)
    assert law is not None
    assert law.exponent == pytest.approx(exponent, rel=0.02)
    assert law.limit == pytest.approx(limit, abs=0.01)
    assert law.error(20000) == pytest.approx(limit + scale * 20000**-exponent, rel=0.01)
    assert law.images_for(law.error(777)) == pytest.approx(777)


def test_no_number_of_images_leads_below_the_limit() -> None:
    assert PowerLaw(0.1, 1, 0.5).images_for(0.1) == math.inf
    assert PowerLaw(0.1, 0, 0.5).images_for(0.2) == math.inf
    assert PowerLaw(0, 1e300, 0.01).images_for(1e-300) == math.inf


def test_three_sizes_are_too_few_for_a_curve() -> None:
    assert fit_power_law(SIZES[:3], 2 * SIZES[:3] ** -0.5) is None


def test_worth_is_what_algebra_says() -> None:
    """Of error 3 n^-1/2: a technique that takes a tenth of it is worth n / 0.81 - n images."""
    baseline = np.tile(3 * SIZES**-0.5, (4, 1))
    found = curves(SIZES, baseline, {"one": 0.9 * baseline, "other": baseline * 1.25})
    assert found.curve is not None
    for place, size in enumerate(SIZES):
        worth = found.worth["one"][place]
        assert worth is not None
        assert worth.images == pytest.approx(size / 0.81 - size, rel=0.01)
        assert (worth.low, worth.high) == pytest.approx((worth.images, worth.images))
    cost = found.worth["other"][2]
    assert cost is not None
    assert cost.images == pytest.approx(1000 / 1.25**2 - 1000, rel=0.01)
    assert found.forecast == pytest.approx([3 * 20000**-0.5] * 3, rel=0.01)


def test_beyond_the_largest_size_the_curve_is_a_mean_of_two() -> None:
    """With a limit of 0.04 the sizes say 0.04 + 2 n^-1/2; without one they fall more."""
    errors = 0.04 + 2 * SIZES**-0.5
    curve = fit_curve(SIZES, errors)
    assert curve is not None
    slope = np.polyfit(np.log(SIZES[-3:]), np.log(errors[-3:]), 1)[0]
    by_law, by_tail = 0.04 + 2 * 20000**-0.5, errors[-1] * 2**slope
    assert curve.error(20000) == pytest.approx((by_law + by_tail) / 2, rel=1e-3)
    assert replace(curve, tail_share=0).error(20000) == pytest.approx(by_law, rel=1e-3)
    assert curve.images_for(curve.error(15000), 30000) == pytest.approx(15000)
    assert curve.images_for(errors[1], 30000) == pytest.approx(300, rel=1e-3)
    assert curve.images_for(0.01, 30000) == math.inf


def test_beyond_what_was_measured_it_is_at_least_that_much() -> None:
    baseline = np.tile(0.1 + 3 * SIZES**-0.5, (3, 1))
    worth = curves(SIZES, baseline, {"one": baseline - 0.04}).worth["one"][-1]
    assert worth is not None  # the limit is 0.1, and 0.09 is below it
    assert worth.images == worth.low == worth.most == FAR * SIZES[-1] - SIZES[-1]


def test_without_a_falling_curve_or_enough_sizes_the_reason_is_said() -> None:
    generator = np.random.default_rng(1)
    flat = 0.3 + 0.01 * generator.normal(size=(5, 5))
    found = curves(SIZES, flat, {"one": flat - 0.1})
    assert found.worth == {"one": [None] * 5}
    assert "does not get better with more images" in found.reason
    few = curves(SIZES[:3], np.tile(SIZES[:3] ** -0.5, (3, 1)), {})
    assert few.reason == "a curve takes 4 sizes or more, and the baseline has values at 3"


def test_failed_trainings_are_left_out() -> None:
    baseline = np.tile(3 * SIZES**-0.5, (4, 1))
    technique = 0.9 * baseline
    baseline[1, 2] = technique[0, 1] = math.nan
    technique[:, 4] = math.nan
    worth = curves(SIZES, baseline, {"one": technique}).worth["one"]
    assert worth[4] is None
    assert worth[2] is not None
    assert worth[2].images == pytest.approx(1000 / 0.81 - 1000, rel=0.01)


def test_the_interval_of_few_draws_is_wider_than_the_percentiles() -> None:
    values = np.linspace(0, 1, 1001)
    low, high = interval(values, 5)
    assert low < 0.02
    assert high > 0.98
    many = interval(values, 10**6)
    assert many == pytest.approx((0.025, 0.975), abs=0.002)
    assert all(map(math.isnan, interval(values, 1)))
