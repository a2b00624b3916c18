"""Airflow's services as processes, on copies of the project; workers on simulated machines."""

import os
import secrets
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.harness import ROOT, BenchmarkError, last_line

DAG = "regbench"
CREATE = "airflow create --group-by namespace --jinja-file schedule/airflow_dag.py.j2"
TECHNIQUES = ("baseline", "l2", "l1", "dropout", "early_stopping", "batch_normalization")
LOST_AFTER = 30  # seconds without a sign of life after which a task counts as lost


def called(command: list[str], **options: Any) -> str:
    """Run a command, and return what it writes.

    Raises:
        BenchmarkError: It failed.
    """
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if ended.returncode:
        said = last_line(ended.stderr or ended.stdout)
        raise BenchmarkError(f"{shlex.join(command)}: exit code {ended.returncode}: {said}")
    return ended.stdout


def copy_project(
    folder: Path, images: Path, data_root: Path, schedule: dict[str, Any], protocol: dict[str, Any]
) -> Path:
    """Copy the project, with a study of six techniques and its generated DAG.

    ``schedule``, of ``airflow.yml``, and ``protocol`` are what differs from base.
    """
    for part in ("src", "conf", "schedule"):
        ignored = shutil.ignore_patterns("__pycache__", "local")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for file in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / file, folder)
    (folder / "conf/local").mkdir()
    in_base = yaml.safe_load((ROOT / "conf/base/parameters_techniques.yml").read_text("utf-8"))
    left_out = dict.fromkeys(in_base["techniques"].keys() - {*TECHNIQUES})
    for name, content in {
        "globals": {"images": str(images), "data_root": str(data_root)},
        "airflow": {"default": schedule},
        "parameters_protocol": {"protocol": protocol},
        "parameters_techniques": {"techniques": left_out},
    }.items():
        (folder / f"conf/local/{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    create = [sys.executable, "-m", "kedro", *CREATE.split()]
    called(create, cwd=folder, env=variables(folder))
    return folder


def variables(folder: Path) -> dict[str, str]:
    """The environment in which this copy's code runs, and no other's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {"PYTHONPATH": str(folder / "src")}


def comparison(data_root: Path) -> pd.DataFrame:
    """The comparison without what differs from run to run: how long it took."""
    table = pd.read_csv(data_root / "08_reporting/comparison.csv").set_index("technique")
    return table[[name for name in table.columns if "seconds" not in name]].sort_index()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


@dataclass
class Airflow:
    """Airflow's central services, or a worker's share of their settings."""

    project: Path  # the copy that this machine has
    home: Path
    executor: str
    patience: float = 1800  # seconds that any one step may take
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    port: int = field(default_factory=_free_port)
    # The processes that must not end.
    services: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The environment of every Airflow process."""
        server = f"http://127.0.0.1:{self.port}"
        return variables(self.project) | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.project / "airflow_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": self.executor,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # asks no name server
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{server}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secret,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__EDGE__API_ENABLED": "True",
            "AIRFLOW__EDGE__API_URL": f"{server}/edge_worker/v1/rpcapi",
            "AIRFLOW__EDGE__HEARTBEAT_INTERVAL": "5",
            "AIRFLOW__EDGE__JOB_POLL_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(LOST_AFTER),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def call(self, *arguments: str) -> str:
        """Call ``airflow`` once."""
        return called([sys.executable, "-m", "airflow", *arguments], env=self.variables())

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask Airflow's database, which is SQLite here."""
        with closing(sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        """A run's tasks as they are now."""
        query = "select * from task_instance where run_id = ? order by start_date"
        return {task["task_id"]: task for task in self.rows(query, run)}

    def wait_for(self, what: str, done: Callable[[], Any]) -> Any:
        """Wait until a function returns something true, and return that.

        Raises:
            BenchmarkError: It took too long, or a service has ended.
        """
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            for name, service in self.services.items():
                if service.poll() is not None:
                    raise BenchmarkError(f"{what}: {name} has ended ({service.returncode})")
            try:
                if found := done():
                    return found
            except sqlite3.OperationalError:  # locked, or not made yet
                pass
            time.sleep(1)
        raise BenchmarkError(f"{what}: not within {self.patience:.0f} seconds")


@contextmanager
def process(
    command: list[str], environment: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in a process group of its own until the block ends."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield started
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(started.pid, number)
                    started.wait(15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            started.wait()


@contextmanager
def central(airflow: Airflow) -> Iterator[None]:
    """Run scheduler, DAG processor and API server until the block ends."""
    airflow.home.mkdir(parents=True, exist_ok=True)
    airflow.call("db", "migrate")
    commands = {
        "api-server": ["api-server", "--host", "127.0.0.1", "--port", str(airflow.port)],
        "scheduler": ["scheduler", "--skip-serve-logs"],  # they would be for all addresses
        "dag-processor": ["dag-processor"],
    }
    with ExitStack() as running:
        for name, command in commands.items():
            full = [sys.executable, "-m", "airflow", *command]
            service = process(full, airflow.variables(), airflow.home / f"{name}.log")
            airflow.services[name] = running.enter_context(service)
        yield


@contextmanager
def worker(airflow: Airflow, machine: str, core: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an Edge worker on a machine of one core, with names and processes of its own.

    Killing the process that it yields is pulling the machine's plug.
    """
    airflow.home.mkdir(parents=True, exist_ok=True)
    command = [
        *("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", 'hostname "$0" && exec "$@"', machine, "taskset", "--cpu-list", str(core)),
        *(sys.executable, "-m", "airflow", "edge", "worker"),
        *("--edge-hostname", machine, "--concurrency", "1"),
    ]
    with process(command, airflow.variables(), airflow.home / "worker.log") as started:
        yield started


def seconds(run: dict[str, Any]) -> float:
    """How long a run took that has ended."""
    begin, end = (datetime.fromisoformat(run[f"{at}_date"]) for at in ("start", "end"))
    return (end - begin).total_seconds()
