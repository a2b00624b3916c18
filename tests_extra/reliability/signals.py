"""Ctrl-C, SIGTERM and SIGHUP at random moments of a study, from its first milliseconds, once and
twice: one line, the right exit code, no process and no file left.
"""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.harness import say
from tests_extra.reliability import record, small
from tests_extra.reliability.small import Started, Study

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
_MAY_TAKE = 15.0  # seconds
_PYTHON_STARTS = 0.03  # seconds; before, there is no code that could handle a signal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("--moments", type=int, default=40)
    parser.add_argument("--until", type=float, default=12.0, help="seconds after the start")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")


def run(given: argparse.Namespace) -> record.Figures:
    """Send signals, look at what is left."""
    chance = random.Random(given.seed)  # noqa: S311 - no secret
    # A shell has what it starts in the background ignore Ctrl-C, and whatever that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found: list[str] = []
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="regbench-signals-") as folder:
        study = small.make_study(Path(folder))
        for turn in range(given.moments):
            number = list(CODES)[turn % len(CODES)]
            # Half of the moments in the first four seconds, in which everything is started.
            moment = chance.uniform(_PYTHON_STARTS, 4.0 if turn % 2 else given.until)
            twice = chance.choice((None, 0.0, 0.02, 0.5))
            whole_group = chance.random() < 0.7  # as a terminal does; otherwise as `kill` does
            name = f"{number.name} at {moment:.2f} s"
            name += "" if twice is None else f", again {twice:g} s later"
            name += ", to the group" if whole_group else ""
            faults, seconds = stop(study, Path(folder), number, moment, twice, whole_group)
            took += [seconds]
            found += [f"{name}: {fault}" for fault in faults]
            say(f"{name}: ended after {seconds:.1f} s; {faults or 'no fault'}")
    figures: record.Figures = {
        "moments": given.moments,
        "seconds from the signal to the end of all processes, at most": max(took),
        "faults": found,
        "seed": given.seed,
        "passed": not found,
    }
    return record.write("signals", "Signals at random moments, once and twice.", figures)


def stop(
    study: Study,
    folder: Path,
    number: signal.Signals,
    moment: float,
    twice: float | None,
    whole_group: bool,
) -> tuple[list[str], float]:
    """Start a study, send a signal, and return the faults and the seconds that the end took."""
    root, temporary = folder / "data", folder / "tmp"
    temporary.mkdir()
    command = Started(study.command(root), {"TMPDIR": str(temporary)})
    until = time.monotonic() + moment
    command.wait_until(lambda: time.monotonic() > until)
    is_over = not command.runs()
    sent = time.monotonic()
    for pause in (0.0, *([] if twice is None else [twice])):
        time.sleep(pause)
        with suppress(ProcessLookupError):
            (os.killpg if whole_group else os.kill)(command.process.pid, number)
    while (command.runs() or command.others()) and time.monotonic() - sent < _MAY_TAKE:
        time.sleep(0.02)
    seconds = time.monotonic() - sent
    faults = [f"process {pid} left" for pid in command.others()]
    if command.runs():
        faults.append("not ended")
    if faults:
        command.kill()
    code, said = command.ended()
    faults += _faults(code, said, CODES[number], is_over=is_over)
    faults += [
        f"file left: {path}"
        for path in (*temporary.rglob("*"), *root.glob(".runs/*"), *root.rglob(".*.partial*"))
        if path.name != "lock"  # stays: two runs that start at once must meet at one file
    ]
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(temporary, ignore_errors=True)
    return faults, seconds


def _faults(code: int, said: str, due: int, *, is_over: bool) -> list[str]:
    """Return what is wrong with an exit code, and with what was written to standard error."""
    if (is_over or "completed successfully" in said) and code == 0:
        return []
    faults = [] if code == due else [f"exit code {code}, not {due}"]
    lines = [line for line in said.splitlines() if line.startswith("Error: ")]
    if "Traceback" in said or "Exception ignored" in said:
        faults.append(f"a stack trace: {said[-2000:]}")
    if len(lines) != 1 or not said.rstrip().splitlines()[-1].startswith("Error: "):
        faults.append(f"not one line: {said[-500:]!r}")
    return faults
