"""Hundreds of small runs in one data root: does anything grow?

A run trains a network again and evaluates it, as a nightly run does after a change. Runs are
made in one process, as a program that imports RegBench makes them: with training processes (the
default runner) and without (Kedro's sequential runner); and as commands of their own, of which
only every tenth trains, and the others put a technique's results together again. Every tenth run
compiles the report. Watched are the memory of the process, its open files, threads and
processes; the data root and temporary files; the history, which has to have a run for every
report; and the processor time that a run takes, apart for runs that compile the report. How long
a run takes is told, not judged: the machine may have been busier.
"""

import argparse
import ctypes
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.reliability import record, whole
from benchmarks.reliability.small import Study, finish, make_study
from benchmarks.speed.harness import ROOT, BenchmarkError, say
from benchmarks.speed.memory import descendants

_ABOUT = {
    "process": "Runs in one process, with training processes.",
    "sequential": "Runs in one process that trains itself.",
    "commands": "Runs as commands.",
}
_TECHNIQUE = "dropout"
_TRAINS = 10  # every so many commands
_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h
_WARM = 0.1  # the share of runs at the start that may still import and compile
_LEAST = 5  # values at the beginning, and as many at the end
_RUNNERS = {"process": "StudyRunner", "sequential": "SequentialRunner"}
_KINDS = (*_RUNNERS, "commands")
_MAY_GROW = {
    "memory, MB": 5,
    "children's memory, MB": 5,
    "bytes in the data root": 0.01,
    "processor seconds": 10,
    "processor seconds, with the report": 10,
}  # per cent, in all
_HISTORY = "runs in the history"  # has to grow, by one with every report
_FLAT = (
    *("open files", "threads", "processes", "files in the data root", "leftovers"),
    "temporary files",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(_KINDS)}; default: all")
    parser.add_argument("--runs", type=int, default=200, help="of each kind")
    parser.add_argument("--in-process", help=argparse.SUPPRESS)  # the one process itself
    record.add_out(parser)


def run(arguments: argparse.Namespace) -> record.Figures:
    """Make the runs and see what has grown."""
    if arguments.in_process:
        _in_process(json.loads(arguments.in_process))
        return {"passed": True}
    passed = True
    for kind in arguments.kinds or _KINDS:
        with tempfile.TemporaryDirectory(prefix=f"regbench-soak-{kind}-") as folder:
            if kind == "commands":
                seen = _commands(Path(folder), arguments.runs)
            else:
                seen = _process(Path(folder), arguments.runs, _RUNNERS[kind])
        rows = summary(seen)
        figures = {
            "consecutive runs": arguments.runs,
            "failed": 0,  # the first that fails ends the measurement
            "grown": [row["what"] for row in rows if row["flat"] is False],
            "passed": all(row["flat"] is not False for row in rows),
            "cases": rows,
        }
        record.write(arguments.out, f"soak {kind}", _ABOUT[kind], figures)
        passed = passed and figures["passed"]
    return {"passed": passed}


