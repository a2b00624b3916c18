"""The comparison where every seed has its own split, against the formula with SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from tests.comparison.test_compare import FIVE

from regbench.comparison.compare import compare, of_largest_class
from regbench.comparison.scope import (
    ONE_SPLIT,
    SETS_LIKE_THIS,
    THESE_IMAGES,
    scope_of,
    variance_ratio_of,
    verdicts_over_images,
)
from regbench.comparison.statistics import detectable_difference, paired_difference
from regbench.evaluation.resampling import Resampling
from regbench.metrics.registry import METRICS

BAND = 0.001
DRAWN = Resampling(judged_is_fixed=False, variance_ratio=0.15 / 0.7)
ONE = np.array([0.93, 0.94, 0.925, 0.951, 0.93, 0.92])
OTHER = np.array([0.91, 0.93, 0.92, 0.935, 0.90, 0.91])


@pytest.mark.parametrize("ratio", [0.0, 1 / 4, 0.15 / 0.85, 3.0])
def test_the_test_is_nadeau_and_bengios(ratio: float) -> None:
    found = paired_difference(ONE, OTHER, 0.02, 10**6, variance_ratio=ratio)
    differences = ONE - OTHER
    error = np.sqrt((1 / 6 + ratio) * np.var(differences, ddof=1))
    t = stats.t(df=5)
    assert found.p_value == pytest.approx(2 * t.sf(abs(differences.mean()) / error))
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 5, loc=differences.mean(), scale=error)
    )
    # Two one-sided tests at the edges of the band: the larger p value counts.
    sides = [t.sf((differences.mean() + 0.02) / error), t.cdf((differences.mean() - 0.02) / error)]
    assert found.p_equivalence == pytest.approx(max(sides))
    assert found.sd == pytest.approx(differences.std(ddof=1))


def test_without_a_correction_it_is_scipys_paired_test() -> None:
    found = paired_difference(ONE, OTHER, BAND, 10**6, variance_ratio=0.0)
    assert found.p_value == pytest.approx(stats.ttest_rel(ONE, OTHER).pvalue)


def test_what_could_have_been_found_is_corrected_alike() -> None:
    found = detectable_difference(0.01, 6, 3, variance_ratio=0.25)
    effect = TTestPower().solve_power(nobs=6, alpha=0.05 / 3, power=0.8)
    assert found == pytest.approx(effect * 0.01 * np.sqrt(6) * np.sqrt(1 / 6 + 0.25), rel=1e-3)


def test_of_sets_whose_splits_share_test_images_one_in_twenty_is_wrong() -> None:
    """The case of the paper: the difference of an image is fixed, and test parts overlap.

    ``benchmarks/results/resampled_splits.md`` has the figures of real trainings.
    """
    generator = np.random.default_rng(0)
    sets, images, judged, seeds = 1500, 200, 30, 10
    wrong = {0.0: 0, judged / (images - judged): 0}
    for _ in range(sets):
        differences = generator.normal(0.0, 1.0, images)  # 0 over all images there could be
        drawn = [differences[generator.permutation(images)[:judged]].mean() for _ in range(seeds)]
        for ratio in wrong:
            found = paired_difference(
                np.array(drawn), np.zeros(seeds), 0.0, 10**9, variance_ratio=ratio
            )
            wrong[ratio] += found.p_value < 0.05
    plain, corrected = (count / sets for count in wrong.values())
    assert 0.15 < plain < 0.4
    assert corrected == pytest.approx(0.05, abs=0.018)  # 3 standard errors


class TestComparison:
    def test_intervals_are_wider_and_none_is_over_fixed_images(self) -> None:
        single = compare(FIVE, {}, BAND).set_index("technique")
        drawn = compare(FIVE, {}, BAND, resampling=DRAWN).set_index("technique")
        widths = [one["difference_high"] - one["difference_low"] for one in (single, drawn)]
        factor = np.sqrt((1 / 5 + DRAWN.variance_ratio) / (1 / 5))
        assert (widths[1] / widths[0]).dropna().to_numpy() == pytest.approx(factor)
        assert {"bootstrap_low", "bootstrap_high", "verdict_over_images"} <= set(single)
        assert not {"bootstrap_low", "bootstrap_high", "verdict_over_images"} & set(drawn)
        pd.testing.assert_series_equal(single["difference"], drawn["difference"])
        assert set(drawn["variance_ratio"]) == {DRAWN.variance_ratio}
        assert "variance_ratio" not in single

    def test_with_the_same_judged_images_nothing_is_corrected(self) -> None:
        fixed = Resampling(judged_is_fixed=True, variance_ratio=0.0)
        single, drawn = compare(FIVE, {}, BAND), compare(FIVE, {}, BAND, resampling=fixed)
        pd.testing.assert_frame_equal(single.drop(columns="scope"), drawn.drop(columns="scope"))
        assert set(drawn["scope"]) == {THESE_IMAGES}

    def test_it_says_what_its_verdicts_are_about(self) -> None:
        assert scope_of(None) == ONE_SPLIT
        assert scope_of(DRAWN) == SETS_LIKE_THIS
        assert set(compare(FIVE, {}, BAND)["scope"]) == {ONE_SPLIT}
        assert variance_ratio_of({}) == 0
        assert variance_ratio_of({"variance_ratio": float("nan")}) == 0
        assert variance_ratio_of({"variance_ratio": 0.25}) == 0.25


@pytest.mark.parametrize(
    ("verdict", "low", "high", "expected"),
    [
        ("better", 0.001, 0.02, "better"),
        ("better", -0.001, 0.02, "undecided"),
        ("worse", -0.02, -0.001, "worse"),
        ("worse", -0.02, 0.001, "undecided"),
        ("equivalent", -0.004, 0.005, "equivalent"),
        ("equivalent", -0.004, 0.006, "undecided"),
        ("undecided", 0.001, 0.02, "undecided"),  # the interval alone finds nothing
        ("descriptive only", 0.001, 0.02, None),
        ("better", np.nan, np.nan, None),
    ],
)
def test_a_verdict_over_images_needs_the_verdict_and_the_interval(
    verdict: str, low: float, high: float, expected: str | None
) -> None:
    row = pd.DataFrame([{"verdict": verdict, "bootstrap_low": low, "bootstrap_high": high}])
    assert verdicts_over_images(row, METRICS["accuracy"], 0.005).tolist() == [expected]
    # Of a metric of which less is better, better lies below 0.
    mirrored = row.assign(bootstrap_low=-high, bootstrap_high=-low)
    assert verdicts_over_images(mirrored, METRICS["cross_entropy"], 0.005).tolist() == [expected]


def test_the_largest_class_is_that_of_each_seeds_train_images() -> None:
    index = pd.DataFrame(
        {
            "target": [0, 0, 0, 1, 1, 1],
            "split": ["train", "train", "test", "train", "test", "test"],
            "split_seed_1": pd.Categorical(["train", "train", "test", "train", "test", "test"]),
            "split_seed_2": pd.Categorical(["train", "test", "test", "train", "train", "test"]),
        }
    )
    # Seed 1 answers 0: 1 of 3 right. Seed 2 answers 1: 1 of 3.
    assert of_largest_class(index, "test", "accuracy") == pytest.approx(1 / 3)
    assert of_largest_class(index, "validation", "accuracy") is None
