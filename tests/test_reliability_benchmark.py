"""The checks of the benchmark that kills, fills and soaks: they see what they should."""

import json
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # the suite is no part of the package

from benchmarks.reliability import damage, disk, record, small, soak, whole

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


def test_growth_is_seen_and_time_is_only_told() -> None:
    seen = [{"seconds": float(n), "open files": 9.0, "memory, MB": 400.0 + n} for n in range(100)]
    rows = {row["what"]: row for row in soak.summary(seen)}
    assert rows["seconds"]["flat"] == ""
    assert rows["open files"]["flat"] is True
    assert rows["memory, MB"]["flat"] is False  # a fifth more
    assert rows["memory, MB"]["a run adds"] == pytest.approx(1, abs=0.01)


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
