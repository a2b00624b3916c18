"""What a function that runs in a process of its own tells the parent process."""

import json
import os
import queue
import sys
from typing import IO, Any

_channel: IO[str] | None = None


def open_channel() -> None:
    """Keep standard output for ``tell``; what libraries print goes to standard error."""
    global _channel  # noqa: PLW0603 - a process has one
    _channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)


def tell(event: dict[str, Any]) -> None:
    """Send an event to the parent process."""
    if _channel is not None:
        _channel.write(json.dumps(event) + "\n")
        _channel.flush()


def wait_for_others() -> None:
    """Say that this process is ready, and wait until all are."""
    tell({"ready": True})
    if not sys.stdin.readline():
        sys.exit("the parent process is gone")


def become_worker(threads: int) -> None:
    """Set this process up as ``kedro run`` sets up its training processes."""
    from regbench.runs import worker

    worker.start(queue.SimpleQueue(), threads)
