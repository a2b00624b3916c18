"""The statistics against SciPy, statsmodels, loops, and simulated studies with known answers."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from regbench.comparison.statistics import (
    PairedDifference,
    bootstrap_interval,
    detectable_difference,
    holm,
    judge,
    paired_difference,
)
from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE

pytestmark = pytest.mark.filterwarnings("error")

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "false_verdicts.py"
BAND = 0.001
IMAGES = 1200
TECHNIQUE = np.array([1120, 1131, 1118, 1127, 1125]) / IMAGES
BASELINE = np.array([1108, 1121, 1113, 1110, 1115]) / IMAGES

counts = st.integers(2, 12).flatmap(
    lambda seeds: arrays(int, (2, seeds), elements=st.integers(0, IMAGES))
)
p_values = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12)


def of_mean(mean: float, p_value: float = 1.0, p_equivalence: float = 1.0) -> PairedDifference:
    return PairedDifference(5, mean, 0.01, 0.0, 0.0, p_value, p_equivalence, 0.5)


def verdict(difference: PairedDifference) -> str:
    return judge({"any": difference})["any"].verdict


class TestPairedDifference:
    def test_is_that_of_scipy(self) -> None:
        found = paired_difference(TECHNIQUE, BASELINE, BAND, IMAGES)
        expected = stats.ttest_rel(TECHNIQUE, BASELINE)
        interval = expected.confidence_interval(0.95)
        assert found.seeds == 5
        assert found.mean == pytest.approx(np.mean(TECHNIQUE - BASELINE))
        assert found.sd == pytest.approx(np.std(TECHNIQUE - BASELINE, ddof=1))
        assert found.p_value == pytest.approx(expected.pvalue)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))

    @pytest.mark.parametrize("band", [0.0, 0.001, 0.0088, 0.02])
    def test_tests_equivalence_as_statsmodels(self, band: float) -> None:
        expected, _, _ = ttost_paired(TECHNIQUE, BASELINE, -band, band)
        for pair in ((TECHNIQUE, BASELINE), (BASELINE, TECHNIQUE)):
            found = paired_difference(*pair, band, IMAGES)
            assert found.p_equivalence == pytest.approx(expected)

    @settings(deadline=None)
    @given(counts)
    def test_is_that_of_scipy_wherever_trainings_differ_by_more_than_a_step(
        self, correct: np.ndarray
    ) -> None:
        technique, baseline = correct / IMAGES
        found = paired_difference(technique, baseline, BAND, IMAGES)
        if np.std(correct[0] - correct[1], ddof=1) > 0.5:
            expected = stats.ttest_rel(technique, baseline)
            assert found.p_value == pytest.approx(expected.pvalue)
            assert (found.low, found.high) == pytest.approx(expected.confidence_interval(0.95))
        else:
            assert found.sd == pytest.approx(0.5 / IMAGES)

    def test_counts_wins_and_halves_ties(self) -> None:
        baseline = np.array([0.8, 0.9, 1.0, 0.7])
        found = paired_difference(np.full(4, 0.9), baseline, BAND, images=10)
        assert found.win_share == (1 + 0.5 + 0 + 1) / 4

    @settings(deadline=None)
    @given(counts)
    def test_turns_round_with_the_sides(self, correct: np.ndarray) -> None:
        technique, baseline = correct / IMAGES
        one = paired_difference(technique, baseline, BAND, IMAGES)
        other = paired_difference(baseline, technique, BAND, IMAGES)
        assert (one.mean, one.low, one.high) == (-other.mean, -other.high, -other.low)
        assert (one.p_value, one.p_equivalence) == (other.p_value, other.p_equivalence)
        assert one.win_share == pytest.approx(1 - other.win_share)

    @settings(deadline=None)
    @given(counts, st.integers(0, 99))
    def test_does_not_mind_the_order_of_the_seeds(self, correct: np.ndarray, seed: int) -> None:
        shuffled = np.random.default_rng(seed).permutation(correct, axis=1)
        one, other = (
            paired_difference(side[0] / IMAGES, side[1] / IMAGES, BAND, IMAGES)
            for side in (correct, shuffled)
        )
        assert vars(one) == pytest.approx(vars(other))

    def test_leaves_out_pairs_without_a_figure(self) -> None:
        technique = np.append(TECHNIQUE, [math.nan, 0.5, 0.5])
        baseline = np.append(BASELINE, [0.5, math.nan, 0.5])
        assert paired_difference(technique, baseline, BAND, IMAGES) == paired_difference(
            np.append(TECHNIQUE, 0.5), np.append(BASELINE, 0.5), BAND, IMAGES
        )

    def test_of_one_seed_is_a_difference_and_nothing_more(self) -> None:
        found = paired_difference(np.array([0.9]), np.array([0.8]), BAND, IMAGES)
        assert (found.seeds, found.win_share) == (1, 1)
        assert found.mean == pytest.approx(0.1)
        rest = (found.sd, found.low, found.high, found.p_value, found.p_equivalence)
        assert np.isnan(rest).all()

    def test_of_no_seed_is_nothing(self) -> None:
        found = vars(paired_difference(np.array([math.nan]), np.array([0.8]), BAND, IMAGES))
        assert found.pop("seeds") == 0
        assert found.pop("higher_is_better")
        assert np.isnan(list(found.values())).all()

    def test_of_what_does_not_pair_up_is_refused(self) -> None:
        with pytest.raises(ValueError, match="do not pair up"):
            paired_difference(TECHNIQUE, BASELINE[:4], BAND, IMAGES)
        with pytest.raises(ValueError, match="do not pair up"):
            paired_difference(np.stack([TECHNIQUE]), np.stack([BASELINE]), BAND, IMAGES)
        with pytest.raises(ValueError, match="over 0 images"):
            paired_difference(TECHNIQUE, BASELINE, BAND, 0)


class TestTrainingsThatAllDifferAlike:
    """A plain t test is certain here."""

    def test_and_not_at_all_are_equivalent_where_an_image_is_less_than_the_band(self) -> None:
        found = paired_difference(BASELINE, BASELINE, BAND, IMAGES)
        assert (found.mean, found.p_value, found.win_share) == (0, 1, 0.5)
        nine = {str(number): found for number in range(9)}
        assert {judged.verdict for judged in judge(nine).values()} == {EQUIVALENT}

    def test_and_not_at_all_say_little_where_an_image_is_much_more_than_the_band(self) -> None:
        found = paired_difference(BASELINE, BASELINE, BAND, images=50)
        assert verdict(found) == UNDECIDED
        # Whatever differs by one image in 45 % of its trainings shows this in 5 % of studies.
        assert found.high > 0.45 / 50

    def test_by_one_image_are_not_certain(self) -> None:
        found = paired_difference(np.full(5, 0.94), np.full(5, 0.92), BAND, images=50)
        assert found.p_value > 0.01
        nine = {str(number): found for number in range(9)}
        assert {judged.verdict for judged in judge(nine).values()} == {UNDECIDED}

    def test_by_many_images_are_better_or_worse(self) -> None:
        high, low = np.full(5, 0.98), np.full(5, 0.8)
        assert verdict(paired_difference(high, low, BAND, images=50)) == BETTER
        assert verdict(paired_difference(low, high, BAND, images=50)) == WORSE


class TestHolm:
    @settings(max_examples=25, deadline=None)  # statsmodels collects garbage on every call
    @given(p_values)
    def test_is_that_of_statsmodels(self, values: list[float]) -> None:
        found = holm(values)
        known = ~np.isnan(np.array(values, dtype=float))
        assert np.isnan(found[~known]).all()
        if known.any():
            expected = multipletests(np.array(values)[known], method="holm")[1]
            assert found[known] == pytest.approx(expected)

    @given(p_values)
    def test_keeps_the_order_and_lowers_nothing(self, values: list[float]) -> None:
        known = np.array([value for value in values if not math.isnan(value)])
        found = holm(list(known))
        assert (found >= known).all()
        assert (np.diff(found[np.argsort(known)]) >= 0).all()


class TestVerdict:
    def test_is_by_sign_where_the_difference_is_real(self) -> None:
        assert verdict(of_mean(0.01, p_value=0.049)) == BETTER
        assert verdict(of_mean(-0.01, p_value=0.049)) == WORSE

    def test_is_open_where_nothing_is_shown(self) -> None:
        assert verdict(of_mean(0.01, p_value=0.051, p_equivalence=0.051)) == UNDECIDED

    def test_is_equivalent_where_a_real_difference_is_within_the_band(self) -> None:
        assert verdict(of_mean(0.0005, p_value=0.001, p_equivalence=0.001)) == EQUIVALENT

    def test_is_corrected_over_techniques_for_differences_and_equivalences_apart(self) -> None:
        found = judge(
            {
                "a": of_mean(0.1, p_value=0.02),
                "b": of_mean(0.1, p_value=0.03),
                "c": of_mean(0.0, p_equivalence=0.01),
            }
        )
        assert [judged.verdict for judged in found.values()] == [UNDECIDED, UNDECIDED, EQUIVALENT]
        assert [judged.p_adjusted for judged in found.values()] == pytest.approx([0.06, 0.06, 1])
        assert found["c"].p_equivalence_adjusted == pytest.approx(0.03)

    def test_is_not_given_with_few_seeds_and_these_count_in_no_correction(self) -> None:
        few = paired_difference(TECHNIQUE[:4], BASELINE[:4], BAND, IMAGES)
        found = judge({"few": few, "enough": of_mean(0.1, p_value=0.03)})
        assert few.p_value < 0.05
        assert found["few"].verdict == DESCRIPTIVE
        assert np.isnan([found["few"].p_adjusted, found["few"].p_equivalence_adjusted]).all()
        assert found["enough"].p_adjusted == 0.03
        assert found["enough"].verdict == BETTER

    def test_of_nothing_is_nothing(self) -> None:
        assert judge({}) == {}


class TestBootstrapInterval:
    def answers(self, seeds: int, images: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(5)
        chances = generator.beta(3, 0.5, images)
        by_seed = generator.normal(0, 0.03, (2, seeds, 1)) + np.array([0.05, 0])[:, None, None]
        technique, baseline = generator.random((2, seeds, images)) < chances + by_seed
        return technique, baseline

    def test_is_that_of_a_loop(self) -> None:
        technique, baseline = self.answers(5, 300)
        generator = np.random.default_rng(1)
        means = []
        for _ in range(10_000):
            seeds = generator.integers(5, size=5)
            images = generator.integers(300, size=300)
            drawn = np.ix_(seeds, images)
            means.append(technique[drawn].mean() - baseline[drawn].mean())
        found = bootstrap_interval(technique, baseline, resamples=10_000)
        # An end of the interval varies by 0.03 standard deviations between such loops.
        assert found == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.1 * np.std(means))

    def test_is_that_of_scipy_where_there_is_one_seed(self) -> None:
        technique, baseline = self.answers(1, 400)
        differences = technique[0].astype(float) - baseline[0]
        expected = stats.bootstrap(
            (differences,), np.mean, n_resamples=10_000, method="percentile", rng=2
        )
        found = bootstrap_interval(technique, baseline, resamples=10_000)
        assert found == pytest.approx(
            expected.confidence_interval, abs=0.1 * expected.standard_error
        )

    def test_is_that_of_scipy_where_all_images_are_alike(self) -> None:
        technique, baseline = (
            np.repeat(side[:, None], 50, axis=1)
            for side in np.random.default_rng(3).random((2, 30)) < np.array([[0.8], [0.5]])
        )
        differences = technique[:, 0].astype(float) - baseline[:, 0]
        expected = stats.bootstrap(
            (differences,), np.mean, n_resamples=10_000, method="percentile", rng=4
        )
        found = bootstrap_interval(technique, baseline, resamples=10_000)
        assert found == pytest.approx(
            expected.confidence_interval, abs=0.1 * expected.standard_error
        )

    def test_is_repeatable_and_does_not_mind_the_order_of_the_images(self) -> None:
        technique, baseline = self.answers(5, 300)
        order = np.random.default_rng(0).permutation(300)
        found = bootstrap_interval(technique, baseline)
        assert bootstrap_interval(technique[:, order], baseline[:, order]) == found
        assert bootstrap_interval(technique, baseline, seed=1) != found

    def test_of_identical_trainings_is_a_point(self) -> None:
        technique, _ = self.answers(5, 300)
        assert bootstrap_interval(technique, technique) == (0, 0)

    def test_of_what_does_not_pair_up_is_refused(self) -> None:
        technique, baseline = self.answers(5, 300)
        with pytest.raises(ValueError, match="do not pair up"):
            bootstrap_interval(technique, baseline[:, :299])
        with pytest.raises(ValueError, match="do not pair up"):
            bootstrap_interval(technique[:, :0], baseline[:, :0])


class TestDetectableDifference:
    @pytest.mark.parametrize("seeds", [5, 10, 50])
    @pytest.mark.parametrize("comparisons", [1, 9])
    @pytest.mark.parametrize("power", [0.8, 0.95])
    def test_is_that_of_statsmodels(self, seeds: int, comparisons: int, power: float) -> None:
        effect = TTestPower().solve_power(nobs=seeds, alpha=0.05 / comparisons, power=power)
        found = detectable_difference(0.012, seeds, comparisons, power)
        assert found == pytest.approx(0.012 * effect, rel=1e-4)

    @pytest.mark.parametrize(("seeds", "comparisons"), [(2, 1), (3, 9), (5, 1), (5, 9)])
    def test_is_found_in_four_of_five_simulated_studies(self, seeds: int, comparisons: int) -> None:
        difference = detectable_difference(0.01, seeds, comparisons)
        drawn = np.random.default_rng(0).normal(difference, 0.01, (100_000, seeds))
        found = stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05 / comparisons
        assert np.mean(found) == pytest.approx(0.8, abs=0.005)  # 4 standard errors

    def test_needs_two_seeds(self) -> None:
        assert math.isnan(detectable_difference(math.nan, 1, 9))


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("false_verdicts", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def is_at_most(rate: float, observed: ArrayLike) -> bool:
    """Whether so many events speak against a rate only as chance does in one of 1,000 cases."""
    return bool(stats.binom.sf(np.sum(observed) - 1, np.size(observed), rate) > 0.001)


class TestSimulatedStudies:
    """Nine techniques and a baseline, five seeds, 1,200 images unless said otherwise."""

    @pytest.mark.parametrize(
        ("noise", "images", "certain"),
        [(0.006, 1200, 0.8), (0.0, 50, 0.92)],
        ids=["as in the study that ships", "an image is as much as the spread over seeds"],
    )
    def test_without_a_difference_hold_a_wrong_verdict_in_5_percent_at_most(
        self, benchmark: ModuleType, noise: float, images: int, certain: float
    ) -> None:
        setting = benchmark.Setting("", images, noise, certain=certain)
        accuracies = benchmark.draw_accuracies(setting, 2500, np.random.default_rng(0))
        verdicts = benchmark.verdicts_on(setting, accuracies)
        assert verdicts.shape == (2500, 9)
        wrong = np.isin(verdicts, [BETTER, WORSE]).any(axis=1)
        assert is_at_most(0.05, wrong)
        assert (benchmark.wrong_differences(setting, verdicts) == wrong).all()

    def test_would_hold_more_without_the_correction(self, benchmark: ModuleType) -> None:
        """The check above can fail."""
        setting = benchmark.Setting("", IMAGES, 0.006)
        accuracies = benchmark.draw_accuracies(setting, 2500, np.random.default_rng(0))
        expected = stats.ttest_rel(accuracies[:, 1:], accuracies[:, :1], axis=2).pvalue
        assert not is_at_most(0.05, np.any(expected < 0.05, axis=1))

    @pytest.mark.parametrize(
        "setting",
        [
            {"images": 1200, "noise": 0.002, "differences": (0.01, -0.01, 0.01) * 3, "band": 0.01},
            {"images": 7350, "noise": 0.0001, "differences": (0.001,) * 9, "certain": 0.925},
            {
                **{"images": 50, "noise": 0.0, "differences": (0.002,) * 9},
                **{"accuracy": 0.921, "certain": 0.92},
            },
        ],
        ids=["wide band", "default band", "an image is as much as 20 bands"],
    )
    def test_outside_the_band_are_called_equivalent_in_5_percent_at_most(
        self, benchmark: ModuleType, setting: dict[str, float]
    ) -> None:
        of = benchmark.Setting("", **setting)
        accuracies = benchmark.draw_accuracies(of, 1000, np.random.default_rng(0))
        verdicts = benchmark.verdicts_on(of, accuracies)
        wrong = (verdicts == EQUIVALENT).any(axis=1)
        assert is_at_most(0.05, wrong)
        assert (benchmark.wrong_equivalences(of, verdicts) == wrong).all()

    def test_well_within_the_band_are_called_equivalent(self, benchmark: ModuleType) -> None:
        setting = benchmark.Setting("", 7350, 0.0, (0.0,) * 9, band=0.01, certain=0.925)
        accuracies = benchmark.draw_accuracies(setting, 200, np.random.default_rng(0))
        assert (benchmark.verdicts_on(setting, accuracies) == EQUIVALENT).mean() > 0.99

    @pytest.mark.parametrize("sign", [1, -1])
    def test_with_a_detectable_difference_find_it_as_often_as_promised(
        self, benchmark: ModuleType, sign: int
    ) -> None:
        usual = benchmark.Setting("", IMAGES, 0.006, accuracy=0.9)
        difference = sign * detectable_difference(usual.sd, 5, 9)
        setting = benchmark.Setting("", IMAGES, 0.006, (difference,) + (0.0,) * 8, accuracy=0.9)
        accuracies = benchmark.draw_accuracies(setting, 1000, np.random.default_rng(0))
        verdicts = benchmark.verdicts_on(setting, accuracies)
        found = verdicts[:, 0] == (BETTER if sign > 0 else WORSE)
        assert is_at_most(0.2, ~found)
        assert (benchmark.right_differences(setting, verdicts)[:, 0] == found).all()

    def test_have_the_spread_that_they_are_meant_to_have(self, benchmark: ModuleType) -> None:
        setting = benchmark.Setting("", IMAGES, 0.006, (0.02,) * 9, mishaps=0.1)
        quiet = benchmark.Setting("", IMAGES, 0.006)
        drawn = benchmark.draw_accuracies(setting, 2000, np.random.default_rng(0))
        differences = drawn[:, 1:] - drawn[:, :1]
        assert drawn.mean() == pytest.approx(0.93 + 0.9 * 0.02, abs=2e-4)
        assert differences.mean() == pytest.approx(0.02, abs=5e-4)
        drawn = benchmark.draw_accuracies(quiet, 2000, np.random.default_rng(0))
        assert (drawn[:, 1] - drawn[:, 0]).std() == pytest.approx(quiet.sd, rel=0.03)


def test_the_benchmark_writes_its_tables(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARK), "--studies=2", "--bootstraps=2", f"--out={tmp_path}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = json.loads((tmp_path / "false_verdicts.json").read_text())
    assert [row["images"] for row in figures["coverage"]] == [1200] * 4 + [7350] * 4
    for row in figures["verdicts"]:
        assert row["what is true"] in printed
        assert row["what is true"] in (tmp_path / "false_verdicts.md").read_text()
