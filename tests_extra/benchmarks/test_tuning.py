"""The measurements of searches that need no training; the others run by hand."""

from pathlib import Path

import pytest
from benchmarks import harness, tuning

from regbench.storage.stored_file import LocalFile
from regbench.tuning.storage import open_study


def test_a_thousand_trials_are_timed_and_written(tmp_path: Path) -> None:
    tuning.main(["thousand", "--trials=45", f"--out={tmp_path}"])
    [entry] = harness.read(tmp_path / "tuning.json").values()
    assert entry["command"] == "uv run python -m benchmarks.tuning thousand --trials=45"
    assert [len(side["values"]) for side in entry["sides"]] == [1] * 4
    early, late = (side["values"][0] for side in entry["sides"][:2])
    assert entry["figures"][0]["value"] == pytest.approx(late / early)
    assert (tmp_path / "tuning.md").read_text().startswith("# What does a search cost?")


def test_the_span_is_from_the_first_trial_to_the_last(tmp_path: Path) -> None:
    trials = []
    for name in ("first", "second"):
        study = open_study(LocalFile(tmp_path), None, name, higher_is_better=True)
        study.tell(study.ask(), 1.0)
        trials += study.trials
    begun, ended = trials[0].datetime_start, trials[1].datetime_complete
    assert begun
    assert ended
    span = tuning.span_of_trials(tmp_path / "trials.db")
    assert span == pytest.approx((ended - begun).total_seconds())
