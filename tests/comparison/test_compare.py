"""The comparison against pandas, SciPy, statsmodels and plain Python."""

import itertools
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from tests.comparison.trainings import (
    IMAGES,
    UNTRAINED,
    collected,
    failed,
    trained,
)

from regbench.comparison.compare import (
    compare,
    failure,
    failures,
    judged_part_of,
)
from regbench.datasets.results_dataset import ResultsDataset
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part

BAND = 0.001
BASELINE = collected(trained(1, 0.90), trained(2, 0.91), trained(3, 0.95))
BETTER = collected(trained(3, 0.97), trained(1, 0.96), trained(2, 0.93))
WORSE = collected(trained(1, 0.80), trained(2, 0.85), trained(3, 0.81))


def compared(**results: Results) -> pd.DataFrame:
    return compare(results, {}, BAND).set_index("technique")


def of_seeds(*accuracies: float) -> Results:
    return collected(*(trained(seed, figure) for seed, figure in enumerate(accuracies, start=1)))


# Five seeds each: clearly better, clearly worse, alike, and too noisy to tell.
FIVE = {
    "baseline": of_seeds(0.90, 0.91, 0.89, 0.92, 0.90),
    "l2": of_seeds(0.95, 0.97, 0.94, 0.96, 0.96),
    "l1": of_seeds(0.80, 0.79, 0.78, 0.83, 0.80),
    "dropout": of_seeds(0.95, 0.88, 0.92, 0.93, 0.89),
    "zca": of_seeds(0.91, 0.92, 0.91, 0.93, 0.90),
}


class TestFigures:
    def test_are_means_and_standard_deviations_over_seeds(self) -> None:
        found = compared(baseline=BASELINE, l2=BETTER)
        for name, trainings in (("baseline", BASELINE.trainings), ("l2", BETTER.trainings)):
            for figure in ("test_accuracy", "validation_accuracy"):
                values = trainings[figure].tolist()
                assert found.loc[name, figure] == pytest.approx(statistics.mean(values))
                spread = found.loc[name, f"{figure}_sd"]
                assert spread == pytest.approx(statistics.stdev(values))

    def test_failed_trainings_count_nowhere(self) -> None:
        found = compared(
            baseline=collected(trained(1, 0.9), failed(2), trained(3, 0.8)),
            l2=collected(trained(1, 0.91), trained(2, 0.5), failed(3)),
        )
        assert found.loc["baseline", "test_accuracy"] == pytest.approx(0.85)
        assert found.loc["l2", "test_accuracy"] == pytest.approx(0.705)
        assert found.loc["l2", "difference"] == pytest.approx(0.01)
        assert found.loc["l2", ["trainings", "failed_trainings"]].tolist() == [3, 1]

    def test_of_one_seed_have_no_spread(self) -> None:
        found = compared(baseline=collected(trained(1, 0.9)), l2=collected(trained(1, 0.95)))
        assert found.loc["l2", "difference"] == pytest.approx(0.05)
        assert found.loc["l2", "verdict"] == "descriptive only"
        without = ("_sd", "p_value", "p_adjusted", "_low", "_high", "detectable_difference")
        bootstrapped = {"bootstrap_low", "bootstrap_high"}  # over images alone
        assert {column for column in found if str(column).endswith(without)} == bootstrapped

    def test_further_ones_are_means_too(self) -> None:
        figures = {
            "train_accuracy": (0.99, 0.97),
            "best_validation_accuracy": (0.93, 0.95),
            "best_epoch_test_accuracy": (0.92, 0.91),
            "validation_cross_entropy": (0.2, 0.3),
            "test_cross_entropy": (0.25, 0.35),
            "expected_calibration_error": (0.02, 0.05),
            "test_macro_f1": (0.91, 0.92),
            "generalization_gap": (0.05, 0.03),
            "near_zero_share": (0.1, 0.3),
            "epochs": (10, 5),
            "best_epoch": (4, 5),
            "seconds": (2.0, 3.0),
            "weights": (100, 100),
            "weights_bytes": (400, 400),
        }
        trainings = [trained(i + 1, 0.9, **{k: v[i] for k, v in figures.items()}) for i in range(2)]
        found = compared(baseline=collected(*trainings, failed(3)))
        for figure, values in figures.items():
            assert found.loc["baseline", figure] == pytest.approx(np.mean(values))

    def test_without_a_test_part_validation_is_the_headline(self) -> None:
        results = {
            name: collected(
                *({k: v for k, v in one.items() if k != "test_accuracy"} for one in trainings)
            )
            for name, trainings in {
                "baseline": [trained(1, 0.8, 0.9), trained(2, 0.8, 0.8)],
                "l2": [trained(1, 0.8, 0.97), trained(2, 0.8, 0.83)],
            }.items()
        }
        found = compare(results, {}, BAND).set_index("technique")
        assert found.loc["l2", "difference"] == pytest.approx(0.05)
        assert "test_accuracy" not in found
        assert judged_part_of(results) == "validation"
        assert judged_part_of({"baseline": UNTRAINED, "l2": BETTER}) == "test"

    @pytest.mark.parametrize(
        ("figures", "part"),
        [
            ({"train", "validation", "test"}, "test"),
            ({"train", "validation"}, "validation"),
            (["validation_accuracy", "test_accuracy"], "test"),
            (["validation_accuracy", "best_epoch_test_accuracy"], "validation"),
            (pd.DataFrame(columns=["test_accuracy"]).columns, "test"),
            ([], "validation"),
        ],
    )
    def test_the_headline_is_of_the_test_part_where_there_is_one(
        self, figures: Any, part: str
    ) -> None:
        assert judged_part(figures) == part

    def test_published_ones_stand_beside_ours(self) -> None:
        results = {"baseline": BASELINE, "l2": BETTER, "l1": WORSE}
        published = {"l2": 0.9739, "unheard_of": 0.5}
        found = compare(results, {}, BAND, published).set_index("technique")
        assert found["published_accuracy"].dropna().to_dict() == {"l2": 0.9739}
        assert "published_accuracy" not in compare(results, {}, BAND)


