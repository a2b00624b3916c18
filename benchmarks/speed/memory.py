"""Peak memory of a command and all processes that it starts."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.harness import Figure, Options, Outcome, Side, readable, say
from benchmarks.speed.processes import kedro_run, timed


def measure_memory(options: Options, rounds: int) -> Outcome:
    """Watch a whole study, shortened: memory does not grow with seeds and epochs."""
    peaks, unnamed, sums = [], [], []
    for number in range(1, rounds + 1):
        watch = Watch(seconds=0.2)
        command = kedro_run(
            env="article",
            images=options.images,
            data_root=options.folder("memory"),
            protocol__seeds=1,
            protocol__epochs=2,
        )
        timed(command, watch=watch)
        peaks.append(watch.peak.proportional / 1e6)
        unnamed.append(watch.peak.anonymous / 1e6)
        sums.append(watch.peak.resident / 1e6)
        say(
            f"  round {number} of {rounds}: {readable(peaks[-1])} MB after "
            f"{watch.peak.after:.0f} s, {watch.peak.processes} processes"
        )
    sides = [
        Side("peak memory (PSS of all processes)", "MB", peaks),
        Side("peak of what is in no file, and cannot be read again", "MB", unnamed),
        Side("peak of the sum of RSS, which counts shared pages again", "MB", sums),
    ]
    return Outcome(
        sides,
        [Figure("peak memory of the full-MNIST study", sides[0].median, 1500, unit="MB")],
        [
            "The study with 1 seed and 2 epochs, all techniques, trainings side by side. PSS "
            "counts a page that several processes share once. Pages of files count where a process "
            "has them mapped: programs and images; the system takes those back when it needs them."
        ],
    )


@dataclass(frozen=True)
class Peak:
    """The most memory that was seen; bytes, and seconds after the start.

    Attributes:
        proportional: Sum of PSS.
        anonymous: Sum of the part of PSS that is in no file; its own peak.
        resident: Sum of RSS; its own peak.
        after: When ``proportional`` was highest.
        processes: How many there were then.
    """

    proportional: int = 0
    anonymous: int = 0
    resident: int = 0
    after: float = 0.0
    processes: int = 0


class Watch:
    """Looks at a process and its descendants until it ends; for ``processes.timed``."""

    def __init__(self, seconds: float = 0.2) -> None:
        """Look every so many seconds."""
        self.peak = Peak()
        self._seconds = seconds

    def __call__(self, process: "subprocess.Popen[bytes]") -> None:
        """Watch."""
        started = time.perf_counter()
        while process.poll() is None:
            found = [_memory(pid) for pid in descendants(process.pid)]
            proportional = sum(one[0] for one in found)
            anonymous = max(self.peak.anonymous, sum(one[1] for one in found))
            resident = max(self.peak.resident, sum(one[2] for one in found))
            after, processes = time.perf_counter() - started, len(found)
            if proportional <= self.peak.proportional:
                after, processes = self.peak.after, self.peak.processes
            highest = max(proportional, self.peak.proportional)
            self.peak = Peak(highest, anonymous, resident, after, processes)
            time.sleep(self._seconds)


def descendants(root: int) -> list[int]:
    """A process and all that it has started, directly or not."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parent = _parent(folder)
            children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _parent(folder: Path) -> int:
    try:
        # The name before it is in parentheses and may hold anything.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0


def _memory(pid: int) -> tuple[int, int, int]:
    """PSS, what of it is in no file, and RSS; bytes."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    kilobytes = {line.split()[0]: line.split()[1] for line in text.splitlines()[1:]}
    pss, anonymous, rss = (
        1024 * int(kilobytes.get(name, 0)) for name in ("Pss:", "Pss_Anon:", "Rss:")
    )
    return pss, anonymous, rss
