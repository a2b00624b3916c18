"""The doctor and the pilot in whole runs: what they read, write and say."""

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import Run

from regbench.doctor.registry import checks

PIPELINES = ("baseline", "dropout", "reporting")


def files_in(root: Path) -> dict[str, int]:
    """All files with the time of their last change; locks and logs left out."""
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor") / "data"


def test_a_pilot_tells_what_the_study_takes_and_leaves_no_results(
    run_in: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_in(root, "pilot", protocol={"epochs": 30, "seeds": {"looks": [5, 8]}})
    told = json.loads((root / "08_reporting/pilot/pilot.json").read_text())
    (network,) = told["networks"]
    assert (network["epochs"], network["planned"]) == (3, 30)
    techniques = 10  # of conf/base
    assert told["trainings"] == [5 * techniques, 8 * techniques]
    least, most = told["minutes"]
    assert least == pytest.approx(5 * techniques * network["seconds"] / told["side_by_side"] / 60)
    assert most == pytest.approx(8 / 5 * least)
    assert network["memory"] > 100e6  # TensorFlow alone
    assert not (root / "06_models").exists()
    assert not (root / "07_model_output").exists()
    assert not (root / "08_reporting/doctor.json").exists()
    said = capsys.readouterr().out
    assert "trained the baseline on the network for 3 epochs of 30" in said
    assert "The study has 50 to 80 trainings" in said
    # One of 45 test images is more than the band of half a point.
    assert "RB201" in said
    assert "RB103" not in said  # a tenth of the epochs would show that in any study


def test_before_any_training_the_images_are_examined(
    run_in: Run,
    root: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = files_in(root)
    with caplog.at_level(logging.WARNING):
        run_in(root, "doctor", protocol={"epochs": 30, "seeds": {"looks": [5, 8]}})
    assert any("nothing is trained yet" in line for line in caplog.messages)
    assert files_in(root) == before
    said = capsys.readouterr().out
    assert "RB201" in said
    assert "--pipelines=pilot tells" in said  # what a command takes


def test_findings_are_in_the_report_the_terminal_the_history_and_a_file(
    run_in: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_in(root, *PIPELINES, reporting={"mute": "RB302"})
    findings = json.loads((root / "08_reporting/doctor.json").read_text())
    codes = [finding["code"] for finding in findings]
    assert "RB201" in codes
    assert "RB302" not in codes
    assert set(codes) <= set(checks())
    page = (root / "08_reporting/report.html").read_text()
    markdown = (root / "08_reporting/doctor.md").read_text()
    said = capsys.readouterr().out
    for code in codes:
        assert f"{code}: {checks()[code].title}" in page
        assert f"## {code}: {checks()[code].title}" in markdown
        assert code in said
    history = pd.read_parquet(root / "09_history/history.parquet")
    assert set(history["findings"]) == {" ".join(codes)}
    assert " ".join(codes) in (root / "09_history/history.html").read_text()

    before = files_in(root)
    run_in(root, "doctor", reporting={"mute": "RB302"})
    *findings_told, where = said.splitlines()
    assert where == f"The report: {root / '08_reporting/report.html'}"
    assert capsys.readouterr().out.splitlines()[-1] == findings_told[-1]
    assert files_in(root) == before  # nothing is trained or written


def test_a_pilot_of_several_networks_trains_the_baseline_on_each(
    run_in: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = {
        name: {"kind": "mlp", "hidden_units": units, "activation": "relu"}
        for name, units in {"mlp": [16], "other": [8, 8]}.items()
    }
    run_in(
        root.parent / "several",
        "pilot",
        networks=networks,
        protocol={"network": ["mlp", "other"]},
    )
    told = json.loads((root.parent / "several/08_reporting/pilot/pilot.json").read_text())
    assert [each["network"] for each in told["networks"]] == ["mlp", "other"]
    assert told["trainings"] == [10 * 2 * 2, 10 * 2 * 2]
    assert "trained the baseline on other" in capsys.readouterr().out