class TestDifferences:
    found = compare(FIVE, {}, BAND).set_index("technique")
    others = ("l2", "l1", "dropout", "zca")

    def accuracies(self, technique: str) -> np.ndarray:
        return FIVE[technique].trainings.sort_values("seed")["test_accuracy"].to_numpy()

    def test_are_scipys_paired_t_test(self) -> None:
        for name in self.others:
            expected = stats.ttest_rel(self.accuracies(name), self.accuracies("baseline"))
            interval = expected.confidence_interval(0.95)
            row = self.found.loc[name]
            differences = self.accuracies(name) - self.accuracies("baseline")
            assert row["difference"] == pytest.approx(statistics.mean(differences))
            assert row["difference_sd"] == pytest.approx(statistics.stdev(differences))
            assert row["p_value"] == pytest.approx(expected.pvalue)
            assert row["difference_low"] == pytest.approx(interval.low)
            assert row["difference_high"] == pytest.approx(interval.high)

    def test_p_values_are_corrected_as_by_statsmodels(self) -> None:
        p_values = [
            stats.ttest_rel(self.accuracies(name), self.accuracies("baseline")).pvalue
            for name in self.others
        ]
        expected = multipletests(p_values, method="holm")[1]
        assert self.found.loc[list(self.others), "p_adjusted"].tolist() == pytest.approx(expected)
        assert (expected > p_values).any()

    def test_have_a_verdict_in_words(self) -> None:
        assert self.found["verdict"].to_dict() == {
            "l2": "better",
            "l1": "worse",
            "dropout": "undecided",
            "zca": "undecided",
            "baseline": np.nan,
        }

    def test_within_the_declared_band_are_practically_none(self) -> None:
        wide = compare(FIVE, {}, 0.03).set_index("technique")
        assert wide["verdict"].drop("baseline").to_dict() == {
            "l2": "better",
            "l1": "worse",
            "dropout": "undecided",
            "zca": "equivalent",
        }

    def test_tell_how_often_a_training_beats_its_pair(self) -> None:
        differences = self.accuracies("zca") - self.accuracies("baseline")
        assert sorted(np.sign(differences.round(6)).tolist()) == [0, 1, 1, 1, 1]
        assert self.found["win_share"].drop("baseline").to_dict() == pytest.approx(
            {"l2": 1, "l1": 0, "dropout": 3 / 5, "zca": 4.5 / 5}
        )

    def test_tell_what_could_have_been_detected(self) -> None:
        for name in self.others:
            deviation = np.std(self.accuracies(name) - self.accuracies("baseline"), ddof=1)
            effect = TTestPower().solve_power(nobs=5, alpha=0.05 / len(self.others), power=0.8)
            found = self.found.loc[name, "detectable_difference"]
            assert found == pytest.approx(effect * deviation, rel=1e-3)

    def test_the_bootstrap_draws_seeds_and_images_in_pairs(self) -> None:
        random = np.random.default_rng(0)
        correct = {
            name: np.stack(
                [
                    one.set_index("filename").sort_index()["predicted"] == "a"
                    for _, one in FIVE[name]
                    .predictions.query("split == 'test'")
                    .sort_values("seed")
                    .groupby("seed")
                ]
            )
            for name in FIVE
        }
        for name in self.others:
            gained = correct[name].astype(int) - correct["baseline"]
            assert gained.shape == (5, IMAGES)
            means = [
                gained[random.integers(0, 5, 5)][:, random.integers(0, IMAGES, IMAGES)].mean()
                for _ in range(4000)
            ]
            row = self.found.loc[name]
            expected = np.percentile(means, [2.5, 97.5])
            assert row["bootstrap_low"] == pytest.approx(expected[0], abs=0.006)
            assert row["bootstrap_high"] == pytest.approx(expected[1], abs=0.006)

    def test_the_baseline_has_none(self) -> None:
        of_difference = ["difference", "difference_sd", "p_value", "p_adjusted", "bootstrap_low"]
        assert self.found.loc["baseline", [*of_difference, "win_share"]].isna().all()

    def test_are_over_the_seeds_that_both_have(self) -> None:
        l2 = collected(trained(9, 0.10), trained(3, 0.96), trained(2, 0.95))
        found = compared(baseline=BASELINE, l2=l2)
        assert found.loc["l2", "difference"] == pytest.approx(np.mean([0.04, 0.01]))
        assert found.loc["l2", "difference_sd"] == pytest.approx(np.std([0.04, 0.01], ddof=1))
        assert found.loc["l2", "test_accuracy"] == pytest.approx(np.mean([0.95, 0.96, 0.10]))
        low, high = found.loc["l2", ["bootstrap_low", "bootstrap_high"]]
        assert -0.1 < low < 0.025 < high < 0.15  # without the odd seed, too

    def test_of_few_seeds_are_descriptive(self) -> None:
        found = compared(**FIVE | {"l2": BETTER})
        assert found.loc["l2", "verdict"] == "descriptive only"
        assert pd.isna(found.loc["l2", "p_adjusted"])
        assert found.loc["l2", "p_value"] == pytest.approx(
            stats.ttest_rel([0.96, 0.93, 0.97], [0.90, 0.91, 0.89]).pvalue
        )
        others = ["l1", "dropout", "zca"]  # are not corrected for what gets no verdict
        expected = multipletests(found.loc[others, "p_value"], method="holm")[1]
        assert found.loc[others, "p_adjusted"].tolist() == pytest.approx(expected)

    def test_without_a_common_seed_there_is_none(self) -> None:
        found = compared(baseline=BASELINE, l2=collected(trained(8, 0.9)), l1=WORSE)
        assert found.loc["l2", ["difference", "verdict"]].isna().all()
        assert found.loc["l1", "difference"] < 0

    @pytest.mark.parametrize("baseline", [UNTRAINED, collected(failed(1), failed(2))])
    def test_without_the_baseline_there_are_none(self, baseline: Results) -> None:
        found = compared(baseline=baseline, l2=BETTER)
        assert found.index.tolist() == ["l2", "baseline"]
        assert not {"difference", "verdict", "p_value"} & set(found)
        mean = BETTER.trainings["test_accuracy"].mean()
        assert found.loc["l2", "test_accuracy"] == pytest.approx(mean)


