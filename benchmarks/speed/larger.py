"""A set of images that is about as large as the memory: does a run complete?"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from benchmarks.speed import sets
from benchmarks.speed.harness import (
    ROOT,
    BenchmarkError,
    Figure,
    Options,
    Outcome,
    Side,
    readable,
    say,
)
from benchmarks.speed.memory import Watch
from benchmarks.speed.processes import kedro_run, timed

SIDE = 128
UNITS = 100
_PATIENCE = 20  # seconds that helper processes get to end
ROOTS = {1: Path("/sys/fs/cgroup/memory"), 2: Path("/sys/fs/cgroup")}


def measure_larger_than_memory(options: Options, rounds: int) -> Outcome:
    """Run under a cap that the kernel enforces (a cgroup)."""
    gigabytes = options.larger_images * SIDE * SIDE * 3 / 1e9
    what = f"{options.larger_images:,} RGB images of {SIDE} x {SIDE} under a {options.cap} MB cap"
    images = sets.coloured(options, options.larger_images, SIDE)
    notes = [
        f"The images are {gigabytes:.2f} GB as uint8 and {4 * gigabytes:.2f} GB as float32. The "
        "cap is a cgroup's, without swap: it counts all processes and, until the kernel drops "
        "them, the pages of files that they are the first to read; nothing is in the page cache "
        "before.",
        f"The network has five hidden layers of {UNITS} units instead of 500: with 500, 25 million "
        "weights, gradients, Adam's moments and copies of them take 0.6 GB, and do not fit.",
    ]
    seconds, peaks, counted, completed, kills = [], [], [], [], []
    for number in range(1, rounds + 1):
        with _capped(options.cap * 10**6) as group:
            if group is None:
                skipped = "Skipped: no memory cgroup can be made here (it takes root on Linux)."
                say(f"  {skipped}")
                return Outcome([], [], [skipped])
            _empty_page_cache()
            watch = Watch()
            command = kedro_run(
                f"--conf-source={_conf(options)}",
                "--runner-params=max_workers=1",
                pipelines=["baseline"],
                images=images,
                data_root=options.folder("larger"),
                ingest__mode="RGB",
                ingest__size=SIDE,
                protocol__epochs=1,
                protocol__seeds=1,
            )
            capped = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.tasks), *command]
            took, code, log = timed(capped, watch=watch, may_fail=True)
            kills.append(group.kills())
            counted.append(group.peak() / 1e6)
        completed.append(code == 0)
        seconds.append(took)
        peaks.append(watch.peak.proportional / 1e6)
        verdict = "completed" if code == 0 else f"exit code {code}, {kills[-1]} processes killed"
        say(
            f"  round {number} of {rounds}: {verdict} after {took:.0f} s, "
            f"peak {readable(counted[-1])} MB by the cgroup, {readable(peaks[-1])} MB PSS"
        )
        if code:
            lines = [line for line in log.splitlines() if line.strip()]
            notes.append(f"Round {number}: {verdict}: {lines[-1] if lines else 'no message'}")
    sides = [
        Side("run", "s", seconds),
        Side("peak memory as the cgroup counts it", "MB", counted),
        Side("peak memory (PSS), with pages of files that others read, too", "MB", peaks),
    ]
    figures = [
        Figure(f"{what}: share of runs that complete", sum(completed) / rounds, 1.0, False),
        Figure("processes that the kernel killed", sum(kills), 0),
    ]
    return Outcome(sides, figures, notes)


def _empty_page_cache() -> None:
    """Have every page of a file counted for who reads it now; root's right, on Linux."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError as error:
        raise BenchmarkError(f"the page cache cannot be emptied: {error.strerror}") from None


def _conf(options: Options) -> Path:
    """The project's configuration without ZCA, which no image of this size can have.

    And with fewer units: the first layer of the study's 500 alone has 25 million weights for such
    images, and with gradients, Adam's two moments and copies they take 600 MB.
    """
    conf = options.folder("larger") / "conf"
    shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("local"))
    (conf / "local").mkdir()
    for name, changed in {
        "techniques": {"zca": None, "zca_dropout": None},
        "protocol": {"network": {"hidden_units": [UNITS] * 5}},
    }.items():
        file = conf / "local" / f"parameters_{name}.yml"
        file.write_text(yaml.safe_dump({name: changed}))
    return conf


class Cgroup:
    """A memory cgroup of either version."""

    def __init__(self, version: int, folder: Path, cap: int) -> None:
        """Make it.

        Raises:
            OSError: It cannot be made.
        """
        self.version, self.folder = version, folder
        self.tasks = folder / "cgroup.procs"
        folder.mkdir()
        try:
            self._write(("memory.limit_in_bytes", "memory.max"), cap)
            # Both together where swap is accounted for; version 2 limits swap alone.
            swap = ("memory.memsw.limit_in_bytes", "memory.swap.max")
            if (folder / swap[version - 1]).exists():
                self._write(swap, cap if version == 1 else 0)
        except OSError:
            folder.rmdir()
            raise

    def kills(self) -> int:
        """How many processes the kernel killed for want of memory."""
        name = ("memory.oom_control", "memory.events")[self.version - 1]
        lines = (self.folder / name).read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def peak(self) -> int:
        """The most bytes that were counted at a time."""
        name = ("memory.max_usage_in_bytes", "memory.peak")[self.version - 1]
        return int((self.folder / name).read_text())

    def remove(self) -> None:
        """Remove it once its last process has ended; what is left after a while is killed."""
        deadline = time.monotonic() + _PATIENCE
        while left := self.tasks.read_text().split():
            if time.monotonic() > deadline:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)
        self.folder.rmdir()

    def _write(self, names: tuple[str, str], value: int) -> None:
        (self.folder / names[self.version - 1]).write_text(str(value))


@contextmanager
def _capped(cap: int) -> Iterator[Cgroup | None]:
    """A cgroup with a limit in bytes; None if none can be made."""
    group = None
    for version, root in ROOTS.items():
        try:
            group = Cgroup(version, root / f"regbench-{os.getpid()}", cap)
            break
        except OSError:
            continue
    try:
        yield group
    finally:
        if group:
            group.remove()
