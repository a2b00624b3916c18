"""Whether time and memory stay in proportion to the number of images."""

import argparse
import tempfile
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Watch, kedro_run, say, timed
from benchmarks.speed import sets
from benchmarks.speed.figures import Figure, Outcome, Side


def measure_scale(given: argparse.Namespace, rounds: int) -> Outcome:
    """Ingest, split, normalize and train one epoch on more and more images."""
    sizes = sorted(map(int, given.sizes.split(",")))
    times = {size: Side(f"{size:,} images", "s", []) for size in sizes}
    peaks = {size: Side(f"{size:,} images, peak memory", "MB", []) for size in sizes}
    for number in range(1, rounds + 1):
        for size in sizes:
            watch = Watch()
            command = kedro_run(
                pipelines=["baseline"],
                images=sets.repeated(given, size),
                data_root=tempfile.mkdtemp(dir=given.work),
                protocol__epochs=1,
                protocol__seeds=1,
            )
            times[size].values.append(timed(command, watch=watch)[0])
            peaks[size].values.append(watch.peak)
            say(f"  round {number}, {size:,}: {times[size].values[-1]:.1f} s, {watch.peak:.0f} MB")
    medians = [times[size].median for size in sizes]
    fixed, per_image = fit_line(sizes, medians)
    off = np.asarray(medians) / (fixed + per_image * np.asarray(sizes)) - 1
    last = f"peak memory with {sizes[-1]:,} images"
    figures = [
        Figure("time off the straight line, at most", float(np.abs(off).max()), 0.15),
        Figure(last, peaks[sizes[-1]].median, 2000, unit="MB"),
        Figure("fixed part", fixed, unit="s"),
        Figure("per image", 1e6 * per_image, unit="µs"),
    ]
    note = (
        "kedro run --pipelines=baseline, 1 epoch, 1 seed: ingestion from a zip, digests, split, "
        "normalization, training, predictions and evaluation. The line is fitted to the relative "
        "errors: fixed part + time per image. TensorFlow is imported while the images are "
        "prepared: a small set has to wait for it, and a large one does not."
    )
    return Outcome([*times.values(), *peaks.values()], figures, [note])


def fit_line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Fit fixed + slope * size with the least squares of relative errors."""
    weights = 1 / np.asarray(seconds)
    equations = np.column_stack([weights, np.asarray(sizes) * weights])
    fixed, slope = np.linalg.lstsq(equations, np.ones(len(sizes)), rcond=None)[0]
    return float(fixed), float(slope)
