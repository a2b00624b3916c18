"""Verdicts look by look: the same as of the whole study, with failed trainings, against SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from regbench.comparison.sequential.boundaries import boundaries
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import StagedVerdict, judge
from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE

BAND = 0.005
DESIGN = Design(looks=(5, 8, 12, 20), techniques=9, band=BAND)
NOISE = np.random.default_rng(0).standard_normal(40)
NOISE = (NOISE - NOISE[:20].mean()) / NOISE[:20].std(ddof=1)  # 20 of mean 0, standard deviation 1


def verdict(values: np.ndarray, design: Design = DESIGN, **options: float) -> StagedVerdict:
    return judge({"any": values}, design, **options)["any"]  # type: ignore[arg-type]


def test_clear_techniques_are_decided_at_the_first_look() -> None:
    noise = np.array([1, -1, 2, -2, 0]) * 1e-4
    verdicts = judge({"up": noise + 0.05, "down": noise - 0.05, "same": noise}, DESIGN)
    assert [one.verdict for one in verdicts.values()] == [BETTER, WORSE, EQUIVALENT]
    assert all(one.look == 5 and one.stopped for one in verdicts.values())


def test_an_unclear_technique_trains_on() -> None:
    found = verdict(np.array([0.01, -0.01, 0.02, 0.0, 0.01]))
    assert (found.verdict, found.look, found.stopped) == (UNDECIDED, 5, False)
    assert found.low < 0 < found.high


def test_more_techniques_than_the_design_is_for_are_refused() -> None:
    with pytest.raises(ValueError, match="2 techniques, and a design for 1"):
        judge({"a": np.zeros(5), "b": np.zeros(5)}, Design((5,), 1, BAND))


@pytest.mark.parametrize(
    "wrong",
    [
        {"looks": ()},
        {"looks": (2, 5)},
        {"looks": (5, 5)},
        {"techniques": 0},
        {"band": -0.1},
        {"band": float("nan")},
        {"error": 0.0},
        {"spending": 0.0},
        {"variance_ratio": -1.0},
    ],
)
def test_an_impossible_design_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"looks have to rise|not a design"):
        replace(DESIGN, **wrong)  # type: ignore[arg-type]


# Replaying -----------------------------------------------------------------------------------


def values_of(length: int) -> st.SearchStrategy[list[float]]:
    value = st.floats(-0.02, 0.02) | st.just(float("nan"))
    return st.lists(value, min_size=length, max_size=length)


@settings(deadline=None, max_examples=60)
@given(values_of(20), st.sampled_from([0.0, 0.001, 0.01, 0.05]), st.sampled_from([0.05, 1.0]))
def test_a_whole_study_has_the_verdicts_that_it_had_look_by_look(
    values: list[float], shift: float, scale: float
) -> None:
    """A technique trains as many seeds as its verdicts ask for; then the whole matrix is judged."""
    whole = np.array(values) * scale + shift
    for look in DESIGN.looks:
        so_far = verdict(whole[:look])
        assert same(verdict(whole, until=look), so_far)
        if so_far.stopped:
            break
    assert so_far.stopped
    assert same(verdict(whole), so_far)


def same(one: StagedVerdict, other: StagedVerdict) -> bool:
    return repr(one) == repr(other)  # NaN equals NaN


def test_trainings_that_do_not_reach_a_look_are_not_judged() -> None:
    values = NOISE[:20] * 0.01
    assert same(verdict(values[:11]), verdict(values[:8]))
    assert same(verdict(values[:4]), StagedVerdict(DESCRIPTIVE))


# Failed trainings ----------------------------------------------------------------------------


def test_a_look_counts_the_pairs_that_there_are() -> None:
    values = NOISE[:20] * 0.01
    values[[1, 6, 7]] = np.nan
    for look, pairs in ((5, (4,)), (8, (4, 5)), (12, (4, 5, 9))):
        found = verdict(values, until=look)
        assert (found.look, found.pairs) == (look, pairs[-1])
        spent = tuple(0.05 / 18 * share for share in DESIGN.shares[: len(pairs)])
        assert found.critical == pytest.approx(boundaries(pairs, spent)[-1])


def test_a_look_without_a_new_pair_is_passed_over_and_spends_nothing() -> None:
    values = NOISE[:20] * 0.01
    values[5:8] = np.nan
    assert same(verdict(values, until=8), verdict(values, until=5))
    spent = tuple(0.05 / 18 * share for share in (DESIGN.shares[0], DESIGN.shares[2]))
    assert verdict(values, until=12).critical == pytest.approx(boundaries((5, 9), spent)[-1])


def test_the_last_look_ends_a_technique_even_if_it_brings_no_new_pair() -> None:
    values = np.resize([0.007, -0.003], 20)
    values[12:] = np.nan
    at_12, at_end = verdict(values, until=12), verdict(values)
    assert (at_12.verdict, at_12.stopped) == (UNDECIDED, False)
    assert at_end == replace(at_12, stopped=True)


def test_too_few_pairs_are_described_and_not_judged() -> None:
    values = np.full(20, np.nan)
    values[[0, 1]] = 0.05
    found = verdict(values, until=8)
    assert (found.verdict, found.pairs, found.mean) == (DESCRIPTIVE, 2, 0.05)
    assert not found.stopped
    assert np.isnan(found.low)
    assert verdict(values).stopped
    assert np.isnan(verdict(np.full(20, np.nan)).mean)


# Figures -------------------------------------------------------------------------------------


def test_a_single_look_is_the_t_test_of_scipy_at_the_error_of_one_technique() -> None:
    values = 0.004 + 0.005 * NOISE[:20]
    found = verdict(values, Design((20,), 9, BAND))
    expected = stats.ttest_1samp(values, 0)
    corrected, plain = (expected.confidence_interval(1 - level) for level in (0.05 / 9, 0.05))
    assert (found.low, found.high) == pytest.approx((corrected.low, corrected.high))
    assert (found.plain_low, found.plain_high) == pytest.approx((plain.low, plain.high))
    assert (found.mean, found.sd) == pytest.approx((0.004, 0.005))
    assert found.verdict == (BETTER if expected.pvalue < 0.05 / 9 else UNDECIDED)


@pytest.mark.parametrize("sd", [0.003, 0.005, 0.0068, 0.0072, 0.01])
def test_a_single_look_finds_equivalence_as_the_two_tests_of_statsmodels(sd: float) -> None:
    values = 0.0003 + sd * NOISE[:20]
    p_value, _, _ = ttost_paired(values, np.zeros(20), -BAND, BAND)
    found = verdict(values, Design((20,), 9, BAND))
    assert (found.verdict == EQUIVALENT) == (p_value < 0.95 * 0.05 / 9)


def test_less_may_be_better() -> None:
    values = np.array([1, -1, 2, -2, 0]) * 1e-4 - 0.05
    more, less = (verdict(values, higher_is_better=higher) for higher in (True, False))
    assert (more.verdict, less.verdict) == (WORSE, BETTER)
    assert (less.mean, less.low, less.high) == (more.mean, more.low, more.high)


def test_the_same_difference_in_every_pair_is_not_taken_for_certain() -> None:
    """Half an image of 50 is the least spread that can be told from rounding."""
    values = np.full(5, 0.02)
    assert verdict(values).verdict == BETTER
    found = verdict(values, smallest_sd=0.5 / 50)
    assert (found.verdict, found.sd) == (UNDECIDED, 0.01)


def test_splits_of_their_own_widen_the_interval() -> None:
    """Nadeau and Bengio 2003: the variance of the mean is s^2 (1 / n + test / train)."""
    values = 0.02 + 0.005 * NOISE[:20]
    one_split = verdict(values, Design((20,), 9, BAND))
    resampled = verdict(values, Design((20,), 9, BAND, variance_ratio=0.2))
    factor = np.sqrt((1 / 20 + 0.2) / (1 / 20))
    assert resampled.high - resampled.mean == pytest.approx(factor * (one_split.high - 0.02))


# Prospects -----------------------------------------------------------------------------------


def test_a_technique_without_prospect_stops_undecided_and_says_what_it_would_take() -> None:
    wide = np.tile([0.05, -0.05], 10) + 0.002
    found = verdict(wide)
    assert (found.verdict, found.look, found.stopped, found.futile) == (UNDECIDED, 8, True, True)
    assert found.further_seeds is not None
    assert found.further_seeds > 12
    assert not verdict(wide, replace(DESIGN, futility=0), until=12).stopped


def test_no_number_of_seeds_may_be_enough() -> None:
    own_splits = Design((20,), 9, BAND, variance_ratio=0.5)
    found = verdict(0.002 + 0.01 * NOISE[:20], own_splits)
    assert (found.verdict, found.further_seeds) == (UNDECIDED, None)


@pytest.mark.parametrize("mean", [0.0, 0.002, 0.004])
def test_so_many_more_seeds_of_the_same_mean_and_spread_are_enough(mean: float) -> None:
    def with_seeds(seeds: int) -> str:
        values = np.resize([1.0, -1.0], seeds)
        values = (values - values.mean()) / values.std(ddof=1)
        # The same error at the end of a longer study as at the end of this one.
        tail = stats.t.sf(at_end.critical, 19) / (0.05 / 18)
        design = Design((seeds,), 9, BAND, error=0.05 * tail)
        return verdict(mean + 0.01 * values, design).verdict

    at_end = verdict(mean + 0.01 * NOISE[:20], replace(DESIGN, futility=0))
    assert at_end.verdict == UNDECIDED
    assert at_end.further_seeds is not None
    needed = 20 + at_end.further_seeds
    assert with_seeds(round(needed * 1.02) + 1) != UNDECIDED
    assert with_seeds(round(needed * 0.98) - 1) == UNDECIDED


def test_a_verdict_at_a_later_look_is_what_the_next_seeds_would_take() -> None:
    values = 0.003 + 0.003 * np.array([1.5, -0.5, -1.0, 0.5, -0.5])
    found = verdict(values)
    assert (found.verdict, found.further_seeds) == (UNDECIDED, 15)  # 20 seeds, the last look
