"""What all measurements share: commands, processes, the machine, and files of figures."""

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MNIST, DIGITS = (ROOT / "data" / "01_raw" / name for name in ("mnist.zip", "digits.zip"))
PACKAGES = ("numpy", "tensorflow", "keras", "kedro", "kedro-datasets", "pillow")
# A person who runs a script has none of these set.
THREAD_SETTINGS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)


class BenchmarkError(Exception):
    """A measurement could not be made; the message says why in one line."""


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def readable(value: float) -> str:
    """Three digits, more in front of the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def last_line(text: str) -> str:
    """What a failed command said last."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def kedro_run(
    *options: object, pipelines: Sequence[str] = (), env: str = "", **parameters: Any
) -> list[str]:
    """A ``kedro run`` command; double underscores in a parameter's name stand for dots."""
    given = ",".join(f"{name.replace('__', '.')}={value}" for name, value in parameters.items())
    return [
        *(sys.executable, "-m", "kedro", "run", f"--params={given}"),
        *([f"--env={env}"] if env else []),
        *([f"--pipelines={','.join(pipelines)}"] if pipelines else []),
        *map(str, options),
    ]


def timed(
    command: list[str],
    variables: dict[str, str] | None = None,
    watch: Callable[["subprocess.Popen[bytes]"], None] | None = None,
) -> tuple[float, str]:
    """Run a command in the project's folder; return seconds and what it wrote to standard error.

    Args:
        command: Program and arguments.
        variables: To add to the environment.
        watch: Called with the process once it has started; returns when it has ended.

    Raises:
        BenchmarkError: It failed.
    """
    kept = {name: value for name, value in os.environ.items() if name not in THREAD_SETTINGS}
    environment = kept | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (variables or {})
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        ) as process:
            if watch:
                watch(process)
            code = process.wait()
        seconds = time.perf_counter() - started
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    if code:
        raise BenchmarkError(f"{shlex.join(command)}: exit code {code}: {last_line(text)}")
    return seconds, text


def stat(pid: int) -> list[str]:
    """State, parent, group, session, ... of a process (Linux); nothing if it has just ended."""
    try:
        # The name before it is in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_line(pid: int) -> bytes:
    """Its words; nothing if it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def processes() -> list[int]:
    """All there are."""
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def descendants(root: int) -> list[int]:
    """A process and all that it has started, directly or not."""
    children: dict[str, list[int]] = {}
    for pid in processes():
        children.setdefault("".join(stat(pid)[1:2]), []).append(pid)
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(str(found[-1]), [])
    return found


def memory(pid: int, what: str = "Pss") -> float:
    """A process' memory in MB; the sum of PSS over processes counts a shared page once.

    That of RSS would not, and processes of RegBench share TensorFlow: so it is the one figure that
    needs smaps. ``Pss_Anon`` leaves out what is in files.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(size) for size in re.findall(rf"^{what}: +(\d+)", text, re.M)) / 1024


class Watch:
    """Looks at the memory of a process and its descendants until it ends; for ``timed``."""

    peak = 0.0

    def __call__(self, process: "subprocess.Popen[bytes]") -> None:
        """Watch; the peak is in units of 1,000,000 bytes."""
        while process.poll() is None:
            now = sum(memory(pid) for pid in descendants(process.pid))
            self.peak = max(self.peak, now * 1.048576)
            time.sleep(0.5)


def command_of(
    module: str, name: str, given: argparse.Namespace, parser: argparse.ArgumentParser
) -> str:
    """What repeats a figure: its name and the options that make it what it is, without paths."""
    defaults = vars(parser.parse_args([]))
    options = [
        f"--{option.replace('_', '-')}={value}"
        for option, value in vars(given).items()
        if option in defaults.keys() - {"names"}
        and value != defaults[option]
        and not isinstance(value, Path)
    ]
    return " ".join([f"uv run python -m {module}", name, *options])


def circumstances() -> dict[str, Any]:
    """Say when it is, on which machine, how busy that has been, and with which code."""
    git = ["git", "-C", str(ROOT)]
    commit, changed = (
        subprocess.run([*git, *rest], capture_output=True, text=True, check=False).stdout.strip()
        for rest in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", ":!*/results"])
    )
    processor = platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        processor = found[0] if found else processor
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 2) for load in os.getloadavg()],
        "commit": f"{commit} with changes" if changed else commit,
        "machine": {
            "processor": processor,
            "cores": cores(),
            "memory, GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }


def as_line(entry: dict[str, Any]) -> str:
    """The circumstances as a line of a page."""
    machine = dict(entry["machine"])
    processor, many, gigabytes, system = (
        machine.pop(name) for name in ("processor", "cores", "memory, GB", "system")
    )
    commit = f"commit {entry['commit']}, " if entry.get("commit") else ""
    software = ", ".join(f"{name} {which}" for name, which in machine.items())
    return (
        f"- {entry['date']}, {commit}load average before {entry['load'][0]}; {processor}, {many} "
        f"cores, {gigabytes} GB, {system}; {software}."
    )


def read(path: Path) -> dict[str, Any]:
    """Read the figures that were written before, by name."""
    try:
        measured: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except ValueError:
        raise BenchmarkError(f"{path} is damaged; move it away to begin anew") from None
    return measured


def store(
    path: Path, name: str, entry: Any, page: Callable[[dict[str, Any]], str] | None = None
) -> None:
    """Put an entry beside those of the others: in a JSON file, and the page that shows it."""
    measured = read(path) | {name: entry}
    files = {path: json.dumps(measured, indent=1, ensure_ascii=False) + "\n"}
    if page:
        files[path.with_suffix(".md")] = page(measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        partial = file.with_name(f"{file.name}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
