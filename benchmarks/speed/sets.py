"""Sets of images that measurements are made on, all made from MNIST."""

import argparse
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness import say
from benchmarks.speed import settings
from benchmarks.speed.processes import in_fresh_process
from regbench.study.schema import Ingest

IMAGE_FOLDER = "Train/Images/train"
_SHIFTS = sorted(
    ((down, right) for down in range(-3, 4) for right in range(-3, 4)),
    key=lambda shift: (abs(shift[0]) + abs(shift[1]), shift),
)


def arrays(given: argparse.Namespace) -> Path:
    """The images as a folder with ``images.npy`` and ``targets.npy``."""
    return _once(given, "arrays", _read, given.images)


def unpacked(given: argparse.Namespace) -> Path:
    """The set as a folder."""
    return _once(given, "folder", _unpack, given.images)


def repeated(given: argparse.Namespace, count: int) -> Path:
    """A zip with so many images: the set again and again, each time shifted a bit further."""
    return _once(given, f"repeated-{count}", _write_repeated, arrays(given), count=count)


def _once(
    given: argparse.Namespace, what: str, make: Callable[..., None], source: Path, **more: int
) -> Path:
    of_file = given.images.stat()  # tells a set from another of the same name
    target: Path = given.cache / f"{given.images.stem}-{of_file.st_mtime_ns}-{what}"
    if not target.exists():
        say(f"  making {target.name}")
        partial = target.with_name(f"{target.name}.part")
        shutil.rmtree(partial, ignore_errors=True)  # of one that was interrupted
        given.cache.mkdir(parents=True, exist_ok=True)
        in_fresh_process(make, source=source, target=partial, **more)
        partial.rename(target)
    return target


def _read(source: Path, target: Path) -> None:
    from regbench.images.ingest import ingest_labeled
    from regbench.images.sources.open import open_source

    with open_source(source) as opened:
        made = ingest_labeled(opened, settings.of(Ingest))
    target.mkdir()
    np.save(target / "images.npy", made.images)
    np.save(target / "targets.npy", made.index["target"].to_numpy())


def _unpack(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        archive.extractall(target)


def _write_repeated(source: Path, target: Path, count: int) -> None:
    images, targets = np.load(source / "images.npy"), np.load(source / "targets.npy")
    rows = ["filename,label"]
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            passed, row = divmod(number, len(images))
            # What leaves at one edge comes in at the other, black in MNIST.
            moved = np.roll(images[row, ..., 0], _SHIFTS[passed % len(_SHIFTS)], axis=(0, 1))
            content = io.BytesIO()
            Image.fromarray(moved).save(content, "PNG", compress_level=3)
            archive.writestr(f"{IMAGE_FOLDER}/{number:07}.png", content.getvalue())
            rows.append(f"{number:07}.png,{targets[row]}")
        archive.writestr("Train/train.csv", "\n".join([*rows, ""]))
        archive.writestr("Test.csv", "filename\n")
