"""Fresh processes for what is timed, and the times in Kedro's log."""

import multiprocessing
import os
import queue
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import yaml

_START = re.compile(
    r"^(\d+\.\d+) (?:Running node: ([^:(]+)[:(]|Pipeline execution completed)", re.M
)
_PATIENCE = 600.0  # seconds that a process waits for the others
_barrier: threading.Barrier | None = None


def side_by_side(
    function: Callable[..., Any], arguments: Sequence[dict[str, Any]], **variables: str
) -> list[Any]:
    """Call a function, which may ``wait_for_others``, in several new processes at once."""
    spawn = multiprocessing.get_context("spawn")
    given = (spawn.Barrier(len(arguments)), variables)
    with ProcessPoolExecutor(len(arguments), spawn, initializer=_enter, initargs=given) as pool:
        calls = [pool.submit(function, **one) for one in arguments]
        return [call.result() for call in calls]


def in_fresh_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call a function in a new process."""
    return side_by_side(function, [arguments])[0]


def _enter(barrier: threading.Barrier, variables: dict[str, str]) -> None:
    global _barrier  # noqa: PLW0603 - a process has one
    _barrier = barrier
    os.environ.update(variables)


def wait_for_others() -> None:
    """In a new process: wait until all are ready."""
    if _barrier:
        _barrier.wait(_PATIENCE)


def become_worker(threads: int) -> None:
    """Set this process up as ``kedro run`` sets up its training processes."""
    from regbench.runs import worker

    worker.start_process(queue.SimpleQueue(), threads, None, tempfile.gettempdir())


def logging_variables() -> dict[str, str]:
    """The variable that has Kedro log with times, to standard error."""
    handler = {"class": "logging.StreamHandler", "formatter": "stamped"}
    path = Path(tempfile.gettempdir(), "regbench-benchmark-logging.yml")
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"stamped": {"format": "%(created).4f %(message)s"}},
        "handlers": {"stderr": handler},
        "loggers": {"kedro": {"level": "INFO"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
    }
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return {"KEDRO_LOGGING_CONFIG": str(path)}


def node_starts(log: str) -> list[tuple[str, float]]:
    """Names of nodes and when they started (seconds since 1970); at the end, '' and the end."""
    return [(name, float(at)) for at, name in _START.findall(log)]
