"""Reading the pictures of a set into one array, from a folder and from a zip."""

import argparse
import io
import time
import zipfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.speed import sets, settings
from benchmarks.speed.figures import Outcome, interleave, ratio
from benchmarks.speed.processes import in_fresh_process
from regbench.study.schema import Ingest

_IMPORTED = (
    "kedro_datasets.partitions",
    "kedro_datasets.pillow",
    "regbench.images.ingest",
    "regbench.images.sources.open",
)
_SIDE = 28  # pixels; the loop knows the set


def measure_ingestion(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare readers on the same pictures."""
    folder, zipped = sets.unpacked(given), given.images
    pictures = sorted(folder.rglob("*.png"))
    for path in (zipped, *pictures):
        path.read_bytes()  # into the page cache, for whoever comes first
    readers: dict[str, tuple[Callable[[Path], object], Path]] = {
        "folder: RegBench": (_regbench, folder),
        "folder: Pillow loop": (_pillow, folder),
        "folder: PartitionedDataset + pillow.ImageDataset": (_partitioned, folder),
        "zip: RegBench": (_regbench, zipped),
        "zip: Pillow loop": (_pillow, zipped),
    }
    made = interleave(
        {
            name: partial(in_fresh_process, seconds, reader=reader, path=path)
            for name, (reader, path) in readers.items()
        },
        rounds,
    )
    mine, loop, partitioned, zip_mine, zip_loop = made.values()
    figures = [
        ratio("ingestion, folder / Pillow loop", mine, loop, 0.6),
        ratio("ingestion, zip / Pillow loop", zip_mine, zip_loop, 0.6),
        ratio("ingestion, folder / PartitionedDataset", mine, partitioned, 0.2),
    ]
    note = (
        f"{len(pictures):,} PNG files, read from the page cache; a fresh process each time, "
        "imports, Pillow's plugins among them, not counted. All use one thread. RegBench's time "
        "includes the digests of files and pixels, and the index."
    )
    return Outcome(list(made.values()), figures, [note])


def seconds(reader: Callable[[Path], object], path: Path) -> float:
    """In a fresh process: time a reader. What any of them imports is imported before."""
    for module in _IMPORTED:
        import_module(module)
    Image.init()  # imports all of Pillow's plugins
    settings.raw()
    started = time.perf_counter()
    reader(path)
    return time.perf_counter() - started


def _regbench(path: Path) -> None:
    from regbench.images.ingest import ingest_labeled
    from regbench.images.sources.open import open_source

    with open_source(path) as source:
        made = ingest_labeled(source, settings.of(Ingest))
    if len(made.rejected):
        raise ValueError(f"{len(made.rejected)} pictures rejected")


def _pillow(path: Path) -> None:
    zipped = zipfile.ZipFile(path) if path.is_file() else None

    def opened(name: str) -> Any:
        return io.BytesIO(zipped.read(name)) if zipped else path / name

    names = pd.read_csv(opened("Train/train.csv"))["filename"]
    images = np.empty((len(names), _SIDE, _SIDE), np.uint8)
    for number, name in enumerate(names):
        with Image.open(opened(f"{sets.IMAGE_FOLDER}/{name}")) as picture:
            images[number] = np.asarray(picture)


def _partitioned(path: Path) -> None:
    from kedro_datasets.partitions import PartitionedDataset

    partitions = PartitionedDataset(
        path=str(path / sets.IMAGE_FOLDER),
        dataset={"type": "pillow.ImageDataset"},
        filename_suffix=".png",
    ).load()
    np.stack([np.asarray(load()) for load in partitions.values()])
