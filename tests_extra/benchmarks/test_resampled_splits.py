"""The simulation of verdicts about other sets: a few sets, and its count against a loop."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import resampled_splits
from scipy import stats


def test_a_few_sets_make_a_table_and_go_on_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [f"--cache={tmp_path / 'cache'}", f"--out={tmp_path / 'out'}", "--processes=1"]
    for sets in (2, 3):
        monkeypatch.setattr(sys, "argv", ["resampled_splits", f"--sets={sets}", *folders])
        resampled_splits.main()
        assert len(list((tmp_path / "cache").glob("*.npz"))) == sets
    rows = json.loads((tmp_path / "out/resampled_splits.json").read_text())
    assert {row["sets"] for row in rows} == {3}
    assert {row["design"] for row in rows} == set(resampled_splits.DESIGNS)
    # The linear network is the same with every seed, so one split of it is not judged.
    kinds = {(row["compared"], row["design"]) for row in rows}
    assert ("linear: more L2", "one split") not in kinds
    assert len(kinds) == 5


def test_wrong_intervals_are_those_of_a_loop() -> None:
    pairs = np.random.default_rng(0).normal(0.8, 0.03, (40, 2, 6))
    pairs[:, 0] += np.random.default_rng(1).normal(0, 0.02, (40, 1))
    differences = pairs[:, 0] - pairs[:, 1]
    means = differences.mean(axis=1)
    wrong = 0
    for number, own in enumerate(differences):
        true = np.delete(means, number).mean()
        error = own.std(ddof=1) * np.sqrt(1 / 6 + 0.2)
        low, high = stats.t.interval(0.95, 5, own.mean(), error)
        wrong += not low <= true <= high
    assert resampled_splits.share_of_wrong(pairs, 0.2) == pytest.approx(wrong / 40)
