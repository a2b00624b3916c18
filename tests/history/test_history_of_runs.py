"""Real runs, one after the other: remembered, compared, told of, and kept as long as asked for."""

import csv
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.errors import AlarmError, InUseError, SettingsError, StudyError
from regbench.runs import hooks
from regbench.runs.locks.machine import Use, machine_lock

Run = Callable[..., dict[str, Any]]
ALARMS = {"technique": "baseline", "drop": 5, "rejected": 0.1}


@pytest.fixture
def spoiled_set(small_set: Path, tmp_path: Path) -> Path:
    """The small set with shuffled labels and a broken picture."""
    root = tmp_path / "spoiled"
    shutil.copytree(small_set, root)
    with (root / "Train/train.csv").open() as file:
        rows = list(csv.reader(file))
    labels = np.random.default_rng(1).permutation([label for _, label in rows[1:]])
    named = zip([name for name, _ in rows[1:]], labels, strict=True)
    with (root / "Train/train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *named])
    (root / "Train/Images/train" / rows[1][0]).write_bytes(b"no picture")
    return root


def history(root: Path) -> pd.DataFrame:
    table = pd.read_parquet(root / "09_history/history.parquet")
    return table[table["technique"] == "baseline"].reset_index(drop=True)


def modified(root: Path) -> dict[Path, int]:
    made = (path for path in root.rglob("*") if path.is_file() and ".runs" not in path.parts)
    return {path: path.stat().st_mtime_ns for path in made}


def test_runs_are_remembered_compared_and_told_of(
    run: Run,
    own_conf: Callable[..., Path],
    spoiled_set: Path,
    tmp_path: Path,
    webhook: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "data"
    kept = root / "09_history"
    shared = {
        "conf": own_conf(credentials={"notifications": [webhook.url]}),
        "alarms": ALARMS,
        "history": {"keep_networks": 2},
        # Two epochs that learn something: by a cosine, the second one hardly would.
        "protocol": {"schedule": {"name": "constant"}},
    }

    run("baseline", "reporting", **shared)
    first = history(root)
    compared = pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")
    assert first["accuracy"].tolist() == [compared.loc["baseline", "test_accuracy"]]
    assert first["trainings"].tolist() == [2]
    assert first["run_seconds"].item() > 0
    sizes = first[["images_train", "images_validation", "images_test", "rejected"]]
    assert sizes.iloc[0].tolist() == [210, 45, 45, 0]
    recorded = json.loads((root / "08_reporting/made_from.json").read_text())
    for part in ("data", "split", "protocol", "training", "evaluation"):
        assert first[part].item() == recorded["fingerprints"]["baseline"][part]

    with pytest.raises(AlarmError) as raised:
        run("baseline", "reporting", images=str(spoiled_set), **shared)
    lines = raised.value.message.splitlines()
    assert len(lines) == 2
    assert "baseline has" in lines[0]
    assert "0.33 % of the images were rejected" in lines[1]
    name = history(root)["run"].tolist()
    assert len(name) == 2
    report = (root / "08_reporting/report.html").read_text()
    page = (kept / "history.html").read_text()
    (told,) = webhook.received
    for line in lines:
        reason = line.strip().removeprefix("alarm: ")
        assert reason in report
        assert reason in page
        assert reason in told["message"]
        assert reason in history(root)["alarms"].iloc[1]
    assert history(root)["alarms"].iloc[0] == ""
    assert ">data<" in page
    assert "sesame" not in report + page + "".join(capsys.readouterr())
    for of_run in name:
        assert f'href="reports/{of_run}.html"' in page
    assert (kept / f"reports/{name[1]}.html").read_text() == report
    assert 'role="alert"' not in (kept / f"reports/{name[0]}.html").read_text()
    weights = [
        json.loads((kept / f"networks/{of}/baseline/seed_1_fingerprint.json").read_text())
        for of in name
    ]
    assert weights[0]["weights"] != weights[1]["weights"]

    spoiled = {"images": str(spoiled_set), **shared}
    times = modified(root)
    with pytest.raises(AlarmError) as again:  # nothing to do, and the alarm stands
        run("baseline", "reporting", only_missing_outputs=True, **spoiled)
    assert again.value.message == raised.value.message
    assert modified(root) == times

    remembered = history(root)
    only_the_newest = spoiled | {"history": {"keep_networks": 1}}
    with pytest.raises(AlarmError):  # the same results compiled once more are the same run
        run("reporting", **only_the_newest)
    pd.testing.assert_frame_equal(history(root), remembered)
    assert [path.name for path in (kept / "networks").iterdir()] == [name[1]]
    network = kept / f"networks/{name[1]}/baseline/seed_1.keras"
    assert network.samefile(root / "06_models/baseline/seed_1.keras")
    assert len(list((kept / "reports").iterdir())) == 2
    assert len(webhook.received) == 1  # everybody has been told

    with pytest.raises(StudyError, match="nowhere"):
        run("baseline", images=str(tmp_path / "nowhere"), **shared)
    assert webhook.received[-1]["title"] == "RegBench: the run ended with an error"


def test_errors_before_and_after_the_nodes_are_told_of(
    run: Run,
    own_conf: Callable[..., Path],
    tmp_path: Path,
    webhook: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told_of = {"conf": own_conf(credentials={"notifications": [webhook.url]})}
    with pytest.raises(StudyError, match="no images are prepared there"):
        run("reporting", **told_of)
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="Not a directory"):
        run("data", data_root=tmp_path / "file/data", **told_of)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hooks, "save_report_record", refuse)
    with pytest.raises(StudyError, match="No space left"):
        run("data", **told_of)
    lines = [message["message"].splitlines()[0] for message in webhook.received]
    assert len(lines) == 3
    for line, said in zip(
        lines, ("no images are prepared", "Not a directory", "No space"), strict=True
    ):
        assert said in line


def test_another_run_at_work_is_no_error_to_be_told_of(
    run: Run, own_conf: Callable[..., Path], tmp_path: Path, webhook: Any
) -> None:
    use = Use(["data"], [])
    with (
        machine_lock(tmp_path / "data", use, "kedro run", wait=False),
        pytest.raises(InUseError),
    ):
        run("data", conf=own_conf(credentials={"notifications": [webhook.url]}))
    assert webhook.received == []


def test_wrong_addresses_are_one_line_before_anything_runs(
    run: Run, own_conf: Callable[..., Path], tmp_path: Path
) -> None:
    conf = own_conf(credentials={"notifications": {"url": "hidden"}})
    with pytest.raises(SettingsError, match="must be a list of Apprise URLs") as error:
        run("data", conf=conf)
    assert "hidden" not in str(error.value)
    assert not (tmp_path / "data").exists()
