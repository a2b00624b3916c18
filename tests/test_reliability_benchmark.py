"""The checks of the benchmark that kills, fills and soaks: they see what they should."""

import argparse
import errno
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # the suite is no part of the package

from benchmarks.reliability import (
    damage,
    dependencies,
    disk,
    kill,
    record,
    small,
    soak,
    whole,
)

CHANCE = random.Random(0)  # noqa: S311 - no secret
TABLE = pd.DataFrame({"technique": ["l2"], "test_accuracy": [0.5], "seconds": [1.5]})


def results(root: Path, seconds: float = 1.0) -> Path:
    """A few results of every kind but networks."""
    for folder in ("02", "07", "08", ".runs"):
        (root / folder).mkdir(parents=True)
    np.save(root / "02/images.npy", np.zeros((2, 3), np.uint8))
    np.savez(root / "02/zca.npz", matrix=np.eye(2))
    TABLE.to_parquet(root / "07/predictions.parquet")
    TABLE.assign(seconds=seconds).to_csv(root / "08/comparison.csv", index=False)
    (root / "07/metrics.json").write_text(json.dumps({"test_accuracy": 0.5, "seconds": seconds}))
    with zipfile.ZipFile(root / "07/results.zip", "w") as tables:
        tables.write(root / "07/predictions.parquet", "runs.parquet")
    Image.new("L", (2, 2)).save(root / "08/plot.png")
    (root / "08/report.html").write_text("<!DOCTYPE html>\n<html></html>\n")
    (root / "08/comparison.md").write_text("| technique |\n")
    (root / ".runs/lock").touch()
    return root


