"""kill -9 at random moments of a whole small study, until it has gone through; Ctrl-C.

A study is started as a person starts it and killed: the main process, its whole group, one
training process, or the server that these are forked from; at a random time, or just after a
random file has been written. It is started again with --only-missing-outputs, and maybe killed
again. After every kill all files are read in full; after every end the results are compared with
those of an undisturbed study.
"""

import argparse
import os
import random
import shutil
import signal
import statistics
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import say, timed
from tests_extra.reliability import record, small, whole
from tests_extra.reliability.small import RESUME, Started, Study

_VICTIMS = {"main process": 3, "whole group": 3, "a training process": 3, "fork server": 1}
_MOST_KILLS_IN_A_ROW = 4
_AT_ONCE = 0.5  # the share of killed runs whose orphans are not waited for
_ORPHANS_MAY_LIVE = 30.0  # seconds: the fork server first ends its imports
_CTRL_C_MAY_TAKE = 15.0  # seconds
_MOST_STOPPED = 3  # studies that ended as no kill makes them: then it is pointless to go on

Marks = dict[str, tuple[int, int]]


@dataclass
class Tally:
    """What has happened so far."""

    kills: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    completed: int = 0
    files_read: int = 0
    finished_before: int = 0
    made_twice: int = 0
    stopped: int = 0
    lost: list[str] = field(default_factory=list)
    orphan_seconds: list[float] = field(default_factory=list)
    overlaps: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--interrupts", type=int, default=5, help="Ctrl-C so many times")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")


def run(given: argparse.Namespace) -> record.Figures:
    """Kill, compare, count."""
    chance = random.Random(given.seed)  # noqa: S311 - no secret
    # A shell has what it starts in the background ignore Ctrl-C, and whatever that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="regbench-kill-") as folder:
        work = Path(folder)
        study = small.make_study(work)
        started = time.monotonic()
        timed(study.command(work / "reference"))
        seconds = time.monotonic() - started
        tally.lost += [f"undisturbed: {fault}" for fault in whole.damaged(work / "reference")]
        while tally.kills.total() < given.kills and tally.stopped < _MOST_STOPPED:
            one_study(study, work, seconds, given.kills, chance, tally)
            shutil.rmtree(work / "data", ignore_errors=True)
        took = []
        for number in range(given.interrupts):
            files = chance.randint(1, 40) if number else 0  # first before there is one
            took.append(interrupt(study, work / "interrupted", files, tally))
            shutil.rmtree(work / "interrupted")
    figures: record.Figures = {
        "faults injected": dict(sorted(tally.kills.items())) | {"in all": tally.kills.total()},
        "started again with --only-missing-outputs": tally.resumed,
        "studies completed, all identical to the undisturbed one": tally.completed,
        "files read in full after kills": tally.files_read,
        "finished trainings and evaluations found at a new start": tally.finished_before,
        "of them made twice": tally.made_twice,
        "studies that ended by themselves with an error": tally.stopped,
        "orphans lived, s, at most": max(tally.orphan_seconds, default=0.0),
        "started again while orphans of the killed run were alive": tally.overlaps,
        "interrupted with Ctrl-C": len(took),
        "lost": tally.lost,
        "seed": given.seed,
        "passed": not tally.lost,
    }
    if took:
        figures["seconds from Ctrl-C to the end, median"] = statistics.median(took)
        figures["seconds from Ctrl-C to the end, at most"] = max(took)
    return record.write("kill", "kill -9 at random moments; Ctrl-C.", figures)


def one_study(
    study: Study, work: Path, seconds: float, wanted: int, chance: random.Random, tally: Tally
) -> None:
    """Start a study, kill it several times, let it complete, and compare."""
    root, planned = work / "data", chance.randint(1, _MOST_KILLS_IN_A_ROW)
    options: tuple[str, ...] = ()
    killed = 0
    left: Started | None = None  # whose orphans may still be at work
    while True:
        before = state(root)
        command = Started(study.command(root, *options))
        tally.overlaps += bool(left and left.others())
        victim = None
        if killed < planned and tally.kills.total() < wanted:
            victim = _kill(command, root, seconds, chance)
        if victim:
            killed += 1
            tally.kills[victim] += 1
        code, said = command.ended()
        name = f"kill {tally.kills.total()} ({victim})"
        if left:
            _wait_for_orphans(left, f"before {name}", tally)
            left = None
        if code == -signal.SIGKILL and chance.random() < _AT_ONCE:
            left = command
        else:
            _wait_for_orphans(command, name, tally)
        tally.lost += [f"{name}: {fault}" for fault in whole.damaged(root)]
        tally.files_read += len(whole.files(root))
        compare(before, root, name, tally)
        if code == 0:
            break
        if code != -signal.SIGKILL:
            tally.lost.append(f"{name}: exit code {code}: {said.strip()[-1500:]}")
            tally.stopped += 1
            return
        options = (RESUME,)
        tally.resumed += 1
    found = _faults_of_completed(root)
    tally.lost += [f"{name}: {fault}" for fault in found]
    tally.completed += not found
    say(f"{tally.kills.total()} kills, {tally.completed} completed, lost: {tally.lost or 'none'}")


