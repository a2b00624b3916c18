"""The peak memory of a study on colour photos, with a training process per core."""

import argparse
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness import Watch, cores, kedro_run, say, timed
from benchmarks.speed.figures import Figure, Outcome, Side

IMAGES, SIDE, CLASSES = 10_000, 96, 10
TECHNIQUES = ["baseline", "augmentation"]


def measure_memory(given: argparse.Namespace, rounds: int) -> Outcome:
    """Run a study of two techniques and one seed, and its report; watch all processes."""
    photos, epochs = _photos(given), given.epochs or 1
    peaks, seconds = [], []
    for number in range(1, rounds + 1):
        watch = Watch()
        command = kedro_run(
            env="photos",
            pipelines=[*TECHNIQUES, "reporting"],
            images=photos,
            data_root=tempfile.mkdtemp(dir=given.work),
            protocol__epochs=epochs,
            protocol__seeds=1,
        )
        seconds.append(timed(command, watch=watch)[0])
        peaks.append(watch.peak)
        say(f"  round {number}: {peaks[-1]:,.0f} MB, {seconds[-1]:.0f} s")
    peak = Side("peak memory (PSS of all processes)", "MB", peaks)
    figure = Figure(
        f"peak memory, {IMAGES:,} RGB images of {SIDE} x {SIDE}", peak.median, 2500, unit="MB"
    )
    note = (
        f"kedro run --env=photos of {' and '.join(TECHNIQUES)}, {epochs} epochs, 1 seed: two "
        f"trainings on {cores()} cores side by side, evaluation and report. JPEG files of noise in "
        "a folder per class, in a zip. Memory is looked at twice a second."
    )
    return Outcome([peak, Side("kedro run", "s", seconds)], [figure], [note])


def _photos(given: argparse.Namespace) -> Path:
    """A zip of noise in colour: a folder per class."""
    target: Path = given.work / f"noise-{SIDE}.zip"
    random = np.random.default_rng(0)
    if not target.exists():
        with zipfile.ZipFile(target, "w") as archive:
            for number in range(IMAGES):
                content = io.BytesIO()
                pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
                Image.fromarray(pixels).save(content, "JPEG")
                archive.writestr(f"{number % CLASSES}/{number:05}.jpg", content.getvalue())
    return target
