"""What tuning brought, against scipy's paired t test and statsmodels' Holm correction."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from tests.comparison.trainings import collected, trained
from tests.study.base_study import BASE

from regbench.comparison.tuned import what_tuning_brought
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.report.tuned import tuned_shown

ACCURACIES = {
    "l2": (0.85, 0.86, 0.88, 0.87, 0.86, 0.90),
    "l2_fixed": (0.80, 0.82, 0.82, 0.80, 0.82),  # a seed less
    "l1": (0.80, 0.82, 0.79, 0.81, 0.80),
    "l1_fixed": (0.81, 0.80, 0.80, 0.82, 0.79),
}
FIXED = {"l1": "l1_fixed", "l2": "l2_fixed", "gone": "gone_fixed", "none": "none_fixed"}


def results() -> dict[str, Results]:
    return {
        name: collected(*(trained(seed, figure) for seed, figure in enumerate(of, start=1)))
        for name, of in ACCURACIES.items()
    } | {"none": Results.none(), "none_fixed": Results.none()}


def test_each_is_compared_with_itself_as_it_was_on_the_seeds_of_both() -> None:
    found = what_tuning_brought(results(), FIXED, METRICS["accuracy"], 0.005)
    assert found["technique"].tolist() == ["l1", "l2"]
    assert found["seeds"].tolist() == [5, 5]
    tests = [
        stats.ttest_rel(ACCURACIES[name][:5], ACCURACIES[f"{name}_fixed"]) for name in ("l1", "l2")
    ]
    for row, test in zip(found.to_dict("records"), tests, strict=True):
        low, high = test.confidence_interval()
        ends = [row["difference_low"], row["difference_high"]]
        np.testing.assert_allclose(ends, [low, high])
    corrected = multipletests([test.pvalue for test in tests], method="holm")[1]
    np.testing.assert_allclose(found["p_adjusted"], corrected)
    assert found["verdict"].tolist() == ["undecided", "better"]
    assert found["tuned_figure"].tolist() == pytest.approx([0.804, 0.864])


def test_the_report_names_the_budget_and_shows_it_only_after_a_search() -> None:
    assert tuned_shown(results(), {}) is None
    assert tuned_shown(results(), BASE) is None
    settings = {**BASE, "tuning": {**BASE["tuning"], "fixed": FIXED}}
    shown = tuned_shown(results(), settings)
    assert shown is not None
    assert shown["budget"] == "300 epochs for every technique"
    assert shown["rows"][1]["tuned"] == "86.40"
    assert shown["rows"][1]["difference"].startswith("+5.20 [")
    assert tuned_shown({}, settings)["rows"] == []  # type: ignore[index]


def test_the_report_shows_the_trials_over_the_strengths_alone() -> None:
    of = {"point": 0, "state": "complete", "score": 0.9, "epochs": 5, "values": {}}
    strength = {"setting": "l2.factor", "own": 1e-4, "low": 1e-6, "high": 1e-2, "log": True}
    rate = {"setting": "learning_rate.factor", "own": 1, "low": 0.1, "high": 10, "log": True}
    best = {"point": 0, "score": 0.9}
    shared = {"metric": "accuracy", "trials": [of], "best": best}
    found = {"baseline": {**shared, "searched": [rate]}, "l2": {**shared, "searched": [strength]}}
    settings = {**BASE, "tuning": {**BASE["tuning"], "fixed": FIXED}}
    shown = tuned_shown(results(), settings, found | {"l1": {**shared, "searched": [rate]}})
    assert shown is not None
    assert shown["picture"].narrow
    assert "l2.factor" in shown["picture"].wide
    assert "learning_rate" not in shown["picture"].wide
    for nothing in (None, {"baseline": found["baseline"]}):
        assert (tuned_shown(results(), settings, nothing) or {})["picture"] is None
