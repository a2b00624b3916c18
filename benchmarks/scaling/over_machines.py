"""A study over simulated machines, one of which is lost; and the same study by `kedro run`."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.scaling.project import (
    TECHNIQUES,
    ScalingError,
    called,
    comparison,
    copy_project,
    variables,
)
from benchmarks.scaling.services import (
    DAG,
    NETWORK,
    Airflow,
    central,
    machines,
    say,
    seconds,
    worker,
)

EDGE = "airflow.providers.edge3.executors.EdgeExecutor"
NEEDED = ("ip", "unshare", "taskset")
SCHEDULE = {
    "schedule": None,  # runs are triggered
    "max_active_tasks": 2,
    "retries": 3,
    "retry_delay": 0.05,
}
ENDED = "select * from dag_run where run_id = ? and end_date is not null"
READ = "select 1 from serialized_dag where dag_id = ?"
WORKER = "select 1 from edge_worker where worker_name = ? and state = 'idle'"

OVERHEAD = (
    "queueing and polling; the start of Python, Airflow's supervisor, Kedro and TensorFlow in each "
    "task; and that the central services share the cores with the workers"
)


def measure_workers(
    folder: Path, arguments: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    """Time the study by `kedro run` on one core, with one worker, and with two.

    Returns:
        The figures, and what of them is not as it should be.

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
        names = cluster.names
    figures = {
        "kedro run, one core, s": by_hand,
        "one worker": one,
        "two workers": two,
        "speed-up by the second worker": one["seconds"] / two["seconds"],
        "overhead per task, s": (one["seconds"] - by_hand) / len(one["tasks"]),
        "what the overhead holds": OVERHEAD,
    }
    return figures, [
        *(f"one worker: {fault}" for fault in faults(one, names[:1])),
        *(f"two workers: {fault}" for fault in faults(two, names)),
    ]


def measure_loss(folder: Path, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Lose one of two machines in the middle of a technique, and compare with `kedro run`.

    Returns:
        The figures, and what of them is not as it should be.

    Raises:
        ScalingError: There are no network namespaces here, or a step did not end.
    """
    with _cluster(folder, arguments) as cluster:
        _, reference = cluster.run_by_hand()
        with central(cluster.hub):
            cluster.start_worker(0)
            cluster.start_worker(1)
            figures = cluster.run("loss", reference, lose=1)
        return figures, [*faults(figures, cluster.names), *faults_of_loss(figures)]


def faults(run: dict[str, Any], names: list[str]) -> Iterator[str]:
    """Say what is wrong with a run that these machines were to share."""
    if run["state"] != "success":
        yield f"the run ended as {run['state']}"
    if not run["same comparison as by kedro run"]:
        yield "the comparison is another than by kedro run"
    at_work = {task["machine"] for task in run["tasks"].values()}
    lost = {run["lost"]["machine"]} if "lost" in run else set()
    if at_work | lost != {*names}:
        yield f"at work were {sorted(map(str, at_work))}, not {names}"


def faults_of_loss(run: dict[str, Any]) -> Iterator[str]:
    """Say why a run with a lost machine does not show that its task went to another one."""
    lost, task = run["lost"]["machine"], run["tasks"][run["lost"]["in the middle of"]]
    if task["tries"] < 2 or task["machine"] == lost:
        yield f"the lost task ended on {task['machine']} with try {task['tries']}"


@dataclass
class _Cluster:
    folder: Path
    arguments: argparse.Namespace
    hub: Airflow
    names: list[str]
    running: ExitStack

    @property
    def shared(self) -> Path:
        return _shared(self.folder)

    def run_by_hand(self) -> tuple[float, pd.DataFrame]:
        """Make the study with `kedro run`; return its seconds and its comparison."""
        say("kedro run on one core")
        began = time.monotonic()
        called(
            ["taskset", "--cpu-list", "0", sys.executable, "-m", "kedro", "run"],
            cwd=self.hub.project,
            env=variables(self.hub.project),
        )
        return time.monotonic() - began, comparison(self.shared)

    def start_worker(self, core: int) -> None:
        """Start a machine of one core that has its own copy of the project."""
        name, hub = self.names[core], self.hub
        project = _project(self.folder, name, self.arguments)
        own = Airflow(
            project, self.folder / name / "home", EDGE, hub.host, hub.secret, port=hub.port
        )
        hub.services[name] = self.running.enter_context(worker(own, name, core))
        self._wait_for(f"worker {name}", lambda: hub.rows(WORKER, name))

    def run(self, name: str, reference: pd.DataFrame, lose: int | None = None) -> dict[str, Any]:
        """Make the study from nothing over the machines, and lose one of them if told to."""
        say(name)
        shutil.rmtree(self.shared)
        self._wait_for("the DAG", lambda: self.hub.rows(READ, DAG))
        self.hub.call("dags", "trigger", DAG, "--run-id", name)
        lost = {} if lose is None else self._lose(self.names[lose], name)
        (ended,) = self._wait_for(f"run {name}", lambda: self.hub.rows(ENDED, name))
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
            "timed with repetitions of": [t for t, row in tasks.items() if row["try_number"] > 1],
            **lost,
        }

    def _lose(self, machine: str, run: str) -> dict[str, Any]:
        """Pull a machine's plug after the first of a technique's trainings."""

        def at_work() -> str | None:
            for task, row in self.hub.tasks(run).items():
                if task in TECHNIQUES and (row["hostname"], row["state"]) == (machine, "running"):
                    return task
            return None

        task = self._wait_for("a technique at work", at_work)
        made = self.shared / "07_model_output" / task
        self._wait_for("a training", lambda: [*made.rglob("metrics.json")])
        self.hub.services.pop(machine).kill()
        say(f"  lost {machine} in the middle of {task}")
        return {"lost": {"machine": machine, "in the middle of": task}}

    def _wait_for(self, what: str, done: Callable[[], Any]) -> Any:
        return self.hub.wait_for(what, done, self.arguments.patience)


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
