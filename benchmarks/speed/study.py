"""The whole study: ``kedro run`` beside the plain scripts."""

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.speed import child, settings
from benchmarks.speed.epoch import torch_interpreter
from benchmarks.speed.harness import (
    ROOT,
    Figure,
    Options,
    Outcome,
    Side,
    interleave,
    ratio,
    say,
)
from benchmarks.speed.log_times import durations, end_of_run, logging_variables, node_starts
from benchmarks.speed.machine import usable_cores
from benchmarks.speed.memory import Watch
from benchmarks.speed.processes import kedro_run, side_by_side, timed

REGBENCH, KERAS, TORCH = "kedro run", "plain Keras script", "plain PyTorch script"
# Of the reporting pipeline, what the script does too: putting the runs together, and the table.
_SAME_AS_SCRIPT = ("set_aside_stale", "compare", "write_markdown")


def measure_study(options: Options, rounds: int) -> Outcome:
    """Time the same techniques, seeds and epochs."""
    names = list(options.study_techniques) or settings.techniques()
    shared = {
        "images": options.images,
        "techniques": ",".join(names),
        "seeds": options.study_seeds,
        "epochs": options.study_epochs,
    }
    reports: list[float] = []
    peaks: list[float] = []
    roots: list[Path] = []

    def regbench() -> float:
        root = options.folder("study")
        command = kedro_run(
            env="article",
            pipelines=[*names, "reporting"] if options.study_techniques else [],
            images=options.images,
            data_root=root,
            protocol__seeds=options.study_seeds,
            protocol__epochs=options.study_epochs,
        )
        watch = Watch(seconds=1.0)
        seconds, _, log = timed(command, logging_variables(root), watch)
        peaks.append(watch.peak.proportional / 1e6)
        reports.append(_seconds_of_report(log))
        roots.append(root)
        return seconds

    written = {name: options.folder("study") / "runs.json" for name in (KERAS, TORCH)}
    sides = {
        REGBENCH: regbench,
        KERAS: lambda: timed(plain_script("plain_keras", **shared, json=written[KERAS]))[0],
    }
    notes = []
    python = torch_interpreter(options)
    if python:
        script = partial(plain_script, "plain_torch", python, **shared, json=written[TORCH])
        sides[TORCH] = lambda: timed(script())[0]
    else:
        notes.append("The PyTorch script was skipped: no interpreter has it (--torch-python).")
    made = interleave(sides, rounds, "s")
    say("  timing the metrics that the scripts do not compute")
    metrics = _seconds_of_metrics(roots[-1], names) * options.study_seeds / usable_cores()
    reporting = Side("the report's plots and page", "s", reports)
    comparable = Side(
        f"{REGBENCH} without metrics and report that the script does not make",
        "s",
        [
            seconds - metrics - report
            for seconds, report in zip(made[REGBENCH].values, reports, strict=True)
        ],
    )
    memory = Side("kedro run, peak memory (PSS of all processes)", "MB", peaks)
    more_metrics = Side("metrics that the script does not compute", "s", [metrics])
    figures = [
        ratio("whole study, same work / plain Keras script", comparable, made[KERAS], 0.5),
        ratio("whole study, everything / plain Keras script", made[REGBENCH], made[KERAS]),
        Figure("peak memory of the whole study", max(peaks), 1500, unit="MB"),
    ]
    if python:
        figures.append(
            ratio("whole study, same work / plain PyTorch script", comparable, made[TORCH])
        )
    ended = {name: file for name, file in written.items() if file.exists()}
    notes += [
        f"{len(names)} techniques, {options.study_seeds} seeds, {options.study_epochs} epochs: "
        "reading, training, predictions, accuracy, table; processes are started and libraries "
        "imported in the time. Early stopping may end sooner; epochs in all: "
        f"{REGBENCH} {_epochs_of_regbench(roots[-1])}"
        f"{''.join(f', {name} {_epochs(made_at)}' for name, made_at in ended.items())}.",
        f"RegBench also measures calibration, corrupted and pruned networks, and writes a report. "
        f"The metrics took {metrics:.1f} s of the wall time: the seconds of evaluation.evaluate "
        "less those of predictions and accuracy on validation, for one network of every "
        f"technique, side by side, times {options.study_seeds} seeds, divided by {usable_cores()} "
        f"processes. Plots, pages and history took {reporting.median:.1f} s by Kedro's log of the "
        "same run. Corrupting images, and pictures of them, run beside the trainings and are not "
        "taken off.",
    ]
    return Outcome([*made.values(), more_metrics, reporting, comparable, memory], figures, notes)


def _epochs_of_regbench(root: Path) -> int:
    files = (root / "07_model_output").glob("*/seed_*/metrics.json")
    return sum(json.loads(file.read_text(encoding="utf-8"))["epochs"] for file in files)


def _epochs(runs: Path) -> int:
    return sum(run["epochs"] for run in json.loads(runs.read_text(encoding="utf-8")))


def plain_script(name: str, python: Path | None = None, **arguments: Any) -> list[str]:
    """The command of a rival script."""
    script = ROOT / "benchmarks" / "rivals" / f"{name}.py"
    options = (f"--{option}={value}" for option, value in arguments.items())
    return [str(python or sys.executable), str(script), *options]


def seconds_of_metrics(root: str, techniques: list[str]) -> dict[str, float]:
    """In a fresh process: what a run's evaluation costs beyond predictions and accuracy."""
    child.become_worker(threads=1)
    import keras

    from regbench.evaluation import classification, evaluate
    from regbench.networks import inference
    from regbench.training import train

    folder = Path(root)
    images = np.load(folder / "02_intermediate" / "images.npy", mmap_mode="r")
    index = pd.read_parquet(folder / "03_primary" / "split_index.parquet")
    classes = json.loads((folder / "02_intermediate" / "classes.json").read_text())
    corrupted = np.load(folder / "04_feature" / "corrupted_images.npy")
    corrupted_rows = np.array(json.loads((folder / "04_feature/corrupted_rows.json").read_text()))
    part = train.part(index, "validation")
    child.wait_for_others()
    seconds = {}
    for name in techniques:
        model = keras.saving.load_model(folder / "06_models" / name / "seed_1.keras")
        history = pd.read_csv(folder / "07_model_output" / name / "seed_1" / "history.csv")
        inference.predict(model, images, part.rows[:10])
        started = time.perf_counter()
        classification.accuracy(inference.predict(model, images, part.rows), part.targets)
        plain = time.perf_counter() - started
        started = time.perf_counter()
        evaluate.evaluate(model, images, index, classes, history, {}, corrupted, corrupted_rows)
        seconds[name] = time.perf_counter() - started - plain
    return seconds


def _seconds_of_metrics(root: Path, names: list[str]) -> float:
    """The sum over techniques, of one run each."""
    cores = usable_cores()
    shares = [names[number::cores] for number in range(cores)]
    arguments = [{"root": str(root), "techniques": share} for share in shares if share]
    found = side_by_side("study:seconds_of_metrics", arguments)
    return float(sum(sum(seconds.values()) for seconds in found))


def _seconds_of_report(log: str) -> float:
    """What the reporting pipeline, which begins when all is trained, took beyond the table."""
    starts = node_starts(log)
    begin = [name for name, _ in starts].index(_SAME_AS_SCRIPT[0])
    taken = durations(starts[begin:], end_of_run(log))
    return sum(seconds for name, seconds in taken.items() if name not in _SAME_AS_SCRIPT)
