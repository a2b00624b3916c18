"""Hundreds of small runs in one data root: does anything grow?

A run trains a network again and evaluates it, as a nightly run does after a change. Runs are
made in one process, as a program that imports RegBench makes them: with training processes (the
default runner) and without (Kedro's sequential runner). Every tenth run compiles the report.
Watched are the memory of the process, its open files, threads and processes; the data root and
temporary files; the history, which has to have a run for every report; and the processor time that
a run takes, apart for runs that compile the report. How long a run takes is told, not judged: the
machine may have been busier.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.harness import ROOT, descendants, memory, readable, stat, timed
from tests_extra.reliability import record, whole
from tests_extra.reliability.small import make_study

_ABOUT = {
    "process": "Runs in one process, with training processes.",
    "sequential": "Runs in one process that trains itself.",
}
_TECHNIQUE = "dropout"
_REPORTS = 10  # every so many runs
HISTORY = "runs in the history"  # has to grow, by one with every report
_MAY_GROW = {  # per cent, in all
    **dict.fromkeys(("memory, MB", "children's memory, MB"), 5),
    "bytes in the data root": 0.01,
    **dict.fromkeys(("processor seconds", "processor seconds, with the report"), 10),
    **dict.fromkeys(("open files", "threads", "processes"), 0),
    **dict.fromkeys(("files in the data root", "leftovers", "temporary files"), 0),
}
Seen = list[dict[str, float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(_ABOUT)}; default: all")
    parser.add_argument("--runs", type=int, default=200, help="of each kind")
    parser.add_argument("--in-process", help=argparse.SUPPRESS)  # the one process itself


def run(given: argparse.Namespace) -> record.Figures:
    """Make the runs and see what has grown."""
    if given.in_process:
        _in_process(**json.loads(given.in_process))
        return {"passed": True}
    passed = True
    for kind in given.kinds or _ABOUT:
        with tempfile.TemporaryDirectory(prefix=f"regbench-soak-{kind}-") as folder:
            work = Path(folder)
            (work / "tmp").mkdir()
            rows = summary(_process(work, given.runs, kind))
        grown = [row["what"] for row in rows if row["flat"] is False]
        figures = {"consecutive runs": given.runs, "failed": 0}  # the first that fails ends it
        figures["from the first to the last, medians"] = {
            row["what"]: f"{readable(row['at the beginning'])} to {readable(row['at the end'])}"
            for row in rows
        }
        figures |= {"grown": grown, "passed": not grown, "cases": rows}
        passed &= record.write(f"soak {kind}", _ABOUT[kind], figures)["passed"]
    return {"passed": passed}


def summary(seen: Seen) -> list[dict[str, Any]]:
    """Compare the runs at the beginning, after a tenth of all to warm up, with those at the end.

    A tenth of the values each, and five where there are fewer than fifty: a full collection of
    Python's garbage takes a third of a second, and falls into some of the runs. ``flat`` says
    whether a value has stayed, or has grown as it should; nothing of one measured less than four
    times.
    """
    rows = []
    for what in dict.fromkeys(what for one in seen for what in one):
        measured = [n for n in range(len(seen) // 10, len(seen)) if what in seen[n]]
        some = max(1, len(measured) // 10, min(5, len(measured) // 2))
        parts = measured[:some], measured[-some:]
        begin, end = (statistics.median(seen[n][what] for n in part) for part in parts)
        between = statistics.median(parts[1]) - statistics.median(parts[0])
        flat: bool | str = ""
        if what == HISTORY:
            flat = _is_intact([one[what] for one in seen])
        elif what in _MAY_GROW and len(measured) >= 4:
            flat = end - begin <= begin * _MAY_GROW[what] / 100
        row = {"what": what, "at the beginning": begin, "at the end": end}
        rows.append(row | {"a run adds": (end - begin) / max(1, between), "flat": flat})
    return rows


def _is_intact(runs: list[float]) -> bool:
    """Whether a history has had a run for the study and for every report, and never lost one."""
    expected = 1 + len(runs) // _REPORTS
    return runs[-1] == expected and all(now >= before for before, now in pairwise(runs))


def _process(work: Path, runs: int, kind: str) -> Seen:
    """All runs in one process, as a Python program makes them."""
    study, told = make_study(work), work / "told.jsonl"
    given = {"conf": str(study.conf), "images": str(study.images), "root": str(work / "data")}
    given |= {"runs": runs, "kind": kind, "told": str(told)}
    command = [sys.executable, "-m", "tests_extra.reliability", "soak"]
    timed([*command, f"--in-process={json.dumps(given)}"], {"TMPDIR": str(work / "tmp")})
    return [json.loads(line) for line in told.read_text().splitlines()]


def _in_process(conf: str, images: str, root: str, runs: int, kind: str, told: str) -> None:
    import pyarrow
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    from regbench.runs.runner import StudyRunner

    # Arrow makes a thread for reading when reads overlap, up to eight and once for all: with one
    # from the beginning, any further thread has another reason.
    pyarrow.set_io_thread_count(1)
    runner = StudyRunner if kind == "process" else SequentialRunner
    parameters = {"images": images, "data_root": root}
    for number in range(runs + 1):
        forget_one_run(Path(root))
        started, used = time.perf_counter(), processor_seconds(os.getpid())
        bootstrap_project(ROOT)
        with KedroSession.create(
            project_path=ROOT, conf_source=conf, runtime_params=parameters
        ) as session:
            session.run(
                pipeline_names=_pipelines(number) if number else [],  # the first trains everything
                runner=runner(),
                only_missing_outputs=number > 0,
            )
        seconds = time.perf_counter() - started
        used = processor_seconds(os.getpid()) - used
        if number:
            found = times(number, seconds, used) | _of_process()
            found |= of_folders(Path(root), Path(tempfile.gettempdir()))
            with Path(told).open("a") as file:
                file.write(json.dumps(found) + "\n")


def _pipelines(number: int) -> list[str]:
    """Of the run of a number."""
    return [_TECHNIQUE, *(["reporting"] if number % _REPORTS == 0 else [])]


def times(number: int, seconds: float, used: float) -> dict[str, float]:
    """What a run took, and how much of the processor; those with the report are told apart."""
    apart = ", with the report" if number % _REPORTS == 0 else ""
    return {f"seconds{apart}": seconds, f"processor seconds{apart}": used}


def processor_seconds(pid: int) -> float:
    """What a process has used, and those that it has started, at work or ended and waited for."""
    # utime, stime, cutime, cstime
    ticks = sum(sum(map(int, stat(one)[11:15])) for one in descendants(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def forget_one_run(root: Path) -> None:
    """Remove a network, and what was collected of it, as if it had not been trained yet."""
    (root / f"07_model_output/{_TECHNIQUE}/results.zip").unlink(missing_ok=True)
    (root / f"06_models/{_TECHNIQUE}/seed_2.keras").unlink(missing_ok=True)


def _of_process() -> dict[str, float]:
    """What may grow in this process; memory that is no file's."""
    me, *others = descendants(os.getpid())
    return {
        "memory, MB": memory(me, "Pss_Anon"),
        "children's memory, MB": sum(memory(pid, "Pss_Anon") for pid in others),
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "processes": len(others),
    }


def of_folders(root: Path, temporary: Path) -> dict[str, float]:
    """What may grow outside of a process."""
    history = root / "09_history"  # the one thing that has to grow
    paths = [p for p in root.rglob("*") if p.is_file() and not p.is_relative_to(history)]
    table = history / "history.parquet"
    return {
        HISTORY: pd.read_parquet(table)["run"].nunique() if table.exists() else 0,
        "files in the data root": len(paths),
        "bytes in the data root": sum(path.stat().st_size for path in paths),
        "leftovers": len(whole.leftovers(root)),
        "temporary files": len(list(temporary.iterdir())),
    }
