"""Sets of images that measurements are made on, all made from MNIST."""

import csv
import io
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.speed import processes, settings
from benchmarks.speed.harness import Options, say

IMAGE_FOLDER = "Train/Images/train"
_SHIFTS = sorted(
    ((down, right) for down in range(-3, 4) for right in range(-3, 4)),
    key=lambda shift: (abs(shift[0]) + abs(shift[1]), shift),
)


def arrays(options: Options) -> Path:
    """Read the images once into a folder with ``images.npy`` and ``targets.npy``."""
    folder = options.cache / f"arrays-{_identity(options.images)}"
    if not (folder / "targets.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        processes.in_fresh_process("sets:_read", images=str(options.images), folder=str(folder))
    return folder


def unpacked(options: Options) -> Path:
    """The set as a folder."""
    return _once(options, f"folder-{_identity(options.images)}", "_unpack", options.images)


def class_folders(options: Options) -> Path:
    """The set as one folder per class, of links to the pictures of ``unpacked``."""
    source = unpacked(options)
    return _once(options, f"classes-{_identity(options.images)}", "_link_by_class", source)


def first(options: Options, count: int) -> Path:
    """A zip with the first images of the set."""
    return repeated(options, count)


def repeated(options: Options, count: int) -> Path:
    """A zip with so many images: the set again and again, each time shifted a bit further."""
    name = f"repeated-{_identity(options.images)}-{count}.zip"
    return _once(options, name, "_write_repeated", arrays(options), count=count)


def repeated_folder(options: Options, count: int) -> Path:
    """The same as a folder."""
    name = f"repeated-folder-{_identity(options.images)}-{count}"
    return _once(options, name, "_unpack", repeated(options, count))


def coloured(options: Options, count: int, side: int) -> Path:
    """A zip with so many RGB pictures (JPEG): digits enlarged, in two colours each."""
    name = f"coloured-{_identity(options.images)}-{count}-{side}.zip"
    return _once(options, name, "_write_coloured", arrays(options), count=count, side=side)


def shift(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move H x W pixels; what leaves at one edge comes in at the other, black in MNIST."""
    return np.roll(image, (down, right), axis=(0, 1))


def repetitions(rows: int, count: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Which row is repeated with which shift, ``count`` times; the first pass is unshifted."""
    for number in range(count):
        yield number % rows, _SHIFTS[number // rows % len(_SHIFTS)]


def _once(options: Options, name: str, maker: str, source: Path, **arguments: int) -> Path:
    target = options.cache / name
    if not target.exists():
        say(f"  making {name}")
        options.cache.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.part")
        if partial.is_dir():  # of one that was interrupted
            shutil.rmtree(partial)
        processes.in_fresh_process(
            f"sets:{maker}", source=str(source), target=str(partial), **arguments
        )
        partial.rename(target)
    return target


def _identity(path: Path) -> str:
    """Tells a set from another of the same name."""
    of_file = path.stat()
    return f"{path.stem}-{of_file.st_size}-{of_file.st_mtime_ns}"


def _read(images: str, folder: str) -> None:
    from regbench.images.ingest import ingest_labeled
    from regbench.images.sources.open import open_source

    with open_source(Path(images)) as source:
        made = ingest_labeled(source, settings.ingest())
    np.save(Path(folder) / "images.npy", made.images)
    np.save(Path(folder) / "targets.npy", made.index["target"].to_numpy())


def _unpack(source: str, target: str) -> None:
    with zipfile.ZipFile(source) as archive:
        archive.extractall(target)


def _link_by_class(source: str, target: str) -> None:
    with (Path(source) / "Train/train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            folder = Path(target) / row["label"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / row["filename"]).symlink_to(
                Path(source).resolve() / IMAGE_FOLDER / row["filename"]
            )


def _write_repeated(source: str, target: str, count: int) -> None:
    images, targets = np.load(Path(source) / "images.npy"), np.load(Path(source) / "targets.npy")

    def pictures() -> Iterator[tuple[bytes, int]]:
        for row, by in repetitions(len(images), count):
            image = Image.fromarray(shift(images[row, ..., 0], *by))
            yield _encoded(image, "PNG", compress_level=3), int(targets[row])

    _write_set(Path(target), pictures(), "png")


def _write_coloured(source: str, target: str, count: int, side: int) -> None:
    images, targets = np.load(Path(source) / "images.npy"), np.load(Path(source) / "targets.npy")
    random = np.random.default_rng(0)

    def pictures() -> Iterator[tuple[bytes, int]]:
        for row, by in repetitions(len(images), count):
            grey = Image.fromarray(shift(images[row, ..., 0], *by))
            ink = np.asarray(grey.resize((side, side), Image.Resampling.BILINEAR))[..., None] / 255
            paper, pen = random.integers(0, 100, 3), random.integers(150, 256, 3)
            picture = Image.fromarray((paper + (pen - paper) * ink).astype(np.uint8))
            yield _encoded(picture, "JPEG", quality=90), int(targets[row])

    _write_set(Path(target), pictures(), "jpg")


def _encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def _write_set(
    target: Path,
    pictures: Iterable[tuple[bytes, int]],
    suffix: str,
    name: Callable[[int], str] = "{:07}".format,
) -> None:
    rows = ["filename,label"]
    with zipfile.ZipFile(target, "w") as archive:
        for number, (content, label) in enumerate(pictures):
            filename = f"{name(number)}.{suffix}"
            archive.writestr(f"{IMAGE_FOLDER}/{filename}", content)
            rows.append(f"{filename},{label}")
        archive.writestr("Train/train.csv", "\n".join([*rows, ""]))
        archive.writestr("Test.csv", "filename\n")
