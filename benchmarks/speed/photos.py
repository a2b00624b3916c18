"""Shrinking JPEG photos to small images, as RegBench and as a plain Pillow loop do it."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.harness import say
from benchmarks.speed import settings
from benchmarks.speed.figures import Figure, Outcome, interleave, ratio
from benchmarks.speed.processes import in_fresh_process
from regbench.study.schema import Ingest

_WIDTH, _HEIGHT, _SIDE = 500, 375, 96


def measure_photos(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare times, and pixels: those of the loop decode every photo in full."""
    folder = _photos(given)
    for path in folder.rglob("*.jpg"):
        path.read_bytes()  # into the page cache, for whoever comes first
    made = interleave(
        {
            name: partial(in_fresh_process, seconds, reader=reader, path=folder)
            for name, reader in {"RegBench": _regbench, "Pillow loop": _pillow}.items()
        },
        rounds,
    )
    difference = in_fresh_process(mean_difference, path=folder)
    figures = [
        ratio("photos / Pillow loop", *made.values(), 0.6),
        Figure("mean difference to the Pillow loop", difference, 1.0, unit="grey levels"),
    ]
    note = (
        f"{given.photos:,} JPEG files of {_WIDTH} x {_HEIGHT} in a folder become {_SIDE} x "
        f"{_SIDE} in colour: cut-outs of the two photos of scikit-learn, quality 75 to 95, read "
        "from the page cache; a fresh process each time, imports not counted. RegBench decodes in "
        "a thread per core; its time includes the digests of files and pixels, and the index."
    )
    return Outcome(list(made.values()), figures, [note])


def _photos(given: argparse.Namespace) -> Path:
    """Return a folder of two classes with so many photos."""
    target: Path = given.cache / f"photos-{given.photos}"
    if not target.exists():
        say(f"  making {target.name}")
        random = np.random.default_rng(0)
        photos = [Image.fromarray(photo) for photo in load_sample_images().images]
        for number in range(given.photos):
            photo = photos[number % 2]
            width = random.integers(300, 560)
            left = random.integers(0, photo.width - width)
            top = random.integers(0, photo.height - width * _HEIGHT // _WIDTH + 1)
            box = (left, top, left + width, top + width * _HEIGHT // _WIDTH)
            path = target / "ab"[number % 2] / f"{number:06}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cut = photo.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS, box)
            cut.save(path, quality=int(random.integers(75, 96)))
    return target


def seconds(reader: Callable[[Path], object], path: Path) -> float:
    """In a fresh process: time a reader."""
    import regbench.images.ingest  # noqa: F401 - imported before, as the others

    settings.raw()
    started = time.perf_counter()
    reader(path)
    return time.perf_counter() - started


def mean_difference(path: Path) -> float:
    """In a fresh process: return the mean absolute difference in grey levels."""
    mine, loop = _regbench(path), _pillow(path)
    pairs = zip(mine, loop, strict=True)
    return float(np.mean([np.abs(one.astype(np.int16) - other).mean() for one, other in pairs]))


def _regbench(path: Path) -> np.ndarray:
    from regbench.images.ingest import ingest_labeled
    from regbench.images.sources.open import open_source

    wanted = {"layout": "class_folders", "size": _SIDE, "mode": "RGB"}
    with open_source(path) as source:
        made = ingest_labeled(
            source, Ingest.model_validate(settings.of(Ingest).model_dump() | wanted)
        )
    if len(made.rejected):
        raise ValueError(f"{len(made.rejected)} photos rejected")
    return made.images


def _pillow(path: Path) -> np.ndarray:
    bilinear = Image.Resampling.BILINEAR
    names = sorted(path.rglob("*.jpg"))
    images = np.empty((len(names), _SIDE, _SIDE, 3), np.uint8)
    for number, name in enumerate(names):
        with Image.open(name) as picture:
            images[number] = picture.convert("RGB").resize((_SIDE, _SIDE), bilinear)
    return images
