"""A study over simulated machines, one of which is lost; and the same study by `kedro run`."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.scaling.project import TECHNIQUES, comparison, copy_project, variables
from benchmarks.scaling.services import (
    DAG,
    NETWORK,
    Airflow,
    ScalingError,
    central,
    machines,
    say,
    seconds,
    wait_for,
    worker,
)

EDGE = "airflow.providers.edge3.executors.EdgeExecutor"
NEEDED = ("ip", "unshare", "taskset")
SCHEDULE = {
    "schedule": "0 0 1 1 *",  # in January; runs are triggered
    "max_active_tasks": 2,
    "retries": 3,
    "retry_delay": 0.05,
}
ENDED = "select * from dag_run where run_id = ? and end_date is not null"
WORKER = "select 1 from edge_worker where worker_name = ? and state = 'idle'"


def measure_workers(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the study by `kedro run` on one core, with one worker, and with two.

    Raises:
        ScalingError: There are no network namespaces here, or a step did not end.
    """
    with _cluster(folder, arguments) as cluster:
        by_hand, reference = cluster.run_by_hand()
        with central(cluster.hub):
            cluster.start_worker(0)
            one = cluster.run("one_worker", reference)
            cluster.start_worker(1)
            two = cluster.run("two_workers", reference)
    return {
        "kedro run, one core, s": by_hand,
        "one worker": one,
        "two workers": two,
        "speed-up by the second worker": one["seconds"] / two["seconds"],
        "overhead per task, s": (one["seconds"] - by_hand) / len(one["tasks"]),
    }


def measure_loss(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Lose one of two machines in the middle of a technique, and compare with `kedro run`.

    Raises:
        ScalingError: There are no network namespaces here, or a step did not end.
    """
    with _cluster(folder, arguments) as cluster:
        _, reference = cluster.run_by_hand()
        with central(cluster.hub):
            cluster.start_worker(0)
            cluster.start_worker(1)
            return cluster.run("loss", reference, lose=1)


@dataclass
class _Cluster:
    folder: Path
    arguments: argparse.Namespace
    hub: Airflow
    names: list[str]
    running: ExitStack
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def shared(self) -> Path:
        return _shared(self.folder)

    def run_by_hand(self) -> tuple[float, pd.DataFrame]:
        """Make the study with `kedro run`; return its seconds and its comparison."""
        say("kedro run on one core")
        began = time.monotonic()
        subprocess.run(
            ["taskset", "--cpu-list", "0", sys.executable, "-m", "kedro", "run"],
            cwd=self.hub.project,
            env=variables(self.hub.project),
            check=True,
            capture_output=True,
        )
        return time.monotonic() - began, comparison(self.shared)

    def start_worker(self, core: int) -> None:
        """Start a machine of one core that has its own copy of the project."""
        name, hub = self.names[core], self.hub
        project = _project(self.folder, name, self.arguments)
        own = Airflow(
            project, self.folder / name / "home", EDGE, hub.host, hub.secret, port=hub.port
        )
        self.pids[name] = self.running.enter_context(worker(own, name, core))
        wait_for(f"worker {name}", lambda: hub.rows(WORKER, name), self.arguments.patience)

    def run(self, name: str, reference: pd.DataFrame, lose: int | None = None) -> dict[str, Any]:
        """Make the study from nothing over the machines, and lose one of them if told to."""
        say(name)
        shutil.rmtree(self.shared)
        self.hub.call("dags", "trigger", DAG, "--run-id", name)
        lost = {} if lose is None else self._lose(self.names[lose], name)
        (ended,) = wait_for(
            f"run {name}", lambda: self.hub.rows(ENDED, name), self.arguments.patience
        )
        tasks = self.hub.tasks(name)
        say(f"  {ended['state']}, {seconds(ended):.0f} s")
        return {
            "state": ended["state"],
            "seconds": seconds(ended),
            "same comparison as by kedro run": comparison(self.shared).equals(reference),
            "tasks": {
                task: {"machine": row["hostname"], "tries": row["try_number"], "s": row["duration"]}
                for task, row in tasks.items()
            },
            **lost,
        }

    def _lose(self, machine: str, run: str) -> dict[str, Any]:
        """Pull a machine's plug after the first of a technique's trainings."""

        def at_work() -> str | None:
            for task, row in self.hub.tasks(run).items():
                if task in TECHNIQUES and (row["hostname"], row["state"]) == (machine, "running"):
                    return task
            return None

        task = wait_for("a technique at work", at_work, self.arguments.patience)
        made = self.shared / "07_model_output" / task
        wait_for("a training", lambda: [*made.rglob("metrics.json")], self.arguments.patience)
        os.kill(self.pids[machine], signal.SIGKILL)
        say(f"  lost {machine} in the middle of {task}")
        return {"lost": {"machine": machine, "in the middle of": task}}


@contextmanager
def _cluster(folder: Path, arguments: argparse.Namespace) -> Iterator[_Cluster]:
    if os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        raise ScalingError(f"skipped: this needs root and {', '.join(NEEDED)}")
    with machines(2) as names, ExitStack() as running:
        project = _project(folder, "central", arguments)
        hub = Airflow(project, folder / "central/home", EDGE, f"{NETWORK}.1")
        yield _Cluster(folder, arguments, hub, names, running)


def _project(folder: Path, name: str, arguments: argparse.Namespace) -> Path:
    protocol = {"epochs": arguments.epochs, "seeds": arguments.seeds}
    copy, images = folder / name / "project", arguments.images
    return copy_project(copy, images, _shared(folder), SCHEDULE, protocol)


def _shared(folder: Path) -> Path:
    return folder / "shared"
