"""The harness that kills, fills, damages and soaks sees what it should."""

import errno
import io
import json
import os
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests_extra.reliability import damage, disk, kill, record, small, soak, whole

CHANCE = random.Random(0)  # noqa: S311 - no secret
TABLE = pd.DataFrame({"technique": ["l2"], "test_accuracy": [0.5], "seconds": [1.5]})
HISTORY = "09_history/history.parquet"


def results(root: Path, accuracy: float = 0.5, seconds: float = 1.0) -> Path:
    """A few results of every kind."""
    for folder in ("02", "07", "08", ".runs"):
        (root / folder).mkdir(parents=True)
    table = TABLE.assign(test_accuracy=accuracy, seconds=seconds)
    np.save(root / "02/images.npy", np.full((2, 3), 10 * accuracy, np.uint8))
    np.savez(root / "02/zca.npz", matrix=np.eye(2) * accuracy)
    table.to_parquet(root / "07/predictions.parquet")
    table.to_csv(root / "08/comparison.csv", index=False)
    metrics = {"test_accuracy": accuracy, "seconds": seconds}
    (root / "07/metrics.json").write_text(json.dumps(metrics))
    with zipfile.ZipFile(root / "07/results.zip", "w") as tables:
        tables.writestr("runs.parquet", table.to_parquet())
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.full((2, 2), accuracy, np.float32)
    with zipfile.ZipFile(root / "07/seed_1.keras", "w") as parts:
        parts.writestr("config.json", "{}")
        parts.writestr("model.weights.h5", weights.getvalue())
    Image.new("L", (2, 2), int(10 * accuracy)).save(root / "08/plot.png")
    pd.DataFrame({"time": [pd.Timestamp("2026-01-01")]}).to_parquet(root / "02/times.parquet")
    (root / "08/report.html").write_text("<!DOCTYPE html>\n<html></html>\n")
    head = "| technique | accuracy | seconds |\n"
    (root / "08/comparison.md").write_text(f"{head}| l2 | {accuracy} | {seconds} |\n")
    (root / "07/.0123abcd.partial.json").write_text("{")
    (root / ".runs/0123.json").write_text("{}")
    return root


def test_results_are_compared_by_what_they_hold_but_for_seconds(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other", seconds=2.0)
    TABLE.assign(seconds=2.0).to_parquet(other / "07/predictions.parquet", compression="gzip")
    assert len(whole.files(one)) == 11
    assert {path.name for path in whole.leftovers(one)} == {".0123abcd.partial.json", "0123.json"}
    assert whole.damaged(one) == []
    assert whole.differences(one, other) == []
    worse = results(tmp_path / "worse", accuracy=0.6)
    (worse / "08/plot.png").unlink()
    found = whole.differences(one, worse)
    assert found.pop(-1) == "08/plot.png: in one only"
    compared = {f"{path.relative_to(one)}: differs" for path in whole.files(one)}
    assert {*found} == compared - {
        f"{name}: differs" for name in ("02/times.parquet", "08/plot.png", "08/report.html")
    }
    (other / "07/metrics.json").write_text("{")
    assert whole.differences(one, other) == ["07/metrics.json: differs"]


def test_half_a_file_is_seen(tmp_path: Path) -> None:
    root = results(tmp_path / "one")
    (root / "08/comparison.csv").unlink()  # half of which is as good a table
    for path in whole.files(root):
        path.write_bytes(path.read_bytes()[:-9])
    assert len(whole.damaged(root)) == len(whole.files(root)) == 10


def history(root: Path, *runs: tuple[str, float]) -> None:
    """A history of two techniques: names and accuracies of its runs."""
    rows = [
        {"run": name, "time": name, "technique": technique, "accuracy": accuracy}
        for name, accuracy in runs
        for technique in ("baseline", "l2")
    ]
    (root / "09_history").mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(root / HISTORY)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([("a", 0.5), ("b", 0.6), ("c", 0.5)], ""),
        ([("b", 0.6)], "run a is lost"),
        ([("a", 0.5), ("b", 0.6), ("a", 0.7)], "run a is in it twice"),
        ([("a", 0.5), ("b", 0.5)], "run b is the one before once more"),
    ],
)
def test_lost_and_doubled_runs_of_a_history_are_seen(
    runs: list[tuple[str, float]], said: str, tmp_path: Path
) -> None:
    assert whole.history_faults(tmp_path) == []
    assert whole.history_faults(tmp_path, ["a"]) == [f"{HISTORY}: run a is lost"]
    history(tmp_path, *runs)
    assert whole.history_faults(tmp_path, ["a"]) == ([f"{HISTORY}: {said}"] if said else [])
    path = tmp_path / HISTORY
    path.write_bytes(path.read_bytes()[:-9])
    (tmp_path / "09_history/history.unreadable-2026.parquet").touch()
    aside, unreadable = whole.history_faults(tmp_path, ["a"])
    assert aside == "history.unreadable-2026.parquet: set aside as unreadable"
    assert unreadable.startswith(f"{HISTORY}: ArrowInvalid: ")


