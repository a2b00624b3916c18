"""The whole study: ``kedro run`` beside the plain scripts."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import ROOT, Watch, cores, kedro_run, timed
from benchmarks.speed import processes, settings
from benchmarks.speed.figures import Figure, Outcome, Side, interleave, ratio

REGBENCH, KERAS = "kedro run", "plain Keras script"
# Of the reporting pipeline, what the script does too: putting the runs together, and the table.
SAME_AS_SCRIPT = ("set_aside_stale", "compare", "write_markdown")


def measure_study(given: argparse.Namespace, rounds: int) -> Outcome:
    """Time the same techniques, seeds and epochs."""
    names = settings.techniques(given.techniques)
    seeds, epochs = given.seeds or 3, given.epochs or 10
    reports, peaks, roots = [], [], []
    written = given.work / "keras.json"

    def regbench() -> float:
        roots.append(Path(tempfile.mkdtemp(dir=given.work)))
        watch = Watch()
        command = run_of_study(given.images, roots[-1], names, seeds, epochs)
        seconds, log = timed(command, processes.logging_variables(), watch)
        peaks.append(watch.peak)
        reports.append(_seconds_of_report(log))
        return seconds

    script = plain_script(given.images, written, names, seeds, epochs)
    made = interleave({REGBENCH: regbench, KERAS: lambda: timed(script)[0]}, rounds)
    metrics = _seconds_of_metrics(roots[-1], names) * seeds / cores()
    report = Side("the report's plots and page", "s", reports)
    same = [all_ - metrics - of for all_, of in zip(made[REGBENCH].values, reports, strict=True)]
    same_work = Side(
        f"{REGBENCH} without metrics and report that the script does not make", "s", same
    )
    figures = [
        ratio("whole study, same work / plain Keras script", same_work, made[KERAS], 0.5),
        ratio("whole study, everything / plain Keras script", made[REGBENCH], made[KERAS]),
        Figure("peak memory of the whole study", max(peaks), 1500, unit="MB"),
    ]
    theirs = sum(run["epochs"] for run in json.loads(written.read_text("utf-8")))
    notes = [
        f"{len(names)} techniques, {seeds} seeds, {epochs} epochs: reading, training, predictions, "
        "accuracy, table; starts and imports included. Early stopping may end sooner; epochs in "
        f"all: {REGBENCH} {_epochs(roots[-1])}, {KERAS} {theirs}.",
        "RegBench also measures calibration, corrupted and pruned networks, and writes a report. "
        f"The metrics took {metrics:.1f} s of the wall time: the seconds of evaluation.evaluate "
        "less those of predictions and accuracy on validation, for one network of every "
        f"technique, side by side, times {seeds} seeds, divided by {cores()} processes. Plots, "
        f"pages and history took {report.median:.1f} s by Kedro's log of the same run. Corrupting "
        "images, and pictures of them, run beside the trainings and are not taken off.",
    ]
    memory = Side("kedro run, peak memory (PSS of all processes)", "MB", peaks)
    more = Side("metrics that the script does not compute", "s", [metrics])
    return Outcome([*made.values(), more, report, same_work, memory], figures, notes)


def run_of_study(images: Path, root: Path, names: list[str], seeds: int, epochs: int) -> list[str]:
    """The command of RegBench."""
    every = names == settings.techniques()
    return kedro_run(
        env="article",
        pipelines=() if every else [*names, "reporting"],
        images=images,
        data_root=root,
        protocol__seeds=seeds,
        protocol__epochs=epochs,
    )


def plain_script(images: Path, to: Path, names: list[str], seeds: int, epochs: int) -> list[str]:
    """The command of the best_besides_baseline."""
    script = ROOT / "benchmarks" / "rivals" / "plain_keras.py"
    given = {"images": images, "json": to, "techniques": ",".join(names), "seeds": seeds}
    options = (given | {"epochs": epochs}).items()
    return [sys.executable, str(script), *(f"--{option}={value}" for option, value in options)]


def _epochs(root: Path) -> int:
    files = (root / "07_model_output").glob("*/seed_*/metrics.json")
    return sum(json.loads(file.read_text("utf-8"))["epochs"] for file in files)


def seconds_of_metrics(root: Path, names: list[str]) -> float:
    """In a fresh process: what evaluations cost beyond predictions and accuracy."""
    processes.become_worker(threads=1)
    import keras

    from regbench.evaluation import evaluate, scores
    from regbench.networks import inference
    from regbench.training import train

    images = np.load(root / "02_intermediate/images.npy", mmap_mode="r")
    index = pd.read_parquet(root / "03_primary/split_index.parquet")
    classes = json.loads((root / "02_intermediate/classes.json").read_text())
    corrupted = np.load(root / "04_feature/corrupted_images.npy")
    corrupted_rows = np.array(json.loads((root / "04_feature/corrupted_rows.json").read_text()))
    part = train.split_part(index, "validation")
    processes.wait_for_others()
    seconds = 0.0
    for name in names:
        model = keras.saving.load_model(root / "06_models" / name / "seed_1.keras")
        history = pd.read_csv(root / "07_model_output" / name / "seed_1/history.csv")
        inference.predict(model, images, part.rows[:10])
        started = time.perf_counter()
        scores.accuracy(inference.predict(model, images, part.rows), part.targets)
        plain = time.perf_counter() - started
        started = time.perf_counter()
        evaluate.evaluate(model, images, index, classes, history, {}, corrupted, corrupted_rows)
        seconds += time.perf_counter() - started - plain
    return seconds


def _seconds_of_metrics(root: Path, names: list[str]) -> float:
    """The sum over techniques, of one run each."""
    shares = [{"root": root, "names": names[n :: cores()]} for n in range(min(cores(), len(names)))]
    return float(sum(processes.side_by_side(seconds_of_metrics, shares)))


def _seconds_of_report(log: str) -> float:
    """What the reporting pipeline, which begins when all is trained, took beyond the table."""
    starts = processes.node_starts(log)
    begin = [name for name, _ in starts].index(SAME_AS_SCRIPT[0])
    nodes = zip(starts[begin:], starts[begin + 1 :], strict=False)
    return sum(end - at for (name, at), (_, end) in nodes if name not in SAME_AS_SCRIPT)