def state(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What must still be there after the next start: what is finished, and the runs recorded."""
    try:
        return finished(root), whole.runs_in_history(root)
    except Exception:  # a history that cannot be read has been counted as lost
        return finished(root), []


def compare(before: tuple[dict[str, Any], list[str]], root: Path, name: str, tally: Tally) -> None:
    """Count what was finished before a start, and what of it was made twice or is lost."""
    after = finished(root)
    again = [run for run, marks in before[0].items() if after.get(run) != marks]
    tally.finished_before += len(before[0])
    tally.made_twice += len(again)
    tally.lost += [f"{name}: {run} was made twice" for run in again]
    tally.lost += [f"{name}: {fault}" for fault in whole.history_faults(root, before[1])]


def _faults_of_completed(root: Path) -> list[str]:
    """What is wrong with a study that has gone through, however often it was started."""
    found = whole.differences(root.with_name("reference"), root)
    found += [f"left: {path}" for path in whole.leftovers(root)]
    runs = len(whole.runs_in_history(root))
    return found if runs == 1 else [*found, f"{runs} runs in the history, not one"]


def _kill(command: Started, root: Path, seconds: float, chance: random.Random) -> str | None:
    """Wait for a random moment, kill, and say what; None if it had ended before."""
    victim = chance.choices(list(_VICTIMS), list(_VICTIMS.values()))[0]
    after_a_file = chance.random() < 0.5
    if after_a_file:
        _wait_for_files(command, root, chance.randint(1, 30))
    until = time.monotonic() + chance.uniform(0, 0.05 if after_a_file else seconds)
    command.wait_until(lambda: time.monotonic() > until)
    victims = {
        "a training process": lambda: command.trainings()[:1],
        "fork server": command.server,
    }.get(victim, lambda: [command.process.pid])
    if not command.wait_until(victims):
        return None
    for pid in victims():
        with suppress(ProcessLookupError):
            (os.killpg if victim == "whole group" else os.kill)(pid, signal.SIGKILL)
    return victim


def _wait_for_files(command: Started, root: Path, more: int) -> None:
    """Wait until so many files have been written or replaced."""
    known = _marks(root.glob("0*/**/*.*"))
    command.wait_until(lambda: len(_marks(root.glob("0*/**/*.*")).items() - known.items()) >= more)


def _marks(paths: Any) -> Marks:
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            status = path.stat()
            found[str(path)] = (status.st_ino, status.st_mtime_ns)
    return found


def finished(root: Path) -> dict[str, Marks]:
    """The trainings and evaluations that are complete, with marks of their files."""
    found: dict[str, Marks] = {}
    for technique in small.TECHNIQUES:
        for seed in small.SEEDS:
            run = f"seed_{seed}"
            models, output = root / "06_models" / technique, root / "07_model_output" / technique
            trained = [models / f"{run}.keras", models / f"{run}_fingerprint.json"]
            evaluated = [output / run / "predictions.parquet", output / run / "metrics.json"]
            for what, paths in (("training", trained), ("evaluation", evaluated)):
                marks = _marks(paths)
                if len(marks) == len(paths):
                    found[f"{what} of {technique}, seed {seed}"] = marks
    return found


def _wait_for_orphans(command: Started, name: str, tally: Tally) -> None:
    """Wait for what the study had started to end."""
    started = time.monotonic()
    while command.others():
        if time.monotonic() - started > _ORPHANS_MAY_LIVE:
            tally.lost.append(f"{name}: orphans {command.others()}")
            command.kill()
        time.sleep(0.02)
    tally.orphan_seconds.append(time.monotonic() - started)


def interrupt(study: Study, root: Path, files: int, tally: Tally) -> float:
    """Press Ctrl-C once in the middle; return the seconds that it took to end."""
    name = f"Ctrl-C after {files} files"
    command = Started(study.command(root))
    # A run that has reserved its data root is at work and has made nothing yet.
    command.wait_until(lambda: list(root.glob(".runs/*.json")))
    if files:
        _wait_for_files(command, root, files)
    with suppress(ProcessLookupError):
        os.killpg(command.process.pid, signal.SIGINT)
    started = time.monotonic()
    code, said = command.ended()
    seconds = time.monotonic() - started
    _wait_for_orphans(command, name, tally)
    ends = said.strip().splitlines()[-1:]
    if code != 130 or "goes on from there" not in str(ends) or "Traceback" in said:
        tally.lost.append(f"{name}: exit code {code}: {said.strip()[-300:]}")
    if seconds > _CTRL_C_MAY_TAKE:
        tally.lost.append(f"{name}: it took {seconds:.0f} s")
    tally.lost += [f"{name}: {fault}" for fault in whole.damaged(root)]
    before = state(root)
    code, said = Started(study.command(root, RESUME)).ended()
    tally.lost += [f"{name}: then exit code {code}: {said.strip()[-300:]}"] if code else []
    compare(before, root, name, tally)
    tally.lost += [f"{name}: {fault}" for fault in _faults_of_completed(root)]
    say(f"{name}: {seconds:.1f} s, lost: {tally.lost or 'none'}")
    return seconds
