"""Airflow's services as processes, and workers that stand for machines of their own."""

import os
import secrets
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

from benchmarks.scaling.project import ScalingError, called, variables

DAG = "regbench"
BRIDGE, NETWORK = "regbench0", "10.77.41"  # of the simulated machines
LOST_AFTER = 30  # seconds without a sign of life after which a task counts as lost


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Airflow:
    """Airflow's central services, or a worker's share of their settings.

    Attributes:
        project: The copy of the project that this machine has.
        home: Its ``AIRFLOW_HOME``.
        executor: What runs the tasks.
        host: The address of the central services.
        secret: What machines prove themselves with.
        port: Of the central services.
        services: The processes that must not end, by name.
    """

    project: Path
    home: Path
    executor: str
    host: str = "127.0.0.1"
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    port: int = field(default_factory=_free_port)
    services: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The environment of every Airflow process."""
        server = f"http://{self.host}:{self.port}"
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
            "NO_PROXY": f"{self.host},127.0.0.1,localhost",
        }

    def call(self, *arguments: str) -> str:
        """Call ``airflow`` once.

        Raises:
            ScalingError: It failed.
        """
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

    def wait_for(self, what: str, done: Callable[[], Any], seconds: float) -> Any:
        """Wait until a function returns something true, and return that.

        Raises:
            ScalingError: It took longer than ``seconds``, or a service has ended.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, service in self.services.items():
                if service.poll() is not None:
                    raise ScalingError(f"{what}: {name} has ended ({service.returncode})")
            try:
                found = done()
            except sqlite3.OperationalError:  # locked, or not made yet
                found = None
            if found:
                return found
            time.sleep(1)
        raise ScalingError(f"{what}: not within {seconds:.0f} seconds")


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
            stop(started)


def stop(started: "subprocess.Popen[bytes]") -> None:
    """End a process and those that it has started."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(started.pid, number)
            started.wait(patience)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    started.wait()


@contextmanager
def central(airflow: Airflow) -> Iterator[None]:
    """Run scheduler, DAG processor and API server until the block ends."""
    airflow.home.mkdir(parents=True, exist_ok=True)
    airflow.call("db", "migrate")
    commands = {
        "api-server": ["api-server", "--host", airflow.host, "--port", str(airflow.port)],
        "scheduler": ["scheduler", "--skip-serve-logs"],  # they would be for all addresses
        "dag-processor": ["dag-processor"],
    }
    with ExitStack() as running:
        for name, command in commands.items():
            full = [sys.executable, "-m", "airflow", *command]
            log = airflow.home / f"{name}.log"
            service = running.enter_context(process(full, airflow.variables(), log))
            airflow.services[name] = service
        yield


@contextmanager
def machines(count: int) -> Iterator[list[str]]:
    """Make network namespaces on a bridge, by their names; remove them in the end."""
    names = [f"regbench{number}" for number in range(1, count + 1)]
    with ExitStack() as made:
        _ip(f"link add {BRIDGE} type bridge")
        made.callback(_ip, f"link del {BRIDGE}")
        _ip(f"addr add {NETWORK}.1/24 dev {BRIDGE}")
        _ip(f"link set {BRIDGE} up")
        for number, name in enumerate(names, 11):
            _ip(f"netns add {name}")
            made.callback(_ip, f"netns del {name}")
            _ip(f"link add {name} type veth peer name eth0 netns {name}")
            made.callback(_ip, f"link del {name}")  # at once, where the namespace takes its time
            _ip(f"link set {name} master {BRIDGE} up")
            _ip(f"-n {name} addr add {NETWORK}.{number}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")
        yield names


@contextmanager
def worker(airflow: Airflow, machine: str, core: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an Edge worker on a machine of one core, with names and processes of its own.

    Killing the process that it yields is pulling the machine's plug.
    """
    airflow.home.mkdir(parents=True, exist_ok=True)
    inside = [
        *("taskset", "--cpu-list", str(core)),
        *(sys.executable, "-m", "airflow", "edge", "worker"),
        *("--edge-hostname", machine, "--concurrency", "1"),
    ]
    command = [
        *("ip", "netns", "exec", machine),
        *("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", 'hostname "$0" && exec "$@"', machine, *inside),
    ]
    with process(command, airflow.variables(), airflow.home / "worker.log") as started:
        yield started


def seconds(run: dict[str, Any]) -> float:
    """How long a run took that has ended."""
    return between(run["start_date"], run["end_date"])


def between(one: str, other: str) -> float:
    """Seconds between two times of the database."""
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, flush=True)


def _ip(arguments: str) -> None:
    called(["ip", *arguments.split()])
