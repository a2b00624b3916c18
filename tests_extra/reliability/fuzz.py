"""Damaged pictures, zips, label files and settings, read by RegBench's own code.

Every input is read in a child process with a limit of memory and time. What counts as a failure:
any error but RegBench's own, a crash or a hang of the process, a message of several lines, a file
written, a program started or an address asked for.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, cores, say
from tests_extra.reliability import mutations, record

MEGABYTES, SECONDS = 2000, 60  # that reading an input may take
FINE = ("read", "rejected", "stopped")
Event = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``fuzz``."""
    parser.add_argument("--inputs", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of all inputs")
    parser.add_argument("--only", type=int, help="one input by its number, to look at it again")


def run(given: argparse.Namespace) -> record.Figures:
    """Read all inputs; print the figures and write them down."""
    only, started = given.only, time.monotonic()
    numbers = range(given.inputs) if only is None else range(only, only + 1)
    events = fuzz(numbers, given.seed, cores(), ROOT / "data/fuzz", MEGABYTES, SECONDS)
    failures = [one for one in events if one["outcome"] not in FINE]
    for one in failures:
        say(f"{one['outcome']}: input {one['end']} ({one['of']}), kept as {one['kept']}: {one}")
    if only is not None:
        return {"passed": not failures}
    by_kind = {kind: Counter[str]() for kind in mutations.SHARES}
    for one in events:
        by_kind[one["kind"]][one["outcome"] if one["outcome"] in FINE else "failed"] += 1
    largest, longest = (max(events, key=lambda one: one[key]) for key in ("bytes", "seconds"))
    figures: record.Figures = {
        "inputs": f"{len(events):,}, seed {given.seed}",
        "failed": [f"input {one['end']}: {one['outcome']}" for one in failures],
        "most memory for one input": f"{largest['bytes'] / 1e6:.0f} MB (input {largest['end']}, "
        f"{largest['of']}), of {MEGABYTES:,} MB allowed",
        "most time for one input": f"{longest['seconds']:.1f} s of processor time (input "
        f"{longest['end']}, {longest['of']}); after {SECONDS} s it would count as a hang",
        "took, s": time.monotonic() - started,
        "passed": not failures and len(events) == len(numbers),
        **{kind: dict(of) for kind, of in by_kind.items()},
    }
    return record.write("fuzz", "Damaged inputs, read by RegBench's own code.", figures)


def fuzz(
    numbers: range, seed: int, processes: int, keep: Path, memory: int, seconds: int
) -> list[Event]:
    """Read inputs in child processes, each with ``memory`` MB beyond what it has at the start.

    An ``outcome`` that is not in ``FINE`` is a failure, and ``kept``.
    """
    parts = [numbers[first::processes] for first in range(min(processes, len(numbers)))]
    with ThreadPoolExecutor(len(parts)) as pool:
        made = pool.map(lambda part: _read(part, seed, memory, seconds), parts)
    events = [event for part in made for event in part]
    for event in events:
        if event["outcome"] not in FINE:
            one = mutations.make(seed, event["end"])
            event["kept"] = f"{seed}-{one.number}-{one.of.replace(' ', '-')}"
            keep.mkdir(parents=True, exist_ok=True)
            (keep / event["kept"]).write_bytes(one.data)
    return events


def _read(numbers: range, seed: int, memory: int, seconds: int) -> list[Event]:
    """Have inputs read one after the other; where a child is lost, go on after the input."""
    events: list[Event] = []
    while numbers:
        with tempfile.TemporaryDirectory(prefix="regbench-fuzz-") as scratch:
            code, told, said = _child(numbers, seed, memory, seconds, Path(scratch))
        events += [event for event in told if "end" in event]
        if code == 0:
            break
        if not told:
            raise RuntimeError(f"a child could not start: {said}")
        last = told[-1]["begin"]
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        event = {"end": last, "kind": told[-1]["kind"], "of": told[-1]["of"], "seconds": 0.0}
        event |= {"outcome": "hang" if code == -signal.SIGALRM else "crash", "bytes": 0}
        events.append(event | {"detail": f"{how}: {said}"})
        numbers = numbers[numbers.index(last) + 1 :]
        say(f"  input {last}: {how}")
    return events


def _child(
    numbers: range, seed: int, memory: int, seconds: int, scratch: Path
) -> tuple[int, list[Event], str]:
    """Run one child as far as it comes; return exit code, what it told, and what it said last."""
    folders = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache"}
    for folder in (*folders.values(), "work"):
        (scratch / folder).mkdir()
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {key: str(scratch / name) for key, name in folders.items()}
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "KEDRO_LOGGING_CONFIG": str(ROOT / "conf/logging.yml"),
    }
    given = [seed, numbers.start, numbers.stop, numbers.step, memory * 1_000_000, seconds, scratch]
    command = [sys.executable, "-m", "tests_extra.reliability.fuzz_child", *map(str, given)]
    with (
        tempfile.TemporaryFile("w+") as told,
        tempfile.TemporaryFile("w+", errors="replace") as log,
    ):
        code = subprocess.run(
            [*command, str(told.fileno())],
            cwd=scratch / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[told.fileno()],
            check=False,
        ).returncode
        for file in (told, log):
            file.seek(0)
        return code, list(map(json.loads, told)), " ".join(log.read()[-1500:].split())
