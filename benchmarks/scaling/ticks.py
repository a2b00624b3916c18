"""The real scheduler with a run due each minute."""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.scaling.project import TECHNIQUES, configure, copy_project, techniques
from benchmarks.scaling.services import (
    DAG,
    Airflow,
    between,
    central,
    say,
    seconds,
)

SCHEDULE = {"schedule": "* * * * *", "retries": 0}
PROTOCOL = {"epochs": 1, "seeds": 1}
BROKEN = {"l1": {"l1": 1e38}}  # its loss is not finite: a training that fails
RUNS = "select * from dag_run order by id"


def measure_ticks(folder: Path, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Let one technique fail in the first run, run again what failed, and let the clock tick.

    Returns:
        The figures, and what of them is not as it should be.

    Raises:
        ScalingError: A step did not end.
    """
    results = folder / "results"
    project = copy_project(folder / "project", arguments.images, results, SCHEDULE, PROTOCOL)
    configure(project, parameters_techniques={"techniques": techniques(**BROKEN)})
    airflow = Airflow(project, folder / "home", "LocalExecutor")

    def ended(count: int) -> list[dict[str, Any]]:
        runs = [run for run in airflow.rows(RUNS) if run["end_date"]]
        return runs if len(runs) >= count else []

    def first_is_well() -> bool:
        return bool(airflow.rows(RUNS)[0]["state"] == "success")

    with central(airflow):
        first = airflow.wait_for("the first run", lambda: ended(1), arguments.patience)[0]
        say(f"first run: {first['state']}, {seconds(first):.0f} s")
        before = airflow.tasks(first["run_id"])
        configure(project, parameters_techniques={"techniques": techniques()})
        airflow.call("tasks", "clear", DAG, "--only-failed", "--yes")
        airflow.wait_for("what failed, again", first_is_well, arguments.patience)
        after = airflow.tasks(first["run_id"])
        say("what failed was run again")
        runs = airflow.wait_for(
            "the ticks", lambda: ended(1 + arguments.ticks), arguments.patience
        )[1:]
        tasks = {run["run_id"]: airflow.tasks(run["run_id"]) for run in runs}
    spans = sorted((run["start_date"], run["end_date"]) for run in runs)
    idle = [
        task["duration"]
        for of_run in tasks.values()
        for name, task in of_run.items()
        if name in TECHNIQUES and name not in BROKEN and task["duration"] is not None
    ]
    figures = {
        "first run": {"state": first["state"], "seconds": seconds(first)},
        "failed in it": sorted(name for name, task in before.items() if task["state"] == "failed"),
        "run again by tasks clear --only-failed": sorted(
            name for name in after if after[name]["start_date"] != before[name]["start_date"]
        ),
        "later runs": [
            {
                "due": run["logical_date"],
                "waited, s": between(run["logical_date"], run["start_date"]),
                "seconds": seconds(run),
                "state": run["state"],
            }
            for run in runs
        ],
        "two at a time": any(one[1] > other[0] for one, other in pairwise(spans)),
        "seconds of a technique with nothing to do": mean(idle) if idle else None,
    }
    return figures, list(faults(figures))


def faults(figures: dict[str, Any]) -> Iterator[str]:
    """Say what is not as the documentation promises."""
    broken = sorted([*BROKEN, "reporting"])
    if figures["first run"]["state"] != "failed" or figures["failed in it"] != broken:
        yield f"the first run failed by {figures['failed in it']}, not by {broken}"
    if figures["run again by tasks clear --only-failed"] != broken:
        yield "what was run again is not what failed"
    states = [run["state"] for run in figures["later runs"]]
    if not states or set(states) != {"success"}:
        yield f"the later runs ended as {states}"
    if figures["two at a time"]:
        yield "two runs were at work at a time"
