"""Whether time and memory stay in proportion to the number of images."""

import argparse
import tempfile
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Watch, kedro_run, readable, say, timed
from benchmarks.speed import sets
from benchmarks.speed.figures import Figure, Outcome, Side
from benchmarks.speed.processes import logging_variables, node_starts


def measure_scale(given: argparse.Namespace, rounds: int) -> Outcome:
    """Ingest, split, normalize and train one epoch on more and more images."""
    sizes = sorted(map(int, given.sizes.split(",")))
    times, waits, peaks = (
        {size: Side(f"{size:,} images{of}", unit, []) for size in sizes}
        for of, unit in (
            ("", "s"),
            (", waiting for TensorFlow's import", "s"),
            (", peak memory", "MB"),
        )
    )
    for number in range(1, rounds + 1):
        for size in sizes:
            watch, root = Watch(), tempfile.mkdtemp(dir=given.work)
            command = kedro_run(
                pipelines=["baseline"],
                images=sets.repeated(given, size),
                data_root=root,
                protocol__epochs=1,
                protocol__seeds=1,
            )
            seconds, log = timed(command, logging_variables(), watch)
            starts = dict(node_starts(log))
            times[size].values.append(seconds)
            waits[size].values.append(starts["train"] - starts["record_files"])
            peaks[size].values.append(watch.peak)
            say(f"  round {number}, {size:,}: {seconds:.1f} s, {readable(watch.peak)} MB")
    medians = [times[size].median for size in sizes]
    at_work = [
        float(np.median(np.subtract(times[size].values, waits[size].values))) for size in sizes
    ]
    fixed, per_image = fit_line(sizes, medians)
    off = np.asarray(medians) / (fixed + per_image * np.asarray(sizes)) - 1
    first = "time per further image, last step / first step - 1"
    last = f"peak memory with {sizes[-1]:,} images"
    figures = [
        Figure("time off the straight line, at most", float(np.abs(off).max()), 0.15),
        Figure(first, abs(slope_growth(sizes, medians) - 1), 0.15),
        Figure(
            "the same without waiting for TensorFlow", abs(slope_growth(sizes, at_work) - 1), 0.15
        ),
        Figure(last, peaks[sizes[-1]].median, 2000, unit="MB"),
        Figure("fixed part", fixed, unit="s"),
        Figure("per image", 1e6 * per_image, unit="µs"),
    ]
    notes = [
        "kedro run --pipelines=baseline, 1 epoch, 1 seed: ingestion from a zip, digests, split, "
        "normalization, training, predictions and evaluation. The line is fitted to the relative "
        "errors: fixed part + time per image.",
        "TensorFlow is imported while the images are prepared: a small set has to wait for it, and "
        "a large one does not. The wait is the time between Kedro's lines of the preparation's "
        "last node and of the training, so it holds what these two load and save, too.",
    ]
    return Outcome([*times.values(), *waits.values(), *peaks.values()], figures, notes)


def fit_line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Fit fixed + slope * size with the least squares of relative errors."""
    weights = 1 / np.asarray(seconds)
    equations = np.column_stack([weights, np.asarray(sizes) * weights])
    fixed, slope = np.linalg.lstsq(equations, np.ones(len(sizes)), rcond=None)[0]
    return float(fixed), float(slope)


def slope_growth(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Divide the last step's slope by the first's: 1 if time is linear."""
    slopes = np.diff(seconds) / np.diff(sizes)
    return float(slopes[-1] / slopes[0])
