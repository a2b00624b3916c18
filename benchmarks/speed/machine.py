"""The machine that a figure was taken on."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.speed.harness import ROOT, BenchmarkError
from benchmarks.speed.processes import THREAD_SETTINGS

_IDLE = 0.03  # the share of the cores that a system's own work may take
_PATIENCE = 60.0  # seconds
PACKAGES = ("numpy", "tensorflow", "keras", "kedro", "kedro-datasets", "pillow", "torch")


def describe(torch_python: Path | None = None) -> dict[str, Any]:
    """Describe hardware and software.

    Args:
        torch_python: The interpreter whose PyTorch is used, if not this one's.
    """
    packages = {name: _version(name) for name in PACKAGES}
    if torch_python:
        packages["torch"] = torch_version(torch_python)
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "memory, GB": round(_memory() / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **packages,
    }


def idle_moment() -> dict[str, Any]:
    """Wait for the machine to be idle, a minute at most; say when it is and how busy it is."""
    busy, deadline = busy_share(), time.monotonic() + _PATIENCE
    while busy > _IDLE and time.monotonic() < deadline:
        busy = busy_share()
    return {"busy": round(busy, 3), **moment()}


def moment() -> dict[str, Any]:
    """Say when it is and how busy the machine has been."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 2) for load in os.getloadavg()],
        "commit": _commit(),
        # Taken out of the environment of all that is timed.
        "thread settings set aside": [name for name in THREAD_SETTINGS if name in os.environ],
    }


def busy_share(seconds: float = 3.0) -> float:
    """The share of all cores' time that is used, over some seconds; 0 where nobody says."""
    try:
        before = _ticks()
        time.sleep(seconds)
        after = _ticks()
    except OSError:
        return 0.0
    idle, everything = (now - then for now, then in zip(after, before, strict=True))
    return 1 - idle / everything if everything else 0.0


def _ticks() -> tuple[int, int]:
    """Idle, and in all, since the start of the system; from Linux' /proc/stat."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    numbers = [int(field) for field in fields]
    return numbers[3] + numbers[4], sum(numbers)


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def torch_version(python: Path) -> str:
    """Ask an interpreter for its PyTorch, in words if it has none."""
    command = [str(python), "-c", "import torch; print(torch.__version__)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "not installed"


def check_torch(python: Path) -> None:
    """See whether an interpreter can run the PyTorch script.

    Raises:
        BenchmarkError: There is none, or it lacks a package.
    """
    command = [str(python), "-c", "import numpy, pandas, PIL, sklearn, torch"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchmarkError(f"--torch-python={python}: {error.strerror}") from None
    if answer.returncode:
        raise BenchmarkError(f"--torch-python={python}: {answer.stderr.strip().splitlines()[-1]}")


def _commit() -> str:
    """What is timed: the commit, and whether files differ from it, figures aside."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", ":!benchmarks/results")
    except OSError:
        return ""
    return f"{commit} with changes" if commit and changed else commit


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
