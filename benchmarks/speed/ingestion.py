"""Reading the pictures of a set into one array, from a folder and from a zip."""

import io
import time
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.speed import sets, settings
from benchmarks.speed.harness import Options, Outcome, interleave, ratio
from benchmarks.speed.processes import in_fresh_process


def measure_ingestion(options: Options, rounds: int) -> Outcome:
    """Compare readers on the same pictures."""
    folder, zipped = str(sets.unpacked(options)), str(options.images)
    classes = str(sets.class_folders(options))
    for path in (Path(zipped), *sorted(Path(folder).rglob("*.png"))):
        path.read_bytes()  # into the page cache, for whoever comes first
    sides = {
        "folder: RegBench": ("regbench", folder),
        "folder: Pillow loop": ("pillow_on_folder", folder),
        "folder: PartitionedDataset + pillow.ImageDataset": ("partitioned", folder),
        "folder: image_dataset_from_directory": ("from_directory", classes),
        "folder: reading and inflating only": ("inflated_folder", folder),
        "zip: RegBench": ("regbench", zipped),
        "zip: Pillow loop": ("pillow_on_zip", zipped),
        "zip: reading and inflating only": ("inflated_zip", zipped),
    }
    made = interleave(
        {
            name: partial(in_fresh_process, f"ingestion:{reader}", path=path)
            for name, (reader, path) in sides.items()
        },
        rounds,
        "s",
    )
    mine, zip_mine = made["folder: RegBench"], made["zip: RegBench"]
    figures = [
        ratio("ingestion, folder / Pillow loop", mine, made["folder: Pillow loop"], 0.6),
        ratio("ingestion, zip / Pillow loop", zip_mine, made["zip: Pillow loop"], 0.6),
        ratio(
            "ingestion, folder / PartitionedDataset",
            mine,
            made["folder: PartitionedDataset + pillow.ImageDataset"],
            0.2,
        ),
        ratio(
            "ingestion, folder / image_dataset_from_directory",
            mine,
            made["folder: image_dataset_from_directory"],
        ),
        ratio(
            "ingestion, folder / reading and inflating",
            mine,
            made["folder: reading and inflating only"],
        ),
        ratio(
            "ingestion, zip / reading and inflating",
            zip_mine,
            made["zip: reading and inflating only"],
        ),
    ]
    notes = [
        f"{len(_listed_in_folder(folder)):,} PNG files, read from the page cache; a fresh process "
        "each time, imports not counted. All use one thread, but image_dataset_from_directory, "
        "which gets one folder per class and gives float32. RegBench's time includes the digests "
        "of files and pixels, and the index.",
    ]
    return Outcome(list(made.values()), figures, notes)


def regbench(path: str) -> float:
    """Time RegBench."""
    from regbench.images.ingest import ingest_labeled
    from regbench.images.sources.open import open_source

    configured = settings.ingest()
    started = time.perf_counter()
    with open_source(Path(path)) as source:
        made = ingest_labeled(source, configured)
    seconds = time.perf_counter() - started
    if len(made.rejected):
        raise ValueError(f"{len(made.rejected)} pictures rejected")
    return seconds


def pillow_on_folder(path: str) -> float:
    """Time a loop over the files of the label file."""
    started = time.perf_counter()
    names = _listed_in_folder(path)
    images = np.empty((len(names), *settings.ingest().size), np.uint8)
    for number, name in enumerate(names):
        with Image.open(f"{path}/{sets.IMAGE_FOLDER}/{name}") as picture:
            images[number] = np.asarray(picture)
    return time.perf_counter() - started


def pillow_on_zip(path: str) -> float:
    """Time a loop over the members that the label file names."""
    started = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        names = pd.read_csv(archive.open("Train/train.csv"))["filename"].tolist()
        images = np.empty((len(names), *settings.ingest().size), np.uint8)
        for number, name in enumerate(names):
            content = io.BytesIO(archive.read(f"{sets.IMAGE_FOLDER}/{name}"))
            with Image.open(content) as picture:
                images[number] = np.asarray(picture)
    return time.perf_counter() - started


def partitioned(path: str) -> float:
    """Time Kedro's datasets for it."""
    from kedro_datasets.partitions import PartitionedDataset

    started = time.perf_counter()
    partitions = PartitionedDataset(
        path=f"{path}/{sets.IMAGE_FOLDER}",
        dataset={"type": "pillow.ImageDataset"},
        filename_suffix=".png",
    ).load()
    np.stack([np.asarray(load()) for load in partitions.values()])
    return time.perf_counter() - started


def from_directory(path: str) -> float:
    """Time Keras' reader for class folders."""
    import keras

    height, width = settings.ingest().size
    started = time.perf_counter()
    batches = keras.utils.image_dataset_from_directory(
        path, color_mode="grayscale", image_size=(height, width), batch_size=128, shuffle=False
    )
    np.concatenate([images.numpy() for images, _ in batches])
    return time.perf_counter() - started


def inflated_folder(path: str) -> float:
    """Time what no reader can do without: reading every file, inflating its pixels."""
    started = time.perf_counter()
    for name in _listed_in_folder(path):
        with open(f"{path}/{sets.IMAGE_FOLDER}/{name}", "rb", buffering=0) as file:
            zlib.decompress(pixel_data(file.read()))
    return time.perf_counter() - started


def inflated_zip(path: str) -> float:
    """The same for a zip, read at once."""
    started = time.perf_counter()
    content = Path(path).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.filename.startswith(f"{sets.IMAGE_FOLDER}/"):
                zlib.decompress(pixel_data(_of_member(content, member)))
    return time.perf_counter() - started


def pixel_data(png: bytes) -> bytes:
    """Join the IDAT chunks of a PNG file."""
    return b"".join(_chunks(png, b"IDAT"))


def _chunks(png: bytes, wanted: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == wanted:
            yield png[at + 8 : at + 8 + length]
        at += 12 + length


def _of_member(content: bytes, member: zipfile.ZipInfo) -> bytes:
    # 30 bytes, then name and extra field, whose lengths stand at 26 and 28.
    header = member.header_offset
    name, extra = (
        int.from_bytes(content[header + at : header + at + 2], "little") for at in (26, 28)
    )
    begin = header + 30 + name + extra
    stored = content[begin : begin + member.compress_size]
    return stored if member.compress_type == zipfile.ZIP_STORED else zlib.decompress(stored, -15)


def _listed_in_folder(path: str) -> list[str]:
    names: list[str] = pd.read_csv(f"{path}/Train/train.csv")["filename"].tolist()
    return names
