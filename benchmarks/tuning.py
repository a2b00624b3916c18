"""What a search costs besides its trainings, side by side, and after a thousand trials.

    uv run python -m benchmarks.tuning [overhead] [workers] [thousand]

See benchmarks/README.md. On an otherwise idle machine.
"""

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from benchmarks import harness
from benchmarks.harness import ROOT, BenchmarkError, cores, kedro_run, say, timed
from benchmarks.speed import figures
from benchmarks.speed.figures import Figure, Outcome, Side, interleave, ratio
from regbench.regularizers.base import Range
from regbench.regularizers.learning_rate import LearningRate
from regbench.storage.stored_file import LocalFile
from regbench.study.search import Searched
from regbench.study.tuning import Tuning
from regbench.tuning.search import Plan, Scored, search
from regbench.tuning.storage import open_study

ONE, BOTH = "one worker, one core", "two workers, two cores"
SAMPLERS = ("quasi_random", "tpe")
AROUND = 20  # trials whose median says what one costs


def measure_overhead(given: argparse.Namespace, rounds: int) -> Outcome:
    """Time ``kedro run --pipelines=tuning`` in one worker, and take its trainings off."""
    sides: dict[str, list[float]] = {"trainings": [], "search": [], "command": []}
    for number in range(1, rounds + 1):
        seconds, found, span = searched(given, workers=1)
        made = [trial for outcome in found.values() for trial in outcome["trials"]]
        sides["trainings"].append(sum(trial["seconds"] for trial in made))
        sides["search"].append(span)
        sides["command"].append(seconds)
        said = ", ".join(f"{name} {values[-1]:.1f} s" for name, values in sides.items())
        say(f"  round {number}: {len(made)} trials, {said}")
    trainings, within, command = (Side(name, "s", values) for name, values in sides.items())
    shares = [100 * (of / to - 1) for of, to in zip(within.values, trainings.values, strict=True)]
    beside = statistics.median(
        of - to for of, to in zip(command.values, within.values, strict=True)
    )
    return Outcome(
        [trainings, within, command],
        [
            Figure(
                "search less its trainings, of these",
                statistics.median(shares),
                *(3, True, "%", min(shares), max(shares)),
            ),
            Figure("start, images, pictures and pages", beside, unit="s"),
        ],
        [
            f"{len(made)} trials of {', '.join(found)}, one worker. A training's seconds are those "
            "that the search notes of it: building, compiling, training and scoring a network. "
            "*Search* is from the first trial's beginning to the last one's end by the trials' "
            "database, over all techniques: Optuna, SQLite and Kedro's nodes in between are in it.",
            "*Command* is all of `kedro run`: Python, TensorFlow, the images' preparation, the "
            "pictures and the page besides. That does not grow with the number of trials.",
        ],
    )


def measure_workers(given: argparse.Namespace, rounds: int) -> Outcome:
    """Time the same search by one worker on one core, and by two on two."""
    if cores() < 2:
        raise BenchmarkError("two workers take two cores")
    spans: dict[str, list[float]] = {ONE: [], BOTH: []}
    scores = []

    def whole(name: str, workers: int, *, on_one_core: bool) -> float:
        seconds, found, span = searched(given, workers=workers, on_one_core=on_one_core)
        spans[name].append(span)
        scores.append(
            {of: [trial["score"] for trial in found[of]["trials"]] for of in sorted(found)}
        )
        return seconds

    commands = interleave(
        {
            ONE: partial(whole, ONE, 1, on_one_core=True),
            BOTH: partial(whole, BOTH, 2, on_one_core=False),
        },
        rounds,
    )
    if any(of != scores[0] for of in scores):
        raise BenchmarkError("the trials' scores depend on the number of workers")
    one, both = (Side(f"search by {name}", "s", spans[name]) for name in (ONE, BOTH))
    whole_one, whole_both = (
        Side(f"whole command, {name}", "s", commands[name].values) for name in (ONE, BOTH)
    )
    return Outcome(
        [one, both, whole_one, whole_both],
        [
            ratio("search by one worker / by two", one, both, 1.8, at_most=False),
            ratio("whole command, one / two", whole_one, whole_both),
        ],
        [
            f"{', '.join(scores[0])}: a search each, which take about as long as one another. All "
            "trials have the same scores. *Search* and *command*: see overhead."
        ],
    )


def measure_thousand(given: argparse.Namespace, rounds: int) -> Outcome:
    """Time the trials of a search that trains nothing: early ones, and the last of a thousand."""
    sides, found = [], []
    for sampler in SAMPLERS:
        early, late = [], []
        for number in range(1, rounds + 1):
            between = milliseconds_of_trials(given.trials, sampler, given.work / f"{number}")
            early.append(statistics.median(between[10 : 10 + AROUND]))
            late.append(statistics.median(between[-AROUND:]))
            say(f"  round {number}, {sampler}: {early[-1]:.1f} ms, then {late[-1]:.1f} ms")
        first = Side(f"{sampler}, trials 11 to {10 + AROUND}", "ms", early)
        last = Side(f"{sampler}, the last {AROUND} of {given.trials:,}", "ms", late)
        sides += [first, last]
        limit = 1.25 if sampler == "quasi_random" else None
        found.append(ratio(f"a late trial / an early one, {sampler}", last, first, limit))
    return Outcome(
        sides,
        found,
        [
            "A search of three settings whose training is a formula: what is timed is Optuna, the "
            f"SQLite file and the search, from one trial to the next, medians of {AROUND}.",
            "`tpe` learns from all earlier trials, so it takes longer the more there are; "
            "`quasi_random`, which is the default, does not, and is held to a quarter more.",
        ],
    )


