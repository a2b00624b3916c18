"""The Airflow benchmark judges its outcome, and notices what has died; it runs by hand."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # the suite is no part of the package

from benchmarks.scaling import __main__ as command
from benchmarks.scaling import over_machines, ticks
from benchmarks.scaling.project import ScalingError, called
from benchmarks.scaling.services import Airflow

NAMES = ["one", "two"]


def task(machine: str | None, tries: int = 1) -> dict[str, Any]:
    return {"machine": machine, "tries": tries, "s": 1.0}


def run(**changed: Any) -> dict[str, Any]:
    tasks = {"data": task("one"), "l2": task("two"), "l1": task("one", 2)}
    good = {"state": "success", "same comparison as by kedro run": True, "tasks": tasks}
    return good | {"lost": {"machine": "two", "in the middle of": "l1"}} | changed


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, None),
        ({"state": "failed"}, "the run ended as failed"),
        ({"same comparison as by kedro run": False}, "the comparison is another"),
        ({"tasks": {"l1": task("two", 2)}}, "at work were"),
        ({"tasks": {"l1": task("one", 1), "l2": task("two")}}, "with try 1"),
        ({"tasks": {"l1": task("two", 2), "l2": task("one")}}, "ended on two"),
    ],
)
def test_a_run_over_machines_is_judged(changed: dict[str, Any], fault: str | None) -> None:
    judged = run(**changed)
    found = [*over_machines.faults(judged, NAMES), *over_machines.faults_of_loss(judged)]
    assert bool(found) == bool(fault)
    assert (fault or "") in " ".join(found)


def test_two_machines_must_both_have_worked() -> None:
    idle = run(tasks={"l1": task("one")})
    idle.pop("lost")
    assert [*over_machines.faults(idle, NAMES)] == ["at work were ['one'], not ['one', 'two']"]
    assert [*over_machines.faults(idle, NAMES[:1])] == []


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({}, 0),
        ({"first run": {"state": "success"}}, 1),
        ({"failed in it": ["reporting"]}, 1),
        ({"run again by tasks clear --only-failed": ["l1", "l2", "reporting"]}, 1),
        ({"later runs": [{"state": "success"}, {"state": "failed"}]}, 1),
        ({"later runs": []}, 1),
        ({"two at a time": True}, 1),
    ],
)
def test_ticks_are_judged(changed: dict[str, Any], count: int) -> None:
    good = {
        "first run": {"state": "failed"},
        "failed in it": ["l1", "reporting"],
        "run again by tasks clear --only-failed": ["l1", "reporting"],
        "later runs": [{"state": "success"}] * 3,
        "two at a time": False,
    }
    assert len([*ticks.faults(good | changed)]) == count


def test_a_dead_service_ends_the_waiting(tmp_path: Path) -> None:
    airflow = Airflow(tmp_path, tmp_path, "LocalExecutor")
    assert airflow.wait_for("something", lambda: "found", 5) == "found"
    with pytest.raises(ScalingError, match="not within 0 seconds"):
        airflow.wait_for("nothing", lambda: None, 0)
    died = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    died.wait()
    airflow.services["scheduler"] = died
    with pytest.raises(ScalingError, match=r"^the DAG: scheduler has ended \(7\)$"):
        airflow.wait_for("the DAG", lambda: None, 5)


def test_a_failed_command_is_one_line() -> None:
    assert called([sys.executable, "-c", "print('fine')"]) == "fine\n"
    with pytest.raises(ScalingError, match=r"exit code 1: ValueError: last line$"):
        called([sys.executable, "-c", "print('much'); raise ValueError('last line')"])


def measured(faults: list[str], error: str = "") -> Any:
    def measure(folder: Path, _: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
        (folder / "log").write_text("a log\n")
        (folder / "link").symlink_to("/nowhere")
        if error:
            raise ScalingError(error)
        return {"seconds": 1.0}, faults

    return measure


def test_figures_stay_and_what_is_not_as_it_should_be_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, kept = tmp_path / "scaling.json", tmp_path / "kept"
    monkeypatch.setattr(
        command,
        "MEASUREMENTS",
        {
            "good": measured([]),
            "bad": measured(["two at a time"]),
            "broken": measured([], "no root"),
        },
    )
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["scaling", f"--out={out}", f"--keep={kept}"])
    with pytest.raises(SystemExit, match="not measured, or not passed: bad, broken"):
        command.main()
    found = json.loads(out.read_text())
    assert {name: figures["passed"] for name, figures in found.items()} == {
        "good": True,
        "bad": False,
    }
    assert found["bad"]["not as it should be"] == ["two at a time"]
    for name in ("good", "bad", "broken"):
        assert (kept / name / "log").read_text() == "a log\n"
        assert (kept / name / "link").is_symlink()