class TestRows:
    def test_the_best_headline_figure_is_first(self) -> None:
        results = {
            "baseline": BASELINE,
            "none": UNTRAINED,
            "l1": WORSE,
            "same": BASELINE,
            "l2": BETTER,
        }
        found = compare(results, {}, BAND)
        assert found["technique"].tolist() == ["l2", "baseline", "same", "l1", "none"]
        assert found.index.tolist() == [0, 1, 2, 3, 4]

    def test_test_orders_even_where_validation_disagrees(self) -> None:
        found = compared(
            baseline=collected(trained(1, 0.9, 0.99)), l2=collected(trained(1, 0.95, 0.5))
        )
        assert found.index.tolist() == ["l2", "baseline"]

    def test_say_what_became_of_the_trainings(self) -> None:
        results = {
            "baseline": BASELINE,
            "some": collected(
                trained(1, 0.9), failed(2, "first reason"), failed(3, "second reason")
            ),
            "all": collected(failed(1), failed(2)),
            "none": UNTRAINED,
            "old": UNTRAINED,
            "partly_old": collected(trained(2, 0.85)),
        }
        stale = {"old": "changed since: the split", "partly_old": "changed since: the protocol"}
        found = compare(results, stale, BAND).set_index("technique")
        assert found["status"].to_dict() == {
            "baseline": "trained",
            "some": "failed",
            "all": "failed",
            "none": "not trained",
            "old": "stale",
            "partly_old": "stale",
        }
        counts = {"baseline": 3, "some": 3, "all": 2, "none": 0, "old": 0, "partly_old": 1}
        assert found["trainings"].to_dict() == counts
        assert found["failed_trainings"].to_dict() == dict.fromkeys(counts, 0) | {
            "some": 2,
            "all": 2,
        }
        assert found["reason"].dropna().to_dict() == {
            "some": "first reason",
            "all": "the loss stopped being finite in epoch 1",
            **stale,
        }
        assert pd.isna(found.loc["all", "test_accuracy"])
        assert pd.isna(found.loc["old", "test_accuracy"])
        assert found.loc["partly_old", "difference"] == pytest.approx(0.85 - 0.91)

    def test_say_of_which_techniques_the_task_died(self) -> None:
        results = {
            "baseline": BASELINE,  # all it should have, whatever became of its task
            "none": UNTRAINED,
            "old": UNTRAINED,
            "partly": collected(trained(1, 0.9)),
            "some": collected(trained(1, 0.9), failed(2, "first reason"), trained(3, 0.9)),
        }
        stale = {"old": "changed since: the data"}
        found = compare(results, stale, BAND, seeds=3, died=results).set_index("technique")
        assert found["status"].to_dict() == {"baseline": "trained"} | dict.fromkeys(
            ("none", "old", "partly", "some"), "failed"
        )
        died = "its task ended without results"
        assert found["reason"].dropna().to_dict() == {
            "none": died,
            "old": f"{died}; changed since: the data",
            "partly": died,
            "some": "first reason",
        }
        rows = found.reset_index().set_index("technique", drop=False).to_dict("index")
        assert failure(rows["none"]) == f"none: failed: {died}"
        assert failure(rows["some"]) == "some: 1 of 3 trainings failed: first reason"

    @pytest.mark.parametrize(
        ("results", "status"),
        [
            ({"l2": UNTRAINED, "baseline": UNTRAINED}, "not trained"),
            ({"l2": collected(failed(1)), "baseline": collected(failed(1), failed(2))}, "failed"),
        ],
    )
    def test_without_any_figure_are_there_too(
        self, results: dict[str, Results], status: str
    ) -> None:
        found = compare(results, {}, BAND)
        assert found["technique"].tolist() == ["baseline", "l2"]
        assert (found["status"] == status).all()
        assert ("reason" in found) == (status == "failed")

    def test_are_the_same_from_stored_results(self, tmp_path: Path) -> None:
        results = FIVE | {
            "l2": collected(trained(1, 0.9), failed(2), trained(3, 0.8)),
            "none": UNTRAINED,
        }
        again = {}
        for name, made in results.items():
            dataset = ResultsDataset(filepath=str(tmp_path / f"{name}.zip"))
            dataset.save(made)
            again[name] = dataset.load()
        expected = compare(results, {}, BAND)
        pd.testing.assert_frame_equal(compare(again, {}, BAND), expected)


