"""How large is the report of 50 techniques with 20 seeds each, and how long does it take?

    uv run python -m benchmarks.large_report [techniques] [seeds]

The trainings are made up: 15 epochs, 500 judged images of 10 classes, random answers. Nothing is
trained; what is measured is ``render_report``. The page is written to ``large_report.html`` in the
folder for temporary files.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from regbench.comparison.compare import compare, with_study_figures
from regbench.evaluation.results import Results
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.page import ReportContent, render_report

IMAGES, CLASSES, EPOCHS = 500, [f"class {number}" for number in range(10)], 15


def results(technique: int, seeds: int) -> Results:
    """Return made-up trainings of a technique."""
    random = np.random.default_rng(technique)
    level = 0.8 + 0.002 * technique
    labels = np.resize(CLASSES, IMAGES).astype(object)
    trainings, epochs, answers, measured = [], [], [], []
    for seed in range(1, seeds + 1):
        accuracy = {}
        for part in ("validation", "test"):
            right = random.random(IMAGES) < level
            said = {
                "seed": seed,
                "filename": [f"{part}/{number}.png" for number in range(IMAGES)],
                "split": part,
                "label": labels,
                "predicted": np.where(right, labels, np.roll(labels, 1)),
                "confidence": random.uniform(0.4, 1, IMAGES).astype(np.float32),
            }
            answers.append(pd.DataFrame(said))
            accuracy[f"{part}_accuracy"] = float(right.mean())
        figures = {
            "train_accuracy": 0.99,
            "generalization_gap": 0.99 - accuracy["test_accuracy"],
            "seconds": 10 + technique / 5,
            "weights_bytes": 5e6,
            "multiply_adds": 1e6,
        }
        trainings.append({"seed": seed, "status": "trained", **accuracy, **figures})
        rising = np.linspace(0.5, level, EPOCHS) + random.normal(0, 0.01, EPOCHS)
        curve = {"train_accuracy": rising + 0.1, "validation_accuracy": rising}
        epochs.append(pd.DataFrame({"seed": seed, "epoch": np.arange(1, EPOCHS + 1), **curve}))
        for measure, settings in (
            ("accuracy_after_pruning", ("0.5", "0.8", "0.9", "0.95")),
            ("accuracy_under_corruption", ("shot_noise", "blur", "rotate", "scale", "stripe")),
        ):
            measured += [(seed, measure, setting, random.random()) for setting in settings]
    return Results(
        pd.DataFrame(trainings),
        pd.concat(epochs, ignore_index=True),
        pd.concat(answers, ignore_index=True),
        pd.DataFrame(measured, columns=["seed", "measure", "setting", "value"]),
    )


def content(techniques: int, seeds: int) -> ReportContent:
    """Return the content of a report on made-up techniques."""
    keys = list(REGULARIZERS)
    names = {f"{keys[n % len(keys)]}_{n}": keys[n % len(keys)] for n in range(1, techniques)}
    made = {name: results(n, seeds) for n, name in enumerate(["baseline", *names])}
    compared = with_study_figures(compare(made, {}, 0.005, seeds=seeds, largest_class=0.1), 0.005)
    files = [f"{part}/{number}.png" for part in ("validation", "test") for number in range(IMAGES)]
    random = np.random.default_rng(0)
    return ReportContent(
        comparison=compared,
        results=made,
        classes=CLASSES,
        images=random.integers(0, 256, (len(files), 28, 28, 1), dtype=np.uint8),
        split_index=pd.DataFrame(
            {
                "filename": files,
                "label": np.resize(CLASSES, len(files)).astype(object),
                "split": [name.split("/")[0] for name in files],
            }
        ),
        rejected=pd.DataFrame(columns=["filename", "reason"]),
        settings={"techniques": {name: {key: True} for name, key in names.items()}},
        provenance={},
        notes=[],
        claims=None,
    )


def main() -> None:
    """Measure and print."""
    techniques, seeds = (int(word) for word in (*sys.argv[1:], "50", "20")[:2])
    made = content(techniques, seeds)
    start, start_cpu = time.perf_counter(), time.process_time()
    page = render_report(made)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    path = Path(tempfile.gettempdir()) / "large_report.html"
    path.write_text(page, "utf-8")
    size = path.stat().st_size / 1e6
    print(
        f"{techniques} techniques x {seeds} seeds: {size:.1f} MB in {seconds:.0f} s, "
        f"{cpu:.0f} s of a core: {path}"
    )


if __name__ == "__main__":
    main()
