"""Alarms: each goes off when it should, and is silent when it should."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from regbench.history.alarms import check
from regbench.history.table import empty_history
from regbench.study.monitoring import Alarms

APast = Callable[..., pd.DataFrame]
OFF: dict[str, Any] = {
    "technique": "best",
    "drop": None,
    "floor": None,
    "rejected": None,
    "failed": False,
    "notify_on_error": False,
}


def settings(**given: Any) -> Alarms:
    return Alarms.model_validate(OFF | given)


def messages(run: pd.DataFrame, earlier: pd.DataFrame, **given: Any) -> list[str]:
    found = check(run, earlier, settings(**given))
    assert {alarm.kind for alarm in found} <= given.keys()
    assert not any("\n" in alarm.message for alarm in found)
    return [alarm.message for alarm in found]


class TestDrop:
    def test_of_the_best(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95, "baseline": 0.9})
        now = a_past_run(2, {"l2": 0.91, "baseline": 0.92})
        assert messages(now, then, drop=2) == [
            "baseline, the best on validation, has 92.00 % test accuracy, 3.00 points less than "
            "95.00 % in run 2026-01-01T020000Z (l2); 2 are tolerated"
        ]
        assert messages(now, then, drop=3) == []  # not more than tolerated
        assert messages(now, then) == []

    def test_of_a_named_technique(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95, "baseline": 0.9})
        now = a_past_run(2, {"l2": 0.93, "baseline": 0.96})
        found = messages(now, then, drop=1.5, technique="l2")
        assert len(found) == 1
        assert found[0].startswith("l2 has 93.00 % test accuracy, 2.00 points less than 95.00 %")
        assert messages(now, then, drop=1.5) == []
        assert messages(now, then, drop=1.5, technique="baseline") == []

    def test_a_rise_is_none(self, a_past_run: APast) -> None:
        then, now = (a_past_run(day, {"l2": accuracy}) for day, accuracy in ((1, 0.8), (2, 0.95)))
        assert messages(now, then, drop=0) == []

    @pytest.mark.parametrize("other", [{"protocol": "p2"}, {"part": "validation"}])
    def test_only_alike_runs_are_compared(self, a_past_run: APast, other: dict[str, str]) -> None:
        alike = a_past_run(1, {"l2": 0.95})
        unlike = a_past_run(2, {"l2": 0.99}, **other)
        now = a_past_run(3, {"l2": 0.93})
        assert messages(now, unlike, drop=1) == []
        found = messages(now, pd.concat([alike, unlike]), drop=1)
        assert len(found) == 1
        assert "2.00 points less than 95.00 % in run 2026-01-01" in found[0]

    def test_other_data_are_compared(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95})
        assert len(messages(a_past_run(2, {"l2": 0.93}, data="d2"), then, drop=1)) == 1

    @pytest.mark.parametrize(
        "fault", [{"failed_trainings": 2, "status": "failed"}, {"missing_trainings": 3}]
    )
    def test_a_run_with_failures_is_no_reference(
        self, a_past_run: APast, fault: dict[str, Any]
    ) -> None:
        whole = a_past_run(1, {"l2": 0.95, "l1": 0.8})
        spoiled = a_past_run(2, {"l2": 0.91, "l1": 0.8}, l2=fault)
        now = a_past_run(3, {"l2": 0.91, "l1": 0.8})
        earlier = pd.concat([whole, spoiled])
        assert len(messages(now, earlier, drop=1)) == 1
        assert len(messages(now, earlier, drop=1, technique="l2")) == 1
        assert messages(now, earlier, drop=1, technique="l1") == []

    def test_the_best_of_a_part_is_not_judged(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95, "l1": 0.8})
        stale = {"status": "stale", "accuracy": None, "validation_accuracy": None, "trainings": 0}
        now = a_past_run(2, {"l2": 0.95, "l1": 0.8}, l2=stale)
        assert messages(now, then, drop=1) == []
        assert messages(now, then, drop=1, technique="l2") == []

    def test_what_was_never_trained_does_not_matter(self, a_past_run: APast) -> None:
        untrained = {
            "status": "not trained",
            "accuracy": None,
            "trainings": 0,
            "missing_trainings": 5,
        }
        untrained |= {"validation_accuracy": None}
        then, now = (
            a_past_run(day, {"l2": accuracy, "l1": 0.1}, l1=untrained)
            for day, accuracy in ((1, 0.95), (2, 0.9))
        )
        assert len(messages(now, then, drop=1)) == 1

    def test_a_technique_that_was_taken_out_is_no_drop(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95, "l1": 0.8})
        assert messages(a_past_run(2, {"l1": 0.8}), then, drop=1) == []

    def test_a_failed_best_is_a_drop(self, a_past_run: APast) -> None:
        then = a_past_run(1, {"l2": 0.95, "l1": 0.8})
        assert len(messages(a_past_run(2, {"l2": None, "l1": 0.8}), then, drop=1)) == 1

    def test_a_first_run_has_none(self, a_past_run: APast) -> None:
        assert messages(a_past_run(1, {"l2": 0.1}), empty_history(), drop=0, rejected=0) == []


def test_floor(a_past_run: APast) -> None:
    now = a_past_run(1, {"l2": 0.95, "baseline": 0.9})
    assert messages(now, empty_history(), floor=0.95) == []
    assert messages(now, empty_history(), floor=0.96) == [
        "l2, the best on validation, has 95.00 % test accuracy, below the floor of 96.00 %"
    ]
    assert messages(now, empty_history(), floor=0.91, technique="baseline") == [
        "baseline has 90.00 % test accuracy, below the floor of 91.00 %"
    ]
    assert messages(a_past_run(1, {"l2": None}), empty_history(), floor=0.5) == []


def test_rejected(a_past_run: APast) -> None:
    then = a_past_run(1, {"l2": 0.9}, rejected=0)
    now = a_past_run(2, {"l2": 0.9}, rejected=25)  # of 125
    assert messages(now, then, rejected=20) == []
    assert messages(now, then, rejected=19) == [
        "20.00 % of the images were rejected, 20.00 points more than in run 2026-01-01T020000Z; "
        "19 are tolerated"
    ]
    assert messages(then, now, rejected=0) == []  # fewer


def test_failed(a_past_run: APast) -> None:
    now = a_past_run(1, {"l2": None, "l1": 0.9}, l2={"reason": "no\nluck"})
    assert messages(now, empty_history(), failed=True) == ["l2: 5 of 5 trainings failed: no luck"]
    assert messages(now, empty_history(), failed=False) == []


def test_no_run_has_no_alarm() -> None:
    assert (
        check(empty_history(), empty_history(), settings(failed=True, drop=0, floor=1, rejected=0))
        == []
    )