def test_every_damage_changes_a_file(tmp_path: Path) -> None:
    of_baseline = "07_model_output/baseline"
    others = (
        "06_models/baseline/seed_2.keras",
        "06_models/early_stopping/seed_2_best_epoch.npz",
        f"{of_baseline}/results.zip",
        *(f"{of_baseline}/seed_2/{name}" for name in ("history.csv", "metrics.json")),
        f"{of_baseline}/seed_2/predictions.parquet",
        "08_reporting/gaps.png",
    )
    for number, name in enumerate([*damage.FILES, *others]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"<what is in the file of this number: {number}>".encode())
    for path in map(tmp_path.joinpath, damage.FILES):
        content = path.read_bytes()
        for inflict in damage.DAMAGES.values():
            assert inflict(content, path, CHANCE) != content


@pytest.mark.parametrize(
    ("fault", "warnings", "verdict"),
    [
        ("", "x.json: changed", "named and made again"),
        ("x.json: changed", "", "stopped with the file's name; went on without it"),
        ("", "y.json: changed", "made again without a word"),
        ("y.json: changed", "", "the file is not named"),
    ],
)
def test_a_damaged_file_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, warnings: str, verdict: str
) -> None:
    file = tmp_path / "x.json"

    def run(*_: object, **__: object) -> tuple[str, str]:
        if fault and file.exists():
            return fault, warnings
        file.write_text("whole")
        return "", warnings

    file.write_text("damaged")
    monkeypatch.setattr(damage, "_run", run)
    try:
        outcome, _ = damage.resume(small.Study(tmp_path, tmp_path), tmp_path, "x.json", b"damaged")
    except damage.LostError as lost:
        outcome = lost.args[0]
    assert outcome == verdict


