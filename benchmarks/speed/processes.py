"""Fresh processes: the functions that are timed in them, and commands as a person gives them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from benchmarks.speed.harness import ROOT, BenchmarkError, in_words

# A person who runs a script has none of these set.
THREAD_SETTINGS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


def environment(**changes: str) -> dict[str, str]:
    """This process' environment without thread settings, and with ``changes``."""
    kept = {name: value for name, value in os.environ.items() if name not in THREAD_SETTINGS}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}


def in_fresh_process(function: str, **arguments: Any) -> Any:
    """Call a function of this package in a new process.

    Args:
        function: ``module:function``.
        arguments: What JSON can hold.

    Returns:
        What the function returns.
    """
    return side_by_side(function, [arguments])[0]


def side_by_side(
    function: str,
    arguments: Iterable[dict[str, Any]],
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
    variables: dict[str, str] | None = None,
) -> list[Any]:
    """Call a function in several new processes at once.

    A function may call ``child.wait_for_others`` when it is ready: all go on together.

    Args:
        function: ``module:function``.
        arguments: One process each.
        on_event: Called with what ``child.tell`` is given, from a thread per process.
        variables: To add to the environment.

    Returns:
        What the calls return.

    Raises:
        BenchmarkError: A process ended without an answer.
    """
    children = [_Child(function, one, variables or {}) for one in arguments]
    try:
        for child in children:
            child.wait_until_ready(on_event)
        for child in children:
            child.go()
        with ThreadPoolExecutor(len(children)) as pool:
            return list(pool.map(lambda child: child.finish(on_event), children))
    finally:
        for child in children:
            child.end()


def kedro(*arguments: str) -> list[str]:
    """The ``kedro`` command of the running interpreter."""
    folder = Path(sys.executable).parent
    found = shutil.which("kedro", path=str(folder))
    if found is None:
        raise BenchmarkError(f"no kedro beside {sys.executable}; run this with uv run python")
    return [found, *arguments]


def kedro_run(
    *arguments: str, pipelines: Sequence[str] = (), env: str = "", **parameters: Any
) -> list[str]:
    """A ``kedro run`` command; double underscores in a parameter's name stand for dots."""
    command = kedro("run")
    if env:
        command.append(f"--env={env}")
    if pipelines:
        command.append(f"--pipelines={','.join(pipelines)}")
    values = (f"{name.replace('__', '.')}={value}" for name, value in parameters.items())
    command.append(f"--params={','.join(values)}")
    return [*command, *arguments]


def timed(
    command: list[str],
    variables: dict[str, str] | None = None,
    watch: Callable[["subprocess.Popen[bytes]"], None] | None = None,
    may_fail: bool = False,
) -> tuple[float, int, str]:
    """Run a command in the project's folder.

    Args:
        command: Program and arguments.
        variables: To add to the environment.
        watch: Called with the process once it has started; returns when it has ended.
        may_fail: Whether an exit code other than 0 is an answer, too.

    Returns:
        Seconds, the exit code, and what it wrote to standard error.

    Raises:
        BenchmarkError: It failed.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process:
            if watch:
                watch(process)
            code = process.wait()
        seconds = time.perf_counter() - started
        text = _text_of(errors)
    if code and not may_fail:
        raise BenchmarkError(f"{in_words(command)} failed with exit code {code}: {_last(text)}")
    return seconds, code, text


class _Child:
    """A process that runs ``call.py`` and speaks JSON, a line per event."""

    def __init__(self, function: str, arguments: dict[str, Any], variables: dict[str, str]) -> None:
        self._function = function
        self._result: list[Any] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.call", function, json.dumps(arguments)],
            cwd=ROOT,
            env=environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def wait_until_ready(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._read(on_event, until="ready")

    def go(self) -> None:
        if not self._result and self._process.stdin:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()

    def finish(self, on_event: Callable[[dict[str, Any]], None]) -> Any:
        if not self._result:
            self._read(on_event, until="result")
        return self._result[0]

    def end(self) -> None:
        if self._result:
            self._process.wait()
        else:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                stream.close()
        self._process.wait()

    def _read(self, on_event: Callable[[dict[str, Any]], None], until: str) -> None:
        for line in self._process.stdout or ():
            event = json.loads(line)
            if "result" in event:
                self._result.append(event["result"])
            if until in event or "result" in event:
                return
            on_event(event)
        code = self._process.wait()
        reason = _last(_text_of(self._errors))
        raise BenchmarkError(f"{self._function} ended with exit code {code}: {reason}")


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing to standard error"
