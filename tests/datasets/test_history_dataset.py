"""The history as a file: no data are lost, and a damaged file does not stop a report."""

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from regbench.datasets.history_dataset import HistoryDataset, RunClock
from regbench.history import table

APast = Callable[..., pd.DataFrame]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "09_history/history.parquet"


@pytest.fixture
def dataset(path: Path) -> HistoryDataset:
    return HistoryDataset(filepath=str(path))


def test_what_is_saved_is_loaded(dataset: HistoryDataset, a_past_run: APast) -> None:
    past = a_past_run(1, {"baseline": 0.9, "l2": None})
    dataset.save(past)
    pd.testing.assert_frame_equal(dataset.load(), past)


def test_none_is_an_empty_one(dataset: HistoryDataset) -> None:
    pd.testing.assert_frame_equal(dataset.load(), table.empty_history())


@pytest.mark.parametrize("fault", ["cut", "empty", "text", "another table", "a later version"])
def test_one_that_cannot_be_read_is_kept_beside_a_new_one(
    dataset: HistoryDataset,
    path: Path,
    a_past_run: APast,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    past = a_past_run(1, {"baseline": 0.9})
    dataset.save(past)
    if fault == "another table":
        pd.DataFrame({"schema": [1]}).to_parquet(path)
    elif fault == "a later version":
        past.assign(schema=99).to_parquet(path)
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:-40], "empty": b"", "text": b"schema,run\n"}[fault])
    damaged = path.read_bytes()
    assert dataset.load().empty
    assert f"{path} cannot be read as a history (" in caplog.text
    assert "delete it" not in caplog.text
    assert path.read_bytes() == damaged  # reading changes nothing
    now = a_past_run(2, {"baseline": 0.8})
    dataset.save(now)
    pd.testing.assert_frame_equal(dataset.load(), now)
    (aside,) = path.parent.glob("history.unreadable-*.parquet")
    assert aside.read_bytes() == damaged
    assert f"as {aside}" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_one_that_may_not_be_read_is_not_treated_as_damaged(
    dataset: HistoryDataset, path: Path, a_past_run: APast
) -> None:
    dataset.save(a_past_run(1, {"baseline": 0.9}))
    path.chmod(0)
    with pytest.raises(DatasetError):
        dataset.load()


def test_a_refusing_disk_is_no_damage(
    dataset: HistoryDataset, a_past_run: APast, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.save(a_past_run(1, {"baseline": 0.9}))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "history.parquet")

    monkeypatch.setattr(pd, "read_parquet", refuse)
    with pytest.raises(DatasetError, match="Permission denied"):
        dataset.load()
    with pytest.raises(DatasetError, match="Permission denied"):
        dataset.save(a_past_run(2, {"baseline": 0.9}))


def test_the_preview_shows_the_last_runs_first(dataset: HistoryDataset, a_past_run: APast) -> None:
    dataset.save(pd.concat([a_past_run(day, {"baseline": 0.9, "l2": None}) for day in (1, 2)]))
    shown = dataset.preview()
    rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["data"]]
    assert [row["run"][:10] for row in rows] == ["2026-01-02"] * 2 + ["2026-01-01"] * 2
    assert [row["technique"] for row in rows] == ["baseline", "l2"] * 2
    assert rows[0]["accuracy"] == 0.9
    assert rows[1]["accuracy"] == "–"
    assert shown["columns"][:4] == ["time", "technique", "status", "accuracy"]
    assert rows[0]["time"] == "2026\u201101\u201102\u00a002:00"  # which does not break
    # Long text in any column makes a row of kedro-viz high.
    assert all(len(str(value)) <= 30 for row in shown["data"] for value in row)


def test_the_clock_starts_with_the_run() -> None:
    before = datetime.datetime.now(datetime.UTC)
    clock = RunClock()
    first, second = clock.load(), clock.load()
    times = [datetime.datetime.fromisoformat(t) for t in (first["started"], second["now"])]
    assert before <= times[0] <= times[1] <= datetime.datetime.now(datetime.UTC)
    assert first["started"] == second["started"]
    assert clock.exists()
    assert clock.digest() == RunClock().digest()
    with pytest.raises(DatasetError, match="only read"):
        clock.save({})  # type: ignore[arg-type]
