"""How long commands take before they do their work."""

import time
from pathlib import Path

from benchmarks.speed import sets
from benchmarks.speed.harness import (
    BenchmarkError,
    Figure,
    Options,
    Outcome,
    Side,
    interleave,
    say,
)
from benchmarks.speed.log_times import logging_variables, node_starts
from benchmarks.speed.processes import kedro, kedro_run, timed

# Python runs a module of this name before anything else, in training processes, too.
WATCH_MODULE = "sitecustomize.py"
WATCH = """
import os, sys

def watch(event, arguments):
    if event == "import" and arguments[0] == "tensorflow":
        with open(os.environ["TENSORFLOW_IMPORTS"], "a") as file:
            print(os.getpid(), file=file)

sys.addaudithook(watch)
"""


def measure_startup(options: Options, rounds: int) -> Outcome:
    """Time ``kedro registry list``, and ``--pipelines=reporting`` until its first node."""
    root = options.folder("startup")
    images = sets.first(options, 256)
    parameters = {
        "images": images,
        "data_root": root,
        "protocol__epochs": 1,
        "protocol__seeds": 2,
    }
    say("  training a small study to report on")
    training = kedro_run(pipelines=["baseline", "dropout"], **parameters)
    if not tensorflow_imports(training, options):
        raise BenchmarkError("a training imports TensorFlow, and it was not noticed")
    listing = kedro("registry", "list")
    reporting = kedro_run(pipelines=["reporting"], **parameters)
    made = interleave(
        {
            "kedro registry list": lambda: timed(listing)[0],
            "reporting, until its first node": lambda: _until_first_node(reporting, root),
            "reporting, all of it": lambda: timed(reporting)[0],
        },
        rounds,
        "s",
    )
    imports = {
        name: tensorflow_imports(command, options)
        for name, command in (("kedro registry list", listing), ("reporting", reporting))
    }
    sides: list[Side] = list(made.values())
    figures = [
        Figure("kedro registry list", sides[0].median, 1.0, unit="s"),
        Figure("kedro run --pipelines=reporting, before its work", sides[1].median, 3.0, unit="s"),
        *(
            Figure(f"{name}: processes that import TensorFlow", count, 0)
            for name, count in imports.items()
        ),
    ]
    note = (
        "Until the first node: from the start of the process to Kedro's log line 'Running node'. "
        "Imports are those that Python tells an audit hook in every process; the training of what "
        "is reported on shows that they are noticed."
    )
    return Outcome(sides, figures, [note])


def _until_first_node(command: list[str], folder: Path) -> float:
    variables = logging_variables(folder)
    started = time.time()
    _, _, log = timed(command, variables)
    return node_starts(log)[0][1] - started


def tensorflow_imports(command: list[str], options: Options) -> int:
    """Run a command; return in how many of its processes TensorFlow was imported."""
    folder = options.folder("imports")
    (folder / WATCH_MODULE).write_text(WATCH, encoding="utf-8")
    seen = folder / "processes"
    timed(command, {"PYTHONPATH": str(folder), "TENSORFLOW_IMPORTS": str(seen)})
    return len(set(seen.read_text(encoding="utf-8").split())) if seen.exists() else 0