def growing(**changed: Callable[[int], float]) -> list[dict[str, float]]:
    """A hundred runs in which nothing grows but what has to, or is asked for."""
    return [
        {
            **{"open files": 9.0, "memory, MB": 400.0, soak.HISTORY: 1.0 + number // 10},
            **soak.times(number, seconds=number, used=2.0 + 5.0 * (number % 10 == 0)),
            **{name.replace("_", " "): value(number) for name, value in changed.items()},
        }
        for number in range(1, 101)
    ]


def grown(seen: list[dict[str, float]]) -> set[str]:
    return {row["what"] for row in soak.summary(seen) if row["flat"] is False}


def test_growth_is_seen_but_of_the_history_and_of_time() -> None:
    assert grown(growing()) == set()
    told = {row["what"] for row in soak.summary(growing()) if row["flat"] == ""}
    assert told == {"seconds", "seconds, with the report"}
    assert grown(growing(open_files=lambda number: number // 50)) == {"open files"}
    slower = growing(processor_seconds=lambda number: 2 + 0.004 * number)
    assert grown(slower) == {"processor seconds"}  # by more than a tenth
    for runs in (
        lambda number: 0,  # none at all
        lambda number: 1 + number // 20,  # half of them
        lambda number: 0 if number == 60 else 1 + number // 10,  # lost, and found again
    ):
        assert grown(growing(runs_in_the_history=runs)) == {soak.HISTORY}


class Stub(small.Study):
    """A study whose command is a script."""

    def __init__(self, script: str) -> None:
        super().__init__(Path(), Path())
        object.__setattr__(self, "script", script)

    def command(self, data_root: Path, *options: str, **parameters: object) -> list[str]:
        return [sys.executable, "-c", self.script, str(data_root), *options]  # type: ignore[attr-defined]


def test_a_study_that_ends_by_itself_is_stopped_and_lost(tmp_path: Path) -> None:
    tally = kill.Tally()
    study = Stub("raise SystemExit('no such thing')")
    kill.one_study(study, tmp_path, 5, 9, CHANCE, tally)
    assert (tally.stopped, tally.completed) == (1, 0)
    assert "exit code 1: no such thing" in tally.lost[0]


def test_trainings_that_are_gone_or_made_again_are_counted(tmp_path: Path) -> None:
    models = tmp_path / "06_models/baseline"
    models.mkdir(parents=True)
    for seed in (1, 2):
        (models / f"seed_{seed}.keras").touch()
        (models / f"seed_{seed}_fingerprint.json").touch()
    history(tmp_path, ("a", 0.5))
    before, tally = kill.state(tmp_path), kill.Tally()
    kill.compare(before, tmp_path, "kill 1", tally)
    assert (tally.finished_before, tally.made_twice, tally.lost) == (2, 0, [])
    (models / "seed_1.keras").unlink()
    (models / "seed_2.keras").write_text("another")
    history(tmp_path, ("b", 0.5))
    kill.compare(before, tmp_path, "kill 2", tally)
    assert tally.lost == [
        "kill 2: training of baseline, seed 1 was made twice",
        "kill 2: training of baseline, seed 2 was made twice",
        "kill 2: 09_history/history.parquet: run a is lost",
    ]


def test_an_end_that_takes_long_after_ctrl_c_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import pathlib, signal, sys, time\n"
        "if len(sys.argv) > 2: sys.exit()\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "folder = pathlib.Path(sys.argv[1], '.runs')\n"
        "folder.mkdir(parents=True)\n"
        "(folder / '1.json').touch()\n"
        "time.sleep(1)\n"
    )
    monkeypatch.setattr(kill, "_CTRL_C_MAY_TAKE", 0.2)
    tally = kill.Tally()
    assert kill.interrupt(Stub(script), tmp_path / "data", 0, tally) > 0.2
    assert "Ctrl-C after 0 files: exit code 0: " in tally.lost
    assert "Ctrl-C after 0 files: it took 1 s" in tally.lost


def test_a_disk_is_filled_while_others_write_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([9, 8, 0])
    attempts = []

    def allocate(file: int, start: int, size: int) -> None:
        attempts.append(size)
        if len(attempts) == 1:  # another was faster
            raise OSError(errno.ENOSPC, "full")

    told = lambda _: SimpleNamespace(f_bavail=next(free), f_frsize=4096)  # noqa: E731
    monkeypatch.setattr(os, "statvfs", told)
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    disk.fill(tmp_path, 0)
    assert attempts == [9 * 4096, 8 * 4096]


@pytest.mark.parametrize(
    ("code", "said", "wrong"),
    [
        (1, "Error: No space left on device: /d/x", 0),
        (0, "Error: No space left on device: /d/x", 1),
        (1, "Traceback ...\nNo space left on device: /d/x", 1),
        (1, "Error: something", 1),
    ],
)
def test_a_fault_has_to_be_said_in_one_line(code: int, said: str, wrong: int) -> None:
    case = disk.CASES["disk full from the start"]
    assert len(disk.verdict(case, code, said, Path("/d"))[0]) == wrong


def test_the_small_study_is_of_real_digits_and_a_few_techniques(tmp_path: Path) -> None:
    study = small.make_study(tmp_path)
    assert len(list((study.images / "Train/Images/train").iterdir())) == 300
    assert study.command(tmp_path / "data", small.RESUME)[-1] == small.RESUME
    settings = (study.conf / "local/parameters_techniques.yml").read_text()
    assert "baseline" not in settings
    assert "l1: null" in settings


def test_figures_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    figures: dict[str, Any] = {"lost": [], "passed": True}
    record.write("kill", "Killed.", {"faults injected": 50, **figures})
    record.write("disk", "Full.", {"passed": False, "cases": [{"fault": "full"}]})
    text = (tmp_path / "reliability.md").read_text()
    assert "- faults injected: 50; lost: none; passed: yes." in text
    assert "- passed: **no**" in text
    assert list(json.loads((tmp_path / "reliability.json").read_text())) == ["kill", "disk"]
