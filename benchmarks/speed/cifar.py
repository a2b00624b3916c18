"""``cnn`` on CIFAR-10: its accuracy beside a plain Keras script's, and what helps it."""

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import ROOT, BenchmarkError, kedro_run, say, timed
from benchmarks.speed import settings
from benchmarks.speed.figures import Figure, Outcome, Side

# Of each class: the first train images, others that only validate, the first test images.
PARTS = {"train": ("train", 0, 500), "validation": ("train", 500, 600), "test": ("test", 0, 400)}
TECHNIQUES = ["baseline", "dropout", "augmentation"]
_NAME = re.compile(r"(?:.*/)?(train|test)/([^/]+)/(\d+)\.\w+")


def measure_cifar(given: argparse.Namespace, _: int) -> Outcome:
    """Compare the baseline's test accuracies over seeds, and judge techniques; in one round."""
    seeds, epochs = given.seeds or 3, given.epochs or 15
    photos, written = first_images(given), given.work / "plain_cnn.json"
    root = given.work / "cifar"
    timed(run_of_study(photos, root, seeds, epochs))
    timed(plain_script(photos, written, seeds, epochs))
    mine = [
        json.loads(file.read_text("utf-8"))["test_accuracy"]
        for file in sorted(root.glob("07_model_output/baseline/seed_*/metrics.json"))
    ]
    theirs = json.loads(written.read_text("utf-8"))
    sides = [
        Side(who, "%", [100 * value for value in values])
        for who, values in (("RegBench", mine), ("plain Keras script", theirs))
    ]
    points = 100 * float(np.mean(mine) - np.mean(theirs))
    figures = [
        Figure("mean test accuracy, RegBench", 100 * float(np.mean(mine)), unit="%"),
        Figure("mean test accuracy, plain Keras script", 100 * float(np.mean(theirs)), unit="%"),
        Figure("difference of the means, RegBench less the script, points", points),
        Figure("the difference's size, points", abs(points), 1),
    ]
    notes = [
        "The first 500 train images and 400 test images of each of CIFAR-10's ten classes, as JPEG "
        f"files; {epochs} epochs, {seeds} seeds, batch 128, Adam at 0.001 with cosine decay to 0; "
        "three stages of two convolutions (32, 64, 128), He, batch normalization.",
        "A test accuracy on 4,000 images has a standard error of 0.8 points by the choice of "
        "images, which both sides share, and seeds differ besides.",
        f"By RegBench's report, of {', '.join(TECHNIQUES)} with these seeds: {_verdict(root)}",
    ]
    return Outcome(sides, figures, notes)


def run_of_study(photos: Path, root: Path, seeds: int, epochs: int) -> list[str]:
    """The command of RegBench."""
    return kedro_run(
        env="photos",
        pipelines=[*TECHNIQUES, "reporting"],
        images=photos,
        data_root=root,
        protocol__batch_size=128,
        protocol__epochs=epochs,
        protocol__seeds=seeds,
    )


def plain_script(photos: Path, to: Path, seeds: int, epochs: int) -> list[str]:
    """The command of the script."""
    script = str(ROOT / "benchmarks" / "rivals" / "plain_cnn.py")
    options = {"images": photos, "json": to, "seeds": seeds, "epochs": epochs}
    return [sys.executable, script, *(f"--{name}={value}" for name, value in options.items())]


def _verdict(root: Path) -> str:
    """The sentence that the report begins with."""
    from regbench.comparison.compare import with_study_figures
    from regbench.report.answer import verdict_sentence
    from regbench.study.reporting import Reporting

    compared = pd.read_csv(root / "08_reporting" / "comparison.csv")
    return verdict_sentence(with_study_figures(compared, settings.of(Reporting).band))


def first_images(given: argparse.Namespace) -> Path:
    """A zip of CIFAR-10's first images, in a folder per split part and class."""
    if given.cifar is None or not given.cifar.is_file():
        raise BenchmarkError(
            "cifar needs --cifar=ZIP, CIFAR-10 in the folders train/<class> and test/<class>, "
            "pictures numbered from 0000"
        )
    target: Path = given.work / "first-images.zip"
    found = 0
    with zipfile.ZipFile(given.cifar) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            where = _NAME.fullmatch(name)
            if not where:
                continue
            folder, label, number = where[1], where[2], int(where[3])
            for part, (of, first, end) in PARTS.items():
                if folder == of and first <= number < end:
                    archive.writestr(f"{part}/{label}/{Path(name).name}", source.read(name))
                    found += 1
    if found != 10_000:
        raise BenchmarkError(f"{given.cifar.name}: {found:,} of the 10,000 images needed are there")
    say(f"  {target.name}: {found:,} images")
    return target