def summary(seen: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Compare the runs at the beginning, after a tenth of all to warm up, with those at the end.

    A tenth of the values each, and five where there are fewer than fifty: a full collection of
    Python's garbage takes a third of a second, and falls into some of the runs.

    Args:
        seen: What was measured after each; not every value after every run.

    Returns:
        A row per measured value; ``flat`` says whether it has stayed, or has grown as it should.
        Nothing is said of a value that was measured less than four times.
    """
    warm = int(_WARM * len(seen))
    rows = []
    for what in dict.fromkeys(what for one in seen for what in one):
        measured = [number for number in range(warm, len(seen)) if what in seen[number]]
        some = max(1, len(measured) // 10, min(_LEAST, len(measured) // 2))
        first, last = measured[:some], measured[-some:]
        begin, end = (_median([seen[number][what] for number in part]) for part in (first, last))
        between = _median(last) - _median(first)
        rows.append(
            {
                "what": what,
                "at the beginning": begin,
                "at the end": end,
                "a run adds": (end - begin) / max(1, between),
                "flat": _verdict(what, begin, end) if len(measured) >= 4 else "",
            }
        )
        if what == _HISTORY:
            rows[-1]["flat"] = _is_intact([one[what] for one in seen])
    return rows


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def _verdict(what: str, begin: float, end: float) -> bool | str:
    if what not in (*_MAY_GROW, *_FLAT):
        return ""
    return end - begin <= begin * _MAY_GROW.get(what, 0) / 100


def _is_intact(runs: list[float]) -> bool:
    """Whether a history has had a run for the study and for every report, and never lost one."""
    expected = 1 + len(runs) // _TRAINS
    return runs[-1] == expected and all(now >= before for before, now in pairwise(runs))


def _process(work: Path, runs: int, runner: str) -> list[dict[str, float]]:
    """All runs in one process, as a Python program makes them."""
    study = make_study(work)
    told = work / "told.jsonl"
    temporary = work / "tmp"
    temporary.mkdir()
    given = {
        "conf": str(study.conf),
        "images": str(study.images),
        "root": str(work / "data"),
        "runs": runs,
        "runner": runner,
        "told": str(told),
    }
    command = [sys.executable, "-m", "benchmarks.reliability", "soak"]
    command.append(f"--in-process={json.dumps(given)}")
    with (work / "log").open("w") as log:
        code = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=log,
            stderr=log,
            check=False,
        ).returncode
    if code:
        raise BenchmarkError(f"the process ended with {code}: {(work / 'log').read_text()[-2000:]}")
    return [json.loads(line) for line in told.read_text().splitlines()]


def _in_process(given: dict[str, Any]) -> None:
    import pyarrow
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    from regbench.runs.runner import StudyRunner

    # Arrow makes a thread for reading when reads overlap, up to eight and once for all: with one
    # from the beginning, any further thread has another reason.
    pyarrow.set_io_thread_count(1)
    runner = {"StudyRunner": StudyRunner, "SequentialRunner": SequentialRunner}[given["runner"]]
    root = Path(given["root"])
    with Path(given["told"]).open("w") as told:
        for number in range(given["runs"] + 1):
            forget_one_run(root, trained=True)
            started, used = time.perf_counter(), processor_seconds(os.getpid())
            bootstrap_project(ROOT)
            with KedroSession.create(
                project_path=ROOT,
                conf_source=given["conf"],
                runtime_params={"images": given["images"], "data_root": given["root"]},
            ) as session:
                session.run(
                    pipeline_names=[] if number == 0 else _pipelines(number),
                    runner=runner(),
                    only_missing_outputs=number > 0,
                )
            seconds = time.perf_counter() - started
            used = processor_seconds(os.getpid()) - used
            if number:  # the first one trains everything
                found = times(number, seconds, used)
                found |= measured(root, Path(tempfile.gettempdir()))
                told.write(json.dumps(found) + "\n")
                told.flush()


def _pipelines(number: int) -> list[str]:
    """Of the run of a number."""
    return [_TECHNIQUE, *(["reporting"] if number % _TRAINS == 0 else [])]


def _commands(work: Path, runs: int) -> list[dict[str, float]]:
    """Every run as a command of its own."""
    study = make_study(work)
    root, temporary = work / "data", work / "tmp"
    temporary.mkdir()
    _adopt_orphans()
    code, said = finish(study.command(root))
    _bury_orphans()
    if code:
        raise BenchmarkError(f"the study ended with exit code {code}: {said}")
    found = []
    for number in range(1, runs + 1):
        forget_one_run(root, trained=number % _TRAINS == 0)
        found.append(_one_command(study, root, temporary, number))
        if number % _TRAINS == 0:
            say(f"  {number} of {runs}")
    return found


def _one_command(study: Study, root: Path, temporary: Path, number: int) -> dict[str, float]:
    pipelines = ",".join(_pipelines(number))
    command = study.command(root, f"--pipelines={pipelines}", "--only-missing-outputs")
    started, used = time.perf_counter(), _used_by_children()
    code, said = finish(command, {"TMPDIR": str(temporary)})
    seconds = time.perf_counter() - started
    _bury_orphans()
    if code:
        raise BenchmarkError(f"run {number} ended with exit code {code}: {said}")
    return times(number, seconds, _used_by_children() - used) | of_folders(root, temporary)


def times(number: int, seconds: float, used: float) -> dict[str, float]:
    """What a run took, and how much of the processor; those with the report are told apart."""
    apart = ", with the report" if number % _TRAINS == 0 else ""
    return {f"seconds{apart}": seconds, f"processor seconds{apart}": used}


def processor_seconds(pid: int) -> float:
    """What a process has used, and those that it has started, at work or ended and waited for."""
    ticks = 0
    for one in descendants(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / os.sysconf("SC_CLK_TCK")


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _adopt_orphans() -> None:
    """Have what a command leaves behind become children of this process, which count their time.

    The server that training processes are forked from ends after the command that started it.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _bury_orphans() -> None:
    """Wait until all of them have ended."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def forget_one_run(root: Path, *, trained: bool) -> None:
    """Remove a technique's results, or a network, as if it had not been trained yet."""
    (root / f"07_model_output/{_TECHNIQUE}/results.zip").unlink(missing_ok=True)
    if trained:
        (root / f"06_models/{_TECHNIQUE}/seed_2.keras").unlink(missing_ok=True)


def measured(root: Path, temporary: Path) -> dict[str, float]:
    """What may grow in this process and around it."""
    me = os.getpid()
    others = [pid for pid in descendants(me) if pid != me]
    return of_folders(root, temporary) | {
        "memory, MB": _memory(me),
        "children's memory, MB": sum(_memory(pid) for pid in others),
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "processes": len(others),
    }


def of_folders(root: Path, temporary: Path) -> dict[str, float]:
    """What may grow outside of a process."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    history = root / "09_history"  # the one thing that has to grow
    sizes = [path.stat().st_size for path in paths if not path.is_relative_to(history)]
    table = history / "history.parquet"
    return {
        _HISTORY: pd.read_parquet(table)["run"].nunique() if table.exists() else 0,
        "files in the data root": len(sizes),
        "bytes in the data root": sum(sizes),
        "leftovers": len(whole.leftovers(root)),
        "temporary files": len(list(temporary.iterdir())),
    }


def _memory(pid: int) -> float:
    """A process' share of memory that is no file's, in MB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kilobytes = {line.split()[0]: int(line.split()[1]) for line in lines}
    return kilobytes["Pss_Anon:"] / 1024