def searched(
    given: argparse.Namespace, *, workers: int, on_one_core: bool = False
) -> tuple[float, dict[str, Any], float]:
    """Run a whole search of the project with a copy of its configuration.

    Returns:
        Seconds of the command; what was found, by technique; and the seconds from the first
        trial's beginning to the last one's end.
    """
    every = yaml.safe_load((ROOT / "conf/base/parameters_techniques.yml").read_text("utf-8"))
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        conf, root = Path(folder, "conf"), Path(folder, "data")
        shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("tuned", "local"))
        (conf / "local").mkdir()
        names = given.techniques.split(",")
        without = "".join(f"  {name}: null\n" for name in every["techniques"] if name not in names)
        own = f"techniques:\n{without}" if without else ""
        (conf / "local/parameters_techniques.yml").write_text(own, encoding="utf-8")
        command = kedro_run(
            *(f"--conf-source={conf}", f"--runner-params=max_workers={workers}"),
            pipelines=["tuning"],
            images=given.images,
            data_root=root,
            tuning__budget__epochs=given.epochs,
            **({} if given.epochs_each is None else {"protocol__epochs": given.epochs_each}),
        )
        core = str(min(os.sched_getaffinity(0)))
        seconds, _ = timed([*(["taskset", "-c", core] if on_one_core else []), *command])
        found = json.loads((root / "08_reporting/tuning/tuning.json").read_text("utf-8"))
        return seconds, found["techniques"], span_of_trials(root / "05_tuning/trials.db")


def span_of_trials(path: Path) -> float:
    """Return the seconds from the first trial's beginning to the last one's end."""
    asked = "select min(datetime_start), max(datetime_complete) from trials"
    connection = sqlite3.connect(path)
    begun, ended = connection.execute(asked).fetchone()
    connection.close()
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def milliseconds_of_trials(trials: int, sampler: str, folder: Path) -> list[float]:
    """Return the milliseconds from the beginning of each trial's training to that of the next."""
    begun: list[float] = []

    def train(values: Any, *_: Any) -> Scored:
        begun.append(time.perf_counter())
        return Scored(1 - abs(values.get("l2.factor", 1e-4) - 3e-3), 1, 0.0)

    own = LearningRate()
    over = [
        Searched("l2", "factor", Range(1e-6, 1e-2, log=True), 1e-4),
        *(
            Searched("learning_rate", setting, of, getattr(own, setting))
            for setting, of in LearningRate.search.items()
        ),
    ]
    tuning = Tuning.model_validate(
        {
            "budget": {"rule": "epochs", "epochs": trials, "trials_per_setting": 1},
            **{"sampler": sampler, "pruner": None, "seeds": [1001]},
            **{"storage": None, "search": {}, "fixed": {}},
        }
    )
    plan = Plan("l2", over, tuning, "accuracy", dict, train, epochs=lambda _: 1)
    study = open_study(LocalFile(folder), None, f"l2 {sampler}", higher_is_better=True)
    search(plan, study)
    return [1000 * (end - at) for at, end in pairwise(begun)]


# What it is, rounds by default, and how it is made.
MEASUREMENTS: dict[str, tuple[str, int, Callable[[argparse.Namespace, int], Outcome]]] = {
    "overhead": ("What a search costs besides its trainings.", 1, measure_overhead),
    "workers": ("Two workers side by side.", 1, measure_workers),
    "thousand": ("Whether earlier trials slow the next one.", 1, measure_thousand),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the measurements that are asked for."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = _parser().parse_args(words)
    failed = []
    with tempfile.TemporaryDirectory(prefix="regbench-tuning-") as work:
        given.work = Path(work)
        for name in given.names or MEASUREMENTS:
            about, rounds, function = MEASUREMENTS[name]
            say(f"{name}: {about}")
            harness.read(given.out / "tuning.json")  # a damaged file would stop it at the end
            before = harness.circumstances()
            try:
                found = function(given, given.rounds or rounds).as_dict()
            except BenchmarkError as error:
                say(f"  {error}")
                failed.append(name)
                continue
            command = harness.command_of("benchmarks.tuning", name, given, _parser())
            entry = {"about": about, "command": command, **before, **found}
            page = partial(figures.page, title="What does a search cost?")
            harness.store(given.out / "tuning.json", name, entry, page)
            for figure in found["figures"]:
                say(f"  = {figure['what']}: {figures.cells(figure)}")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m benchmarks.tuning", description=__doc__)
    names = made.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    names.choices = [*MEASUREMENTS, []]  # an empty list is checked too
    made.add_argument("--rounds", type=int, help="default: 1")
    made.add_argument("--images", type=_absolute, default=harness.DIGITS)
    made.add_argument("--techniques", default="baseline,l2", help="that are searched")
    made.add_argument("--epochs", type=int, default=300, help="of each technique's search")
    made.add_argument("--epochs-each", type=int, help="of a training; default: the study's")
    made.add_argument("--trials", type=int, default=1000, help="of thousand")
    made.add_argument("--out", type=_absolute, default=harness.RESULTS)
    return made


def _absolute(text: str) -> Path:
    """Return a path for commands that run in the project's folder."""
    return Path(text).absolute()


if __name__ == "__main__":
    main()
