"""Measures Airflow: one and two `workers`, and the `loss` of one.

Needs the extra `schedule`. Workers are on simulated machines, each with a host name and processes
of its own (namespaces): that needs Linux and root.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.harness import DIGITS, RESULTS, BenchmarkError, circumstances, say, store
from benchmarks.scaling import airflow as services
from benchmarks.scaling.airflow import DAG, TECHNIQUES, Airflow, seconds

EDGE = "airflow.providers.edge3.executors.EdgeExecutor"
MACHINES = ("regbench1", "regbench2")
SHARED_BY_TWO = {"schedule": None, "max_active_tasks": 2, "retries": 3, "retry_delay": 0.05}
Found = tuple[dict[str, Any], list[str]]  # figures, and what of them is not as it should be


def measure_workers(cluster: "Cluster") -> Found:
    """Time the study by `kedro run` on one core, with one worker, and with two."""
    by_hand, reference = cluster.run_by_hand()
    cluster.start_worker(0)
    one = cluster.run("one_worker", reference)
    cluster.start_worker(1)
    two = cluster.run("two_workers", reference)
    figures = {
        "kedro run, one core, s": by_hand,
        "one worker": one,
        "two workers": two,
        "speed-up by the second worker": one["seconds"] / two["seconds"],
        # Queueing and polling; the start of Python, Airflow's supervisor, Kedro and TensorFlow in
        # each task; and that the central services share the cores with the workers.
        "overhead per task, s": (one["seconds"] - by_hand) / len(one["tasks"]),
    }
    return figures, [*faults(one, MACHINES[:1]), *faults(two, MACHINES)]


def measure_loss(cluster: "Cluster") -> Found:
    """Lose one of two machines in the middle of a technique, and compare with `kedro run`."""
    _, reference = cluster.run_by_hand()
    cluster.start_worker(0)
    cluster.start_worker(1)
    figures = cluster.run("loss", reference, lose=MACHINES[1])
    return figures, list(faults(figures, MACHINES))


def faults(run: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with a run that these machines were to share, one of them lost or not."""
    if run["state"] != "success":
        yield f"the run ended as {run['state']}"
    if not run["same comparison as by kedro run"]:
        yield "the comparison is another than by kedro run"
    at_work = {task["machine"] for task in run["tasks"].values()}
    if "lost" in run:
        lost, task = run["lost"]["machine"], run["tasks"][run["lost"]["in the middle of"]]
        at_work |= {lost}
        if task["tries"] < 2 or task["machine"] == lost:
            yield f"the lost task ended on {task['machine']} with try {task['tries']}"
    if at_work != {*names}:
        yield f"at work were {sorted(map(str, at_work))}, not {list(names)}"


class Cluster:
    """Airflow's central services, and machines, each with its own copy of the project."""

    def __init__(self, folder: Path, given: argparse.Namespace, running: ExitStack) -> None:
        self._folder, self._given, self._running = folder, given, running
        self.shared = folder / "shared"
        self.hub = self._machine("central")

    def _machine(self, name: str, **more: Any) -> Airflow:
        copy, images = self._folder / name / "project", self._given.images.absolute()
        protocol = {"epochs": self._given.epochs, "seeds": self._given.seeds}
        services.copy_project(copy, images, self.shared, SHARED_BY_TWO, protocol)
        return Airflow(copy, self._folder / name / "home", EDGE, self._given.patience, **more)

    def run_by_hand(self) -> tuple[float, pd.DataFrame]:
        """Make the study with `kedro run`; return its seconds and its comparison."""
        say("kedro run on one core")
        began, project = time.monotonic(), self.hub.project
        command = ["taskset", "--cpu-list", "0", sys.executable, "-m", "kedro", "run"]
        services.called(command, cwd=project, env=services.variables(project))
        return time.monotonic() - began, services.comparison(self.shared)

    def start_worker(self, core: int) -> None:
        """Start a machine of one core; before the first, the central services."""
        name, hub = MACHINES[core], self.hub
        if not hub.services:
            self._running.enter_context(services.central(hub))
        own = self._machine(name, secret=hub.secret, port=hub.port)
        hub.services[name] = self._running.enter_context(services.worker(own, name, core))
        idle = "select 1 from edge_worker where worker_name = ? and state = 'idle'"
        hub.wait_for(f"worker {name}", lambda: hub.rows(idle, name))

    def run(self, name: str, reference: pd.DataFrame, lose: str = "") -> dict[str, Any]:
        """Make the study from nothing over the machines, and lose one of them if told to."""
        say(name)
        shutil.rmtree(self.shared)
        read = "select 1 from serialized_dag where dag_id = ?"
        self.hub.wait_for("the DAG", lambda: self.hub.rows(read, DAG))
        self.hub.call("dags", "trigger", DAG, "--run-id", name)
        lost = self._lose(lose, name) if lose else {}
        ended = "select * from dag_run where run_id = ? and end_date is not null"
        (run,) = self.hub.wait_for(f"run {name}", lambda: self.hub.rows(ended, name))
        tasks = self.hub.tasks(name)
        say(f"  {run['state']}, {seconds(run):.0f} s")
        return {
            "state": run["state"],
            "seconds": seconds(run),
            "same comparison as by kedro run": services.comparison(self.shared).equals(reference),
            "tasks": {
                task: {"machine": row["hostname"], "tries": row["try_number"], "s": row["duration"]}
                for task, row in tasks.items()
            },
            "timed with repetitions of": [t for t, row in tasks.items() if row["try_number"] > 1],
            **lost,
        }

    def _lose(self, machine: str, run: str) -> dict[str, Any]:
        """Pull a machine's plug after the first of a technique's trainings."""

        def at_work() -> list[str]:
            tasks = {t: (r["hostname"], r["state"]) for t, r in self.hub.tasks(run).items()}
            return [task for task in TECHNIQUES if tasks.get(task) == (machine, "running")]

        task = self.hub.wait_for("a technique at work", at_work)[0]
        made = self.shared / "07_model_output" / task
        self.hub.wait_for("a training", lambda: [*made.rglob("metrics.json")])
        self.hub.services.pop(machine).kill()
        say(f"  lost {machine} in the middle of {task}")
        return {"lost": {"machine": machine, "in the middle of": task}}


MEASUREMENTS = {"workers": measure_workers, "loss": measure_loss}


def main() -> None:
    """Measure, and write each outcome to the JSON file as soon as it is there."""
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__)
    names = parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    names.choices = [*MEASUREMENTS, []]  # an empty list is checked too
    parser.add_argument("--images", type=Path, default=DIGITS)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=1800, help="seconds for any one step")
    parser.add_argument("--out", type=Path, default=RESULTS / "scaling.json")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and clear up
    failed = []
    for name in given.names or MEASUREMENTS:
        say(name)
        about = {"images": given.images.name, "epochs": given.epochs, "seeds": given.seeds}
        about |= circumstances()
        with tempfile.TemporaryDirectory(
            prefix="regbench-scaling-", ignore_cleanup_errors=True
        ) as folder:
            try:
                with ExitStack() as running:
                    figures, wrong = MEASUREMENTS[name](Cluster(Path(folder), given, running))
            except BenchmarkError as error:
                say(f"not measured: {error}")
                failed.append(name)
                continue
            entry = {"passed": not wrong, "not as it should be": wrong, **about, **figures}
            store(given.out, name, entry)
            for fault in wrong:
                say(f"not as it should be: {fault}")
                failed.append(name)
    if failed:
        sys.exit(f"not measured, or not passed: {', '.join(dict.fromkeys(failed))}")


if __name__ == "__main__":
    main()
