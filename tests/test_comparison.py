"""The comparison against pandas, SciPy and plain Python."""

import io
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regbench.comparison import (
    best_seed,
    best_technique,
    collect,
    compare,
    failures,
    headline_figure,
)

UNTRAINED = pd.DataFrame()


def run(seed: int, test: float, validation: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "technique": "any",
        "seed": seed,
        "status": "trained",
        "validation_accuracy": test - 0.01 if validation is None else validation,
        "test_accuracy": test,
        **more,
    }


def failed(seed: int, reason: str = "the loss stopped being finite in epoch 1") -> dict[str, Any]:
    return {"technique": "any", "seed": seed, "status": "failed", "reason": reason, "epochs": 1}


def table(*runs: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(runs)


BASELINE = table(run(1, 0.90), run(2, 0.91), run(3, 0.95))
BETTER = table(run(3, 0.97), run(1, 0.96), run(2, 0.93))
WORSE = table(run(1, 0.80), run(2, 0.85), run(3, 0.81))


def compared(**results: pd.DataFrame) -> pd.DataFrame:
    return compare(results).set_index("technique")


class TestFigures:
    def test_are_means_and_standard_deviations_over_seeds(self) -> None:
        found = compared(baseline=BASELINE, l2=BETTER)
        for name, runs in (("baseline", BASELINE), ("l2", BETTER)):
            for figure in ("test_accuracy", "validation_accuracy"):
                values = runs[figure].tolist()
                assert found.loc[name, figure] == pytest.approx(statistics.mean(values))
                spread = found.loc[name, f"{figure}_sd"]
                assert spread == pytest.approx(statistics.stdev(values))

    def test_differences_are_paired_by_seed(self) -> None:
        found = compared(baseline=BASELINE, l2=BETTER, l1=WORSE)
        for name, runs in (("l2", BETTER), ("l1", WORSE)):
            ours = runs.sort_values("seed")["test_accuracy"]
            row = found.loc[name]
            assert row["difference"] == pytest.approx(ours.mean() - 0.92)
            # The paired t statistic knows the same mean and standard deviation of differences.
            expected = stats.ttest_rel(ours, BASELINE["test_accuracy"]).statistic
            found_t = row["difference"] / (row["difference_sd"] / np.sqrt(3))
            assert found_t == pytest.approx(expected)
        assert pd.isna(found.loc["baseline", "difference"])

    def test_differences_are_over_the_seeds_that_both_have(self) -> None:
        found = compared(baseline=BASELINE, l2=table(run(2, 0.95), run(3, 0.96), run(9, 0.10)))
        assert found.loc["l2", "difference"] == pytest.approx(np.mean([0.04, 0.01]))
        assert found.loc["l2", "difference_sd"] == pytest.approx(np.std([0.04, 0.01], ddof=1))
        assert found.loc["l2", "test_accuracy"] == pytest.approx(np.mean([0.95, 0.96, 0.10]))

    def test_failed_runs_count_nowhere(self) -> None:
        found = compared(
            baseline=table(run(1, 0.9), failed(2), run(3, 0.8)),
            l2=table(run(1, 0.91), run(2, 0.5), failed(3)),
        )
        assert found.loc["baseline", "test_accuracy"] == pytest.approx(0.85)
        assert found.loc["l2", "test_accuracy"] == pytest.approx(0.705)
        assert found.loc["l2", "difference"] == pytest.approx(0.01)
        assert found.loc["l2", ["runs", "failed_runs"]].tolist() == [3, 1]

    def test_of_one_seed_have_no_spread(self) -> None:
        found = compared(baseline=table(run(1, 0.9)), l2=table(run(1, 0.95)))
        assert found.loc["l2", "difference"] == pytest.approx(0.05)
        assert not [column for column in found if str(column).endswith("_sd")]

    def test_without_a_common_seed_there_is_no_difference(self) -> None:
        found = compared(baseline=BASELINE, l2=table(run(8, 0.9)), l1=WORSE)
        assert pd.isna(found.loc["l2", "difference"])
        assert found.loc["l1", "difference"] < 0

    def test_further_ones_are_means_too(self) -> None:
        figures = {
            "train_accuracy": (0.99, 0.97),
            "best_validation_accuracy": (0.93, 0.95),
            "validation_cross_entropy": (0.2, 0.3),
            "test_cross_entropy": (0.25, 0.35),
            "generalization_gap": (0.05, 0.03),
            "near_zero_share": (0.1, 0.3),
            "epochs": (10, 5),
            "best_epoch": (4, 5),
            "seconds": (2.0, 3.0),
        }
        runs = [run(i + 1, 0.9, **{k: v[i] for k, v in figures.items()}) for i in range(2)]
        found = compared(baseline=table(*runs))
        for figure, values in figures.items():
            assert found.loc["baseline", figure] == pytest.approx(np.mean(values))

    def test_without_a_test_part_validation_is_the_headline(self) -> None:
        baseline = BASELINE.drop(columns="test_accuracy")
        better = BETTER.drop(columns="test_accuracy")
        found = compared(baseline=baseline, l2=better)
        expected = better["validation_accuracy"].mean() - baseline["validation_accuracy"].mean()
        assert found.loc["l2", "difference"] == pytest.approx(expected)
        assert "test_accuracy" not in found
        assert headline_figure([baseline, better]) == "validation_accuracy"
        assert headline_figure([UNTRAINED, BASELINE]) == "test_accuracy"

    def test_published_ones_stand_beside_ours(self) -> None:
        results = {"baseline": BASELINE, "l2": BETTER, "l1": WORSE}
        found = compare(results, {"l2": 0.9739, "unheard_of": 0.5}).set_index("technique")
        assert found["published_accuracy"].dropna().to_dict() == {"l2": 0.9739}
        assert "published_accuracy" not in compare(results)


class TestRows:
    def test_the_best_headline_figure_is_first(self) -> None:
        found = compare(
            {"baseline": BASELINE, "none": UNTRAINED, "l1": WORSE, "same": BASELINE, "l2": BETTER}
        )
        assert found["technique"].tolist() == ["l2", "baseline", "same", "l1", "none"]
        assert found.index.tolist() == [0, 1, 2, 3, 4]

    def test_test_orders_even_where_validation_disagrees(self) -> None:
        found = compare(
            {"baseline": table(run(1, 0.9, 0.99)), "l2": table(run(1, 0.95, 0.5))},
        )
        assert found["technique"].tolist() == ["l2", "baseline"]

    def test_say_what_became_of_the_runs(self) -> None:
        found = compared(
            baseline=BASELINE,
            some=table(run(1, 0.9), failed(2, "first reason"), failed(3, "second reason")),
            all=table(failed(1), failed(2)),
            none=UNTRAINED,
        )
        assert found["status"].to_dict() == {
            "baseline": "trained",
            "some": "failed",
            "all": "failed",
            "none": "not trained",
        }
        assert found["runs"].to_dict() == {"baseline": 3, "some": 3, "all": 2, "none": 0}
        assert found["failed_runs"].to_dict() == {"baseline": 0, "some": 2, "all": 2, "none": 0}
        assert found.loc["some", "reason"] == "first reason"
        assert found.loc["all", "reason"] == "the loss stopped being finite in epoch 1"
        assert found["reason"].isna().to_dict()["none"]
        assert pd.isna(found.loc["all", "test_accuracy"])

    def test_without_the_baseline_there_are_no_differences(self) -> None:
        found = compared(baseline=UNTRAINED, l2=BETTER)
        assert found.index.tolist() == ["l2", "baseline"]
        assert "difference" not in found
        assert found.loc["l2", "test_accuracy"] == pytest.approx(BETTER["test_accuracy"].mean())

    def test_a_baseline_whose_runs_failed_gives_no_differences(self) -> None:
        found = compared(baseline=table(failed(1)), l2=BETTER)
        assert "difference" not in found

    def test_nothing_trained_is_said_of_every_technique(self) -> None:
        found = compare({"l2": UNTRAINED, "baseline": UNTRAINED})
        assert found["technique"].tolist() == ["baseline", "l2"]
        assert (found["status"] == "not trained").all()

    def test_nothing_but_failures_is_said_of_every_technique(self) -> None:
        found = compare({"l2": table(failed(1)), "baseline": table(failed(1), failed(2))})
        assert found["technique"].tolist() == ["baseline", "l2"]
        assert (found["status"] == "failed").all()
        assert found["failed_runs"].tolist() == [2, 1]
        assert found["reason"].notna().all()

    def test_survive_a_csv_file(self) -> None:
        # Results are collected, stored and read again before they are compared.
        results = {"baseline": table(run(1, 0.9), failed(2)), "l2": table(run(2, 0.8), run(1, 0.7))}
        again = {k: pd.read_csv(io.StringIO(v.to_csv(index=False))) for k, v in results.items()}
        pd.testing.assert_frame_equal(compare(again), compare(results))


def scored(seed: int, *names: str, part: str = "test", label: str = "a") -> pd.DataFrame:
    """What a run predicted for some images, in an order of its own."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "filename": random.permutation(names),
            "split": part,
            "label": label,
            "predicted": random.choice(["a", "b"], len(names)),
        }
    )


class TestCollecting:
    def test_makes_a_row_of_every_run(self) -> None:
        metrics = [run(1, 0.9), failed(2), run(3, 0.8)]
        found = collect(metrics, [scored(1, "x"), scored(1)[:0], scored(3, "x")])
        pd.testing.assert_frame_equal(found.drop(columns="scored_images"), table(*metrics))
        assert found["scored_images"].isna().tolist() == [False, True, False]

    def test_tells_whether_runs_were_judged_on_the_same_images(self) -> None:
        predictions = [
            scored(1, "x", "y", "z"),
            scored(2, "z", "x", "y"),  # another order, and other predictions
            scored(1, "x", "y"),
            scored(1, "x", "y", "w"),
            scored(1, "x", "y", "z", part="validation"),
            scored(1, "x", "y", "z", label="b"),
        ]
        runs = [run(seed, 0.9) for seed in range(len(predictions))]
        digests = collect(runs, predictions)["scored_images"]
        assert digests[0] == digests[1]
        assert digests.nunique() == 5

    def test_survives_a_csv_file(self) -> None:
        made = collect([run(1, 0.9), failed(2)], [scored(1, "x"), scored(1)[:0]])
        again = pd.read_csv(io.StringIO(made.to_csv(index=False)))
        pd.testing.assert_frame_equal(again, made)


class TestOtherImages:
    baseline = BASELINE.assign(scored_images="these")

    def test_are_not_compared(self) -> None:
        found = compared(
            baseline=self.baseline,
            l2=BETTER.assign(scored_images="those"),
            l1=WORSE.assign(scored_images="these"),
        )
        assert found["status"].to_dict() == {
            "baseline": "trained",
            "l1": "trained",
            "l2": "judged on other images",
        }
        assert found.loc["l2"].drop(["status", "runs", "failed_runs"]).isna().all()
        assert found.loc["l1", "difference"] < 0
        assert found.index[-1] == "l2"

    def test_of_some_runs_are_enough(self) -> None:
        mixed = BETTER.assign(scored_images=["these", "these", "those"])
        found = compared(baseline=self.baseline, l2=mixed)
        assert found.loc["l2", "status"] == "judged on other images"

    def test_are_those_of_few_if_there_is_no_baseline(self) -> None:
        found = compared(
            baseline=UNTRAINED,
            l1=WORSE.assign(scored_images="these"),
            l2=BETTER.assign(scored_images="those"),
            zca=WORSE.assign(scored_images="these"),
        )
        assert found["status"].to_dict() == {
            "l1": "trained",
            "zca": "trained",
            "baseline": "not trained",
            "l2": "judged on other images",
        }

    def test_failed_runs_saw_none(self) -> None:
        found = compared(
            baseline=self.baseline,
            l2=table(run(1, 0.9, scored_images="these"), failed(2)),
            l1=table(failed(1)),
        )
        assert found["status"].to_dict() == {
            "baseline": "trained",
            "l2": "failed",
            "l1": "failed",
        }
        assert found.loc["l2", "test_accuracy"] == 0.9

    def test_are_never_paired(self) -> None:
        # A seed added after the images changed: the baseline's runs are not all on the same ones.
        baseline = table(run(1, 0.90, scored_images="these"), run(2, 0.10, scored_images="those"))
        l2 = table(run(1, 0.92, scored_images="these"), run(2, 0.94, scored_images="these"))
        found = compared(baseline=baseline, l2=l2)
        difference = found["difference"]["l2"] if "difference" in found else np.nan
        assert pd.isna(difference) or difference == pytest.approx(0.02)

    def test_are_no_ground_to_choose_by(self) -> None:
        results = {
            "baseline": self.baseline,
            "l2": BETTER.assign(scored_images="those"),
            "l1": WORSE.assign(scored_images="these"),
        }
        assert best_technique(results) == "baseline"


class TestTheBest:
    def test_is_chosen_by_validation_not_test(self) -> None:
        results = {
            "baseline": table(run(1, 0.99, 0.80), run(2, 0.99, 0.82)),
            "l2": table(run(1, 0.50, 0.90), run(2, 0.50, 0.95)),
            "none": UNTRAINED,
        }
        assert best_technique(results) == "l2"
        assert best_seed(results["l2"]) == 2

    def test_is_the_best_mean_not_the_best_run(self) -> None:
        results = {
            "baseline": table(run(1, 0.5, 0.85), run(2, 0.5, 0.85)),
            "lucky": table(run(1, 0.5, 0.99), run(2, 0.5, 0.50)),
        }
        assert best_technique(results) == "baseline"

    def test_is_never_a_failed_run(self) -> None:
        runs = table(failed(1), run(7, 0.3), run(4, 0.6), failed(9))
        assert best_seed(runs) == 4
        assert best_technique({"l2": table(failed(1)), "l1": runs}) == "l1"

    def test_of_nothing_is_none(self) -> None:
        assert best_technique({"baseline": UNTRAINED, "l2": table(failed(1))}) is None
        assert best_seed(UNTRAINED) is None
        assert best_seed(table(failed(1))) is None


def test_failures_are_named() -> None:
    results = {
        "l2": table(run(1, 0.9), failed(2, "no luck")),
        "none": UNTRAINED,
        "l1": table(failed(1, "too far")),
        "baseline": BASELINE,
    }
    assert failures(results) == ["l2 seed 2 (no luck)", "l1 seed 1 (too far)"]


RUNS = st.dictionaries(
    st.integers(0, 5), st.none() | st.integers(0, 1000).map(lambda n: n / 1000), max_size=6
)


@given(st.fixed_dictionaries({"baseline": RUNS}, optional={"l1": RUNS, "l2": RUNS, "zca": RUNS}))
@settings(deadline=None, max_examples=60)
def test_any_results_are_compared_as_by_hand(figures: dict[str, dict[int, float | None]]) -> None:
    results = {
        name: table(
            *(failed(s) if figure is None else run(s, figure) for s, figure in runs.items())
        )
        for name, runs in figures.items()
    }
    found = compare(results).set_index("technique")
    assert sorted(found.index) == sorted(figures)
    means = []
    for name, row in found.iterrows():
        runs = figures[str(name)]
        values = {seed: figure for seed, figure in runs.items() if figure is not None}
        assert row["runs"] == len(runs)
        assert row["failed_runs"] == len(runs) - len(values)
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
        else:
            assert pd.isna(row.get("difference"))
    assert means == sorted(means, reverse=True)
