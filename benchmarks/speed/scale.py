"""Whether time and memory stay in proportion to the number of images."""

import operator
import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks.speed import sets
from benchmarks.speed.harness import Figure, Options, Outcome, Side, readable, say
from benchmarks.speed.log_times import logging_variables, node_starts
from benchmarks.speed.memory import Watch
from benchmarks.speed.processes import kedro_run, timed


def measure_scale(options: Options, rounds: int) -> Outcome:
    """Ingest, split, normalize and train one epoch on more and more images."""
    sizes = sorted(options.scale_sizes)
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    waits: dict[int, list[float]] = {size: [] for size in sizes}
    peaks: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(1, rounds + 1):
        for size in sizes:
            watch = Watch(seconds=0.5)
            root = options.folder("scale")
            command = kedro_run(
                pipelines=["baseline"],
                images=sets.repeated(options, size),
                data_root=root,
                protocol__epochs=1,
                protocol__seeds=1,
            )
            taken, _, log = timed(command, logging_variables(root), watch)
            seconds[size].append(taken)
            waits[size].append(_waiting_for_tensorflow(log))
            peaks[size].append(watch.peak.proportional / 1e6)
            say(
                f"  round {number} of {rounds}, {size:,} images: {seconds[size][-1]:.1f} s, "
                f"peak {readable(peaks[size][-1])} MB"
            )
    times = [Side(f"{size:,} images", "s", seconds[size]) for size in sizes]
    waiting = [
        Side(f"{size:,} images, waiting for TensorFlow's import", "s", waits[size])
        for size in sizes
    ]
    memory = [Side(f"{size:,} images, peak memory", "MB", peaks[size]) for size in sizes]
    medians = [side.median for side in times]
    fixed, per_image = fit_line(sizes, medians)
    off = [
        measured / (fixed + per_image * n) - 1 for n, measured in zip(sizes, medians, strict=True)
    ]
    growth = slope_growth(sizes, medians)
    at_work = [statistics.median(map(operator.sub, seconds[size], waits[size])) for size in sizes]
    growth_at_work = slope_growth(sizes, at_work)
    figures = [
        Figure("time off the straight line, at most", max(map(abs, off)), 0.15),
        Figure("time per further image, last step / first step - 1", abs(growth - 1), 0.15),
        Figure("the same without waiting for TensorFlow", abs(growth_at_work - 1), 0.15),
        Figure(f"peak memory with {sizes[-1]:,} images", memory[-1].median, 2000, unit="MB"),
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
        *(
            f"{n:,} images: {1e6 * (measured - fixed) / n:.0f} µs an image beyond the fixed part."
            for n, measured in zip(sizes, medians, strict=True)
        ),
    ]
    return Outcome([*times, *waiting, *memory], figures, notes)


def _waiting_for_tensorflow(log: str) -> float:
    """Seconds from the preparation's last node until the training begins, in its own process."""
    starts = dict(node_starts(log))
    return starts["train"] - starts["record_files"]


def fit_line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Fit fixed + slope * size with the least squares of relative errors.

    Returns:
        The fixed part and the slope.
    """
    weights = 1 / np.asarray(seconds)
    equations = np.column_stack([weights, np.asarray(sizes) * weights])
    fixed, slope = np.linalg.lstsq(equations, np.ones(len(sizes)), rcond=None)[0]
    return float(fixed), float(slope)


def slope_growth(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Divide the last step's slope by the first's: 1 if time is linear."""
    slopes = np.diff(seconds) / np.diff(sizes)
    return float(slopes[-1] / slopes[0])