def test_whole_results_are_whole_and_differ_in_seconds_only(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other", seconds=2.0)
    assert len(whole.files(one)) == 9
    assert whole.damaged(one) == []
    assert whole.leftovers(one) == []
    assert whole.differences(one, other) == []


@pytest.mark.parametrize(
    "name",
    [
        "02/images.npy",
        "02/zca.npz",
        "07/predictions.parquet",
        "07/metrics.json",
        "07/results.zip",
        "08/comparison.md",
        "08/plot.png",
        "08/report.html",
    ],
)
def test_half_a_file_is_seen(tmp_path: Path, name: str) -> None:
    path = results(tmp_path / "one") / name
    path.write_bytes(path.read_bytes()[:-9])
    (found,) = whole.damaged(tmp_path / "one")
    assert found.startswith(f"{name}: ")


def test_other_figures_and_missing_files_are_seen(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    TABLE.assign(test_accuracy=0.6).to_csv(other / "08/comparison.csv", index=False)
    (other / "07/metrics.json").write_text(json.dumps({"test_accuracy": 0.6, "seconds": 1.0}))
    np.save(other / "02/images.npy", np.ones((2, 3), np.uint8))
    (other / "08/plot.png").unlink()
    assert whole.differences(one, other) == [
        "02/images.npy: differs",
        "07/metrics.json: differs",
        "08/comparison.csv: differs",
        "08/plot.png: in one only",
    ]


def network(path: Path, weight: float) -> None:
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.full((2, 2), weight, np.float32)
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("config.json", "{}")
        parts.writestr("model.weights.h5", weights.getvalue())


def test_networks_results_and_tables_to_read_are_compared_but_for_seconds(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    head = "| technique | accuracy | seconds |\n"
    for root, weight, accuracy, seconds in ((one, 1, 0.5, 1.5), (other, 1, 0.5, 9.5)):
        network(root / "07/seed_1.keras", weight)
        (root / "08/comparison.md").write_text(f"{head}| l2 | {accuracy} | {seconds} |\n")
        with zipfile.ZipFile(root / "07/results.zip", "w") as tables:
            tables.writestr("runs.parquet", TABLE.assign(seconds=seconds).to_parquet())
    assert whole.differences(one, other) == []
    network(other / "07/seed_1.keras", 2)
    (other / "08/comparison.md").write_text(f"{head}| l2 | 0.6 | 1.5 |\n")
    with zipfile.ZipFile(other / "07/results.zip", "w") as tables:
        tables.writestr("runs.parquet", TABLE.assign(test_accuracy=0.6).to_parquet())
    assert whole.differences(one, other) == [
        "07/results.zip: differs",
        "07/seed_1.keras: differs",
        "08/comparison.md: differs",
    ]


def test_tables_are_compared_by_what_they_hold(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    TABLE.to_parquet(other / "07/predictions.parquet", compression="gzip")
    assert whole.differences(one, other) == []
    TABLE.assign(test_accuracy=0.6).to_parquet(other / "07/predictions.parquet")
    assert whole.differences(one, other) == ["07/predictions.parquet: differs"]


def test_every_damage_changes_a_file(tmp_path: Path) -> None:
    chance = random.Random(0)  # noqa: S311 - no secret
    files = {name: tmp_path / name for name in damage._FILES}
    for number, path in enumerate([*files.values(), *map(tmp_path.joinpath, OTHERS)]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"<what is in the file of this number: {number}>".encode())
    for path in files.values():
        content = path.read_bytes()
        assert all(
            inflict(content, path, chance) != content for inflict in damage._DAMAGES.values()
        )


OTHERS = (
    "06_models/baseline/seed_2.keras",
    "06_models/early_stopping/seed_2_best_epoch.npz",
    "07_model_output/baseline/results.zip",
    "07_model_output/baseline/seed_2/history.csv",
    "07_model_output/baseline/seed_2/metrics.json",
    "07_model_output/baseline/seed_2/predictions.parquet",
    "08_reporting/gaps.png",
)


@pytest.mark.parametrize(
    ("file", "fault", "warnings", "verdict"),
    [
        ("a/x.json", "", ["x.json: changed"], "named and made again"),
        ("a/x.json", "x.json: changed", [], "stopped with the file's name; went on without it"),
        ("a/x.json", "", ["y.json: changed"], "made again without a word"),
        ("a/x.json", "y.json: changed", [], "the file is not named"),
        ("a/x.json", "CRASH KeyError: 'x.json'", [], "a crash"),
    ],
)
def test_a_damaged_file_has_to_be_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    fault: str,
    warnings: list[str],
    verdict: str,
) -> None:
    study = small.Study(tmp_path, tmp_path)
    (tmp_path / "a").mkdir()

    def run(*_: object, **__: object) -> tuple[str, list[str]]:
        if fault and (tmp_path / file).exists():
            return fault, warnings
        (tmp_path / file).write_text("whole")
        return "", warnings

    (tmp_path / file).write_text("damaged")
    monkeypatch.setattr(damage, "_run", run)
    try:
        outcome, _ = damage._resume(study, tmp_path, file, b"damaged")
    except damage._LostError as lost:
        outcome = lost.args[0]
    assert outcome == verdict


def test_what_a_killed_run_leaves_is_seen(tmp_path: Path) -> None:
    root = results(tmp_path / "one")
    (root / "07/.0123abcd.partial.json").write_text("{")
    (root / ".runs/0123.json").write_text("{}")
    assert {path.name for path in whole.leftovers(root)} == {".0123abcd.partial.json", "0123.json"}
    assert whole.damaged(root) == []


def history(root: Path, *runs: tuple[str, float]) -> None:
    """A history of two techniques: names and accuracies of its runs."""
    rows = [
        {"run": name, "time": name, "technique": technique, "accuracy": accuracy}
        for name, accuracy in runs
        for technique in ("baseline", "l2")
    ]
    (root / "09_history").mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(root / "09_history/history.parquet")


def test_a_sound_history_has_no_faults(tmp_path: Path) -> None:
    assert whole.history_faults(tmp_path) == []
    assert whole.runs_in_history(tmp_path) == []
    history(tmp_path, ("a", 0.5), ("b", 0.6), ("c", 0.5))
    assert whole.runs_in_history(tmp_path) == ["a", "b", "c"]
    assert whole.history_faults(tmp_path, ["a", "b"]) == []


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([("b", 0.6)], "run a is lost"),
        ([("a", 0.5), ("b", 0.6), ("a", 0.7)], "run a is in it twice"),
        ([("a", 0.5), ("b", 0.5)], "run b is the one before once more"),
    ],
)
def test_lost_and_doubled_runs_of_a_history_are_seen(
    runs: list[tuple[str, float]], said: str, tmp_path: Path
) -> None:
    history(tmp_path, *runs)
    assert whole.history_faults(tmp_path, ["a"]) == [f"09_history/history.parquet: {said}"]


def test_a_history_that_is_gone_or_cannot_be_read_is_seen(tmp_path: Path) -> None:
    assert whole.history_faults(tmp_path, ["a"]) == ["09_history/history.parquet: run a is lost"]
    history(tmp_path, ("a", 0.5))
    path = tmp_path / "09_history/history.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    (tmp_path / "09_history/history.unreadable-2026.parquet").touch()
    aside, unreadable = whole.history_faults(tmp_path, ["a"])
    assert aside == "history.unreadable-2026.parquet: set aside as unreadable"
    assert unreadable.startswith("09_history/history.parquet: ArrowInvalid: ")


def test_what_cannot_be_compared_differs(tmp_path: Path) -> None:
    one, other = results(tmp_path / "one"), results(tmp_path / "other")
    (other / "07/metrics.json").write_text("{")
    assert whole.differences(one, other) == ["07/metrics.json: differs"]


def growing(**changed: object) -> list[dict[str, float]]:
    """A hundred runs in which nothing grows but what has to, or is asked for."""
    seen = [
        {
            "open files": 9.0,
            "memory, MB": 400.0,
            soak._HISTORY: 1.0 + number // 10,
            **soak.times(number, seconds=number, used=2.0 + 5.0 * (number % 10 == 0)),
        }
        for number in range(1, 101)
    ]
    for name, value in changed.items():
        for number, one in enumerate(seen):
            one[name.replace("_", " ")] = value(number)  # type: ignore[operator]
    return seen


def flat(seen: list[dict[str, float]]) -> dict[str, bool | str]:
    return {row["what"]: row["flat"] for row in soak.summary(seen)}


def test_nothing_grows_but_the_history_and_time_is_only_told() -> None:
    verdicts = flat(growing())
    told = {what: verdict for what, verdict in verdicts.items() if verdict == ""}
    assert set(told) == {"seconds", "seconds, with the report"}
    assert {what for what, verdict in verdicts.items() if verdict is True} == {
        *("open files", "memory, MB", soak._HISTORY),
        *("processor seconds", "processor seconds, with the report"),
    }


def test_growth_is_seen() -> None:
    seen = growing(
        processor_seconds=lambda number: 2 + 0.004 * number, open_files=lambda n: n // 50
    )
    for number, one in enumerate(seen):
        one["memory, MB"] += number
    verdicts = flat(seen)
    assert verdicts["processor seconds"] is False  # by more than a tenth
    assert verdicts["open files"] is False
    assert verdicts["memory, MB"] is False
    rows = {row["what"]: row for row in soak.summary(seen)}
    assert rows["memory, MB"]["a run adds"] == pytest.approx(1, abs=0.01)


def test_reports_that_grow_are_seen_and_a_collection_in_some_of_them_is_no_growth() -> None:
    what = "processor seconds, with the report"
    seen = growing()
    for number in (29, 59, 99):
        seen[number][what] *= 1.15
    assert flat(seen)[what] is True
    for number in range(9, 100, 10):
        seen[number][what] = 7.0 + 0.02 * number
    assert flat(seen)[what] is False


@pytest.mark.parametrize(
    "runs",
    [
        lambda number: 0,  # none at all
        lambda number: 1 + number // 20,  # half of them
        lambda number: 0 if number == 60 else 1 + (number + 1) // 10,  # lost, and found again
    ],
)
def test_a_history_that_misses_runs_is_seen(runs: Callable[[int], int]) -> None:
    assert flat(growing(**{soak._HISTORY.replace(" ", "_"): runs}))[soak._HISTORY] is False


def test_nothing_is_said_of_reports_that_a_short_soak_has_not_made() -> None:
    seen = growing()[:20]
    row = {row["what"]: row for row in soak.summary(seen)}["processor seconds, with the report"]
    assert row["flat"] == ""
    assert row["at the end"] == 7.0


def test_the_time_of_ended_children_counts() -> None:
    before = soak.processor_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert soak.processor_seconds(os.getpid()) - before > 0.05


class Stub(small.Study):
    """A study whose command is a script."""

    def __init__(self, script: str) -> None:
        super().__init__(Path(), Path())
        object.__setattr__(self, "script", script)

    def command(self, data_root: Path, *options: str, **parameters: object) -> list[str]:
        return [sys.executable, "-c", self.script, str(data_root), *options]  # type: ignore[attr-defined]


def test_a_study_that_ends_with_an_error_is_stopped_and_lost(tmp_path: Path) -> None:
    tally = kill.Tally()
    study = Stub("raise SystemExit('no such thing')")
    kill._one_study(study, tmp_path / "data", tmp_path, 5, 9, CHANCE, tally)
    assert tally.stopped == 1
    assert not tally.completed
    assert "exit code 1: no such thing" in tally.lost[0]


def test_trainings_that_are_gone_or_made_again_are_counted(tmp_path: Path) -> None:
    models = tmp_path / "06_models/baseline"
    models.mkdir(parents=True)
    for seed in (1, 2):
        (models / f"seed_{seed}.keras").touch()
        (models / f"seed_{seed}_fingerprint.json").touch()
    history(tmp_path, ("a", 0.5))
    before = kill._State.of(tmp_path)
    tally = kill.Tally()
    kill._compare(before, tmp_path, "kill 1", tally)
    assert (tally.finished_before, tally.made_twice, tally.lost) == (2, 0, [])
    (models / "seed_1.keras").unlink()
    (models / "seed_2.keras").write_text("another")
    history(tmp_path, ("b", 0.5))
    kill._compare(before, tmp_path, "kill 2", tally)
    assert (tally.finished_before, tally.made_twice) == (4, 2)
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
    assert kill._interrupt(Stub(script), tmp_path / "data", tmp_path / "none", 0, tally) > 0.2
    assert "Ctrl-C after 0 files: exit code 0: " in tally.lost
    assert "Ctrl-C after 0 files: it took 1 s" in tally.lost


def test_ctrl_c_is_pressed_before_the_first_file_too() -> None:
    first, *others = kill._moments(4, CHANCE)
    assert first == 0
    assert all(others)


def test_a_disk_is_filled_while_others_write_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([9, 8, 0])
    attempts = []

    def allocate(file: int, start: int, size: int) -> None:
        attempts.append(size)
        if len(attempts) == 1:  # another was faster
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(
        os, "statvfs", lambda _: SimpleNamespace(f_bavail=next(free), f_frsize=4096)
    )
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    assert disk._fill(tmp_path, 0) == tmp_path / "filler"
    assert attempts == [9 * 4096, 8 * 4096]


def test_a_surprise_is_one_lost_case_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attempt(case: disk.Case, *_: object) -> tuple[list[str], str]:
        if case is disk.CASES["TMPDIR full"]:
            raise RuntimeError("what nobody thought of")
        return [], "said"

    monkeypatch.setattr(disk, "_try", attempt)
    monkeypatch.setattr(disk, "finish", lambda _: (0, ""))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    cases = ["TMPDIR full", "read-only file system"]
    figures = disk.run(argparse.Namespace(cases=cases, out=tmp_path))
    assert (figures["survived"], figures["lost"], figures["passed"]) == (1, 1, False)
    assert figures["cases"][0]["lost"] == ["RuntimeError: what nobody thought of"]


def test_what_a_case_changes_it_changes_back(tmp_path: Path) -> None:
    place = disk.Place(small.Study(tmp_path, tmp_path), tmp_path, tmp_path, tmp_path)
    for name in ("folder of networks not to be written to", "results not to be read"):
        (tmp_path / "07_model_output/baseline").mkdir(parents=True, exist_ok=True)
        (tmp_path / "07_model_output/baseline/results.zip").touch()
        with pytest.raises(RuntimeError), disk.CASES[name](place):
            raise RuntimeError
    assert (tmp_path / "06_models").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "07_model_output/baseline/results.zip").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("looked_up", "said"),
    [
        (([], ""), "known vulnerabilities: none"),
        (([], "no connection"), "known vulnerabilities: **SKIPPED, NOT CHECKED**"),
        ((["a 1: CVE-1"], ""), "known vulnerabilities: a 1: CVE-1"),
    ],
)
def test_dependencies_are_written_down(
    looked_up: tuple[list[str], str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "vulnerabilities", lambda _: looked_up)
    figures = dependencies.run(argparse.Namespace(out=tmp_path))
    assert bool(figures["passed"]) is (not looked_up[0])
    assert (figures["passed"] is True) is (looked_up == ([], ""))
    text = (tmp_path / "reliability.md").read_text()
    assert f"- {said}" in text
    assert f"- packages: {figures['packages']}" in text


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
    assert len(disk._verdict(disk.Fault("No space left on device: /d/"), code, said)) == wrong


def test_the_small_study_is_of_real_digits_and_a_few_techniques(tmp_path: Path) -> None:
    study = small.make_study(tmp_path)
    assert len(list((study.images / "Train/Images/train").iterdir())) == 300
    assert small.make_study(tmp_path) == study
    command = study.command(tmp_path / "data", "--only-missing-outputs")
    assert command[-1] == "--only-missing-outputs"
    settings = (study.conf / "local/parameters_small.yml").read_text()
    assert "baseline" not in settings
    assert "l1: null" in settings


def test_figures_of_others_stay(tmp_path: Path) -> None:
    record.write(tmp_path, "kill", "Killed.", {"faults injected": 50, "lost": [], "passed": True})
    cases = [{"fault": "full | disk", "survived": False}]
    record.write(tmp_path, "disk", "Full.", {"lost": 1, "passed": False, "cases": cases})
    text = (tmp_path / "reliability.md").read_text()
    assert text.index("## disk") < text.index("## kill")
    assert "- faults injected: 50" in text
    assert r"| full \| disk | **no** |" in text
    assert list(json.loads((tmp_path / "reliability.json").read_text())) == ["disk", "kill"]
