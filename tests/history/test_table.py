"""The history: a row per run and technique, the same run once, and what changed between runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regbench.comparison.compare import compare, with_study_figures
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import Results
from regbench.history import kept_networks, runs_table, table

APast = Callable[..., pd.DataFrame]
CLOCK = {"started": "2026-02-01T02:00:00+00:00", "now": "2026-02-01T02:06:30.5+00:00"}
FINGERPRINT = {
    "data": "d1",
    "split": "s1",
    "protocol": "p1",
    "technique": "n1",
    "training": "t1",
    "evaluation": "e1",
}


def results(accuracies: list[float | None], seconds: float = 2.0) -> Results:
    """Runs with seeds 1, 2, ...; None is one that failed."""
    trainings = pd.DataFrame(
        [
            {"seed": seed, "status": "failed", "reason": "it diverged", "seconds": np.nan}
            if accuracy is None
            else {
                "seed": seed,
                "status": "trained",
                "test_accuracy": accuracy,
                "validation_accuracy": accuracy + 0.01,
                "seconds": seconds,
                "fingerprint_weights": f"w{seed}",
            }
            for seed, accuracy in enumerate(accuracies, start=1)
        ]
    )
    answers = pd.DataFrame(
        [
            {"seed": row.seed, "filename": place, "split": "test", "label": "a", "predicted": "a"}
            for row in trainings.itertuples()
            if row.status == "trained"
            for place in range(3)
        ],
        columns=["seed", "filename", "split", "label", "predicted"],
    )
    none = Results.none()
    return Results(trainings, none.epochs, answers, none.measurements)


def described(by_technique: dict[str, Results], rejected: int = 2) -> pd.DataFrame:
    compared = compare(by_technique, {}, 0.001, seeds=5)
    return table.rows_of_run(
        with_study_figures(compared, 0.001),
        by_technique,
        dict.fromkeys(by_technique, FINGERPRINT),
        {"data": "d1", "split": "s1"},
        pd.Series(["train"] * 6 + ["validation"] * 3 + ["test"]),
        rejected,
    )


STUDY = {
    "baseline": results([0.90, 0.92, 0.91, 0.93, 0.90]),
    "l2": results([0.93, 0.95, None, 0.96, 0.95]),
    "zca": Results.none(),
}


def test_a_row_has_the_figures_of_the_comparison() -> None:
    rows = table.identify_run(described(STUDY), table.empty_history(), CLOCK, "regbench 1")
    assert list(rows.columns) == list(table.COLUMNS)
    assert rows.dtypes.astype(str).to_dict() == table.empty_history().dtypes.astype(str).to_dict()
    assert set(rows["run"]) == {"2026-02-01T020630Z"}
    by_name = rows.set_index("technique")
    l2 = by_name.loc["l2"]
    assert l2["run_seconds"] == pytest.approx(390.5)
    assert (l2["images_train"], l2["images_validation"], l2["images_test"]) == (6, 3, 1)
    assert (l2["rejected"], l2["data"], l2["settings"]) == (2, "d1", "n1")
    figures = [0.93, 0.95, 0.96, 0.95]
    expected = stats.t.interval(0.95, 3, np.mean(figures), stats.sem(figures))
    assert l2["accuracy"] == pytest.approx(np.mean(figures))
    assert (l2["accuracy_low"], l2["accuracy_high"]) == pytest.approx(expected)
    compared = compare(STUDY, {}, 0.001, seeds=5).set_index("technique")
    for figure in ("difference", "difference_low", "difference_high", "verdict", "seconds"):
        assert l2[figure] == compared.loc["l2", figure]
    assert (l2["status"], l2["failed_seeds"], l2["reason"]) == ("failed", "3", "it diverged")
    assert by_name.loc["baseline", "verdict"] == ""
    assert by_name.loc["zca", "status"] == "not trained"
    assert np.isnan(by_name.loc["zca", "accuracy"])


def test_an_interval_stays_a_share() -> None:
    rows = described({"baseline": results([1.0, 0.9])})
    assert rows["accuracy_high"].tolist() == [1.0]
    assert described({"baseline": results([0.9])})["accuracy_low"].isna().all()


def test_nothing_trained_is_no_run() -> None:
    rows = table.identify_run(
        described({"baseline": Results.none()}), table.empty_history(), CLOCK, "regbench 1"
    )
    assert rows.empty
    assert table.append_run(table.empty_history(), rows, []).empty


def test_the_same_results_are_the_same_run() -> None:
    first = table.identify_run(described(STUDY), table.empty_history(), CLOCK, "regbench 1")
    past = table.append_run(table.empty_history(), first, ["an alarm"])
    later = {"started": "2026-02-02T00:00:00+00:00", "now": "2026-02-02T00:00:01+00:00"}
    again = table.identify_run(described(STUDY), past, later, "regbench 2")
    assert table.earlier_runs(past, again).empty
    kept = table.append_run(past, again, ["two", "alarms"])
    assert kept["run"].unique().tolist() == first["run"].unique().tolist()
    assert kept["alarms"].tolist() == ["two\nalarms"] * 3
    pd.testing.assert_frame_equal(kept.drop(columns="alarms"), past.drop(columns="alarms"))


@pytest.mark.parametrize(
    "other",
    [
        STUDY | {"baseline": results([0.90, 0.92, 0.91, 0.93, 0.91])},
        STUDY | {"baseline": results([0.90, 0.92, 0.91, 0.93, 0.90], seconds=2.1)},  # once more
    ],
)
def test_other_results_are_another_run(other: dict[str, Results]) -> None:
    past = table.identify_run(described(STUDY), table.empty_history(), CLOCK, "regbench 1")
    now = table.identify_run(described(other), past, CLOCK, "regbench 1")
    assert now["run"].unique().tolist() == ["2026-02-01T020630Z-2"]  # in the same second
    both = table.append_run(past, now, [])
    assert len(both) == 6
    pd.testing.assert_frame_equal(both.head(3), past)


def test_changes_are_told_in_a_word(a_past_run: APast) -> None:
    figures = {"baseline": 0.9, "l2": 0.9}
    past = pd.concat(
        [
            a_past_run(1, figures),
            a_past_run(2, figures, data="d2", split="s2"),
            a_past_run(3, figures, data="d2", split="s3", protocol="p2"),
            a_past_run(4, figures, data="d2", split="s3", protocol="p2", l2={"settings": "other"}),
        ],
        ignore_index=True,
    )
    assert list(runs_table.changes(past).values()) == [[], ["data"], ["split", "protocol"], []]
    assert list(runs_table.changes(past, "l2").values())[-1] == ["settings"]
    assert list(runs_table.changes(past, "baseline").values())[-1] == []


def test_a_run_is_summed_up(a_past_run: APast) -> None:
    figures = {"l2": 0.95, "zca": 0.96, "baseline": 0.9, "l1": None}
    past = a_past_run(1, figures, rejected=3, zca={"validation_accuracy": 0.9, "verdict": "better"})
    run = runs_table.runs_table(past).to_dict("records")[0]
    assert (run["best"], run["accuracy"], run["baseline_accuracy"]) == ("l2", 0.95, 0.9)
    assert (run["images"], run["rejected"]) == (100, 3)
    assert (run["trained"], run["techniques"], run["failed"], run["better"]) == (3, 4, "l1", "zca")


def test_a_stored_table_is_checked(a_past_run: APast) -> None:
    past = a_past_run(1, {"baseline": 0.9})
    shuffled = past[sorted(past.columns)].assign(note="x")
    pd.testing.assert_frame_equal(table.validated(shuffled), past)
    with pytest.raises(ValueError, match="no column verdict"):
        table.validated(past.drop(columns="verdict"))
    with pytest.raises(ValueError, match="schema 99, and this version reads 2"):
        table.validated(past.assign(schema=99))


def test_a_figure_that_came_later_is_missing_in_earlier_runs(a_past_run: APast) -> None:
    old = a_past_run(1, {"baseline": 0.9}).drop(columns=["test_macro_f1", "weights"])
    read = table.validated(old)
    assert list(read.columns) == list(table.COLUMNS)
    assert read[["test_macro_f1", "weights"]].isna().all(axis=None)
    both = table.append_run(read, a_past_run(2, {"baseline": 0.9}, test_macro_f1=0.8), [])
    assert both["test_macro_f1"].tolist() == [pytest.approx(np.nan, nan_ok=True), 0.8]


def test_a_figure_of_another_version_is_not_lost(a_past_run: APast) -> None:
    past = table.validated(a_past_run(1, {"baseline": 0.9}).assign(sharpness=3))
    assert past["sharpness"].tolist() == [3.0]
    both = table.validated(table.append_run(past, a_past_run(2, {"baseline": 0.9}), []))
    assert both["sharpness"].tolist() == [3.0, pytest.approx(np.nan, nan_ok=True)]


def test_every_figure_of_the_comparison_is_kept() -> None:
    # Figures are found by looking for them: none is named here.
    kept = {figure.name for figure in registry.single(Shown.COMPARISON)}
    assert kept <= set(table.COLUMNS)


class TestNetworks:
    def test_of_the_last_runs_are_kept(self, a_past_run: APast) -> None:
        past = pd.concat([a_past_run(day, {"baseline": 0.9}) for day in (1, 2, 3)])
        name = past["run"].iloc[-1]
        plan = self.plan(past, name, 2)
        assert plan["keep"] == ["2026-01-02T020000Z", "2026-01-03T020000Z"]
        assert plan["networks"] == {"l2/seed_1": "w1", "l2/seed_2": "w2"}  # seed 3 failed

    def test_of_one_run_are_where_the_trainings_left_them(self, a_past_run: APast) -> None:
        past = a_past_run(1, {"baseline": 0.9})
        assert self.plan(past, past["run"].iloc[0], 1)["networks"] == {}

    def test_of_no_run_are_none(self) -> None:
        assert self.plan(table.empty_history(), "", 3) == {"run": "", "networks": {}, "keep": []}

    def plan(self, past: pd.DataFrame, name: str, last: int) -> dict[str, Any]:
        found = {"l2": results([0.9, 0.9, None]), "zca": Results.none()}
        return kept_networks.networks_to_keep(past, name, found, last)


def test_one_of_version_1_is_read(a_past_run: Callable[..., pd.DataFrame]) -> None:
    past = a_past_run(1, {"baseline": 0.9, "l2": None})
    old = past.rename(
        columns={"trainings": "runs", "failed_trainings": "failed_runs"}
        | {"missing_trainings": "missing_runs"}
    ).assign(schema=1)
    pd.testing.assert_frame_equal(table.validated(old), table.validated(past))
