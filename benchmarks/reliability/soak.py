"""Hundreds of small runs in one data root: does anything grow?

A run trains one network again, evaluates it and compiles the report, as a nightly run does after
a change. They are made in one process, as a scheduler that imports RegBench makes them, and as
commands of their own. Watched are the memory of the process, its open files and threads; the data
root, temporary files and processes left behind; and the time that a run takes.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability import record, whole
from benchmarks.reliability.small import Study, finish, make_study
from benchmarks.speed.harness import ROOT, BenchmarkError, say

ABOUT = "Consecutive small runs in one data root, in one process and as commands."
_TECHNIQUE = "dropout"
_PIPELINES = (_TECHNIQUE, "reporting")
_WARM = 0.1  # the share of runs at the start that may still import and compile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("--runs", type=int, default=200, help="of each kind")
    parser.add_argument("--only", choices=("process", "commands"), help="one kind; default: both")
    parser.add_argument("--in-process", help=argparse.SUPPRESS)  # the one process itself
    record.add_out(parser)


def run(arguments: argparse.Namespace) -> record.Figures:
    """Make the runs and fit lines."""
    if arguments.in_process:
        _in_process(json.loads(arguments.in_process))
        return {"passed": True}
    figures: record.Figures = {}
    kinds = {"process": _process, "commands": _commands}
    for kind, make in kinds.items():
        if arguments.only not in (None, kind):
            continue
        with tempfile.TemporaryDirectory(prefix=f"regbench-soak-{kind}-") as folder:
            found = _summary(make(Path(folder), arguments.runs), kind)
        figures = {**figures, **found}
        say(f"{kind}: {found}")
    figures["passed"] = all(value for name, value in figures.items() if name.endswith("flat"))
    name = "soak" if arguments.only is None else f"soak-{arguments.only}"
    record.write(arguments.out, name, ABOUT, figures)
    return figures


def _process(work: Path, runs: int) -> list[dict[str, float]]:
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
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from regbench.runner import StudyRunner

    root = Path(given["root"])
    with Path(given["told"]).open("w") as told:
        for number in range(given["runs"] + 1):
            started = time.perf_counter()
            forget_one_run(root)
            bootstrap_project(ROOT)
            with KedroSession.create(
                project_path=ROOT,
                conf_source=given["conf"],
                runtime_params={"images": given["images"], "data_root": given["root"]},
            ) as session:
                session.run(
                    pipeline_names=[] if number == 0 else list(_PIPELINES),
                    runner=StudyRunner(),
                    only_missing_outputs=number > 0,
                )
            seconds = time.perf_counter() - started
            if number:  # the first one trains everything
                told.write(json.dumps(measured(root, Path(tempfile.gettempdir()), seconds)) + "\n")
                told.flush()


def _commands(work: Path, runs: int) -> list[dict[str, float]]:
    """Every run as a command of its own."""
    study = make_study(work)
    root, temporary = work / "data", work / "tmp"
    temporary.mkdir()
    code, said = finish(study.command(root))
    if code:
        raise BenchmarkError(f"the study ended with exit code {code}: {said}")
    found = []
    for number in range(1, runs + 1):
        forget_one_run(root)
        found.append(_one_command(study, root, temporary))
        if number % 20 == 0:
            say(f"  {number} commands: {found[-1]}")
    return found


def _one_command(study: Study, root: Path, temporary: Path) -> dict[str, float]:
    command = study.command(root, f"--pipelines={','.join(_PIPELINES)}", "--only-missing-outputs")
    started = time.perf_counter()
    code, said = finish(command, {"TMPDIR": str(temporary)})
    seconds = time.perf_counter() - started
    if code:
        raise BenchmarkError(f"a run ended with exit code {code}: {said}")
    of_process = ("memory, MB", "children's memory, MB", "open files", "threads", "processes")
    found = measured(root, temporary, seconds)
    # The command has ended: the most that any has taken stands in for its memory.
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {key: v for key, v in found.items() if key not in of_process} | {
        "most memory of a process so far, MB": most
    }


def forget_one_run(root: Path) -> None:
    """Remove a network, as if it had not been trained yet."""
    (root / f"06_models/{_TECHNIQUE}/seed_2.keras").unlink(missing_ok=True)


def measured(root: Path, temporary: Path, seconds: float) -> dict[str, float]:
    """What may grow."""
    me = Path("/proc/self")
    lines = (me / "smaps_rollup").read_text().splitlines()[1:]
    memory = {line.split()[0]: int(line.split()[1]) for line in lines}
    all_files = [path for path in root.rglob("*") if path.is_file()]
    return {
        "seconds": seconds,
        "memory, MB": (memory["Private_Clean:"] + memory["Private_Dirty:"]) / 1024,
        "open files": len(list((me / "fd").iterdir())),
        "threads": len(list((me / "task").iterdir())),
        "files in the data root": len(all_files),
        "bytes in the data root": sum(path.stat().st_size for path in all_files),
        "leftovers": len(whole.leftovers(root)),
        "temporary files": len(list(temporary.iterdir())),
        "history": len(list((root / "09_history").rglob("*.*"))),
    }