def test_failures_are_named() -> None:
    results = {
        "l2": collected(trained(1, 0.9), failed(2, "no luck")),
        "none": UNTRAINED,
        "l1": collected(failed(1, "too far")),
        "baseline": BASELINE,
    }
    assert failures(results) == ["l2 seed 2 (no luck)", "l1 seed 1 (too far)"]


RUNS = st.dictionaries(
    st.integers(0, 5), st.none() | st.integers(1, 100).map(lambda n: n / 100), max_size=6
)


@given(st.fixed_dictionaries({"baseline": RUNS}, optional={"l1": RUNS, "l2": RUNS, "zca": RUNS}))
@settings(deadline=None, max_examples=20)
def test_any_results_are_compared_as_by_hand(figures: dict[str, dict[int, float | None]]) -> None:
    results = {
        name: collected(
            *(
                failed(s) if figure is None else trained(s, figure)
                for s, figure in trainings.items()
            )
        )
        for name, trainings in figures.items()
    }
    found = compare(results, {}, BAND).set_index("technique")
    assert sorted(found.index) == sorted(figures)
    means = []
    for name, row in found.iterrows():
        trainings = figures[str(name)]
        values = {seed: figure for seed, figure in trainings.items() if figure is not None}
        assert row["trainings"] == len(trainings)
        assert row["failed_trainings"] == len(trainings) - len(values)
        if values:
            means.append(statistics.mean(values.values()))
            assert row["test_accuracy"] == pytest.approx(means[-1])
        common = [
            values[seed] - base
            for seed, base in figures["baseline"].items()
            if base is not None and seed in values and name != "baseline"
        ]
        if common:
            assert row["difference"] == pytest.approx(statistics.mean(common), abs=1e-9)
            assert (row["verdict"] == "descriptive only") == (len(common) < 5)
        else:
            assert pd.isna(row.get("difference"))
    assert all(first >= second - 1e-12 for first, second in itertools.pairwise(means))
