"""Write a set of images as a zip of PNG files and label files (CSV)."""

import io
import itertools
import zipfile
from pathlib import Path

from PIL import Image

from regbench.images.mnist.arrays import Bytes, ImageSet
from regbench.images.mnist.download import OnProgress
from regbench.images.mnist.faults import write_errors
from regbench.storage.atomic import atomic_write

_PICTURES_PER_PROGRESS = 500
_COMPRESSION = 3  # zlib's level; for 28 x 28 pixels a higher one is slower and no smaller
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip


def write_set(target: Path, images: ImageSet, on_progress: OnProgress) -> None:
    """Write images atomically as a zip that a study reads; equal images give equal bytes.

    Args:
        target: The zip to write. Missing parent folders are created.
        images: Labelled and unlabelled ones; their split parts are a column of the label file.
        on_progress: Called with the number of pictures done and the total.

    Raises:
        StudyError: The file cannot be written; it keeps its previous content.
    """
    content = _pack(images, on_progress)
    with write_errors(target, len(content)), atomic_write(target) as temporary:
        temporary.write_bytes(content)


def _pack(image_set: ImageSet, on_progress: OnProgress) -> bytes:
    """Return the bytes of the zip; file names are consecutive numbers, labelled images first."""
    (images, labels), unlabeled, parts = image_set
    total = len(images) + len(unlabeled)
    names = [f"{number:05}.png" for number in range(total)]
    known, unknown = names[: len(images)], names[len(images) :]
    columns = ["filename", "label"] + (["split"] if parts else [])
    rows = [columns, *zip(known, map(str, labels), *([parts] if parts else []), strict=True)]
    table = "".join(f"{','.join(row)}\n" for row in rows)
    folders = ["Train/Images/train"] * len(known) + ["Train/Images/test"] * len(unknown)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "Train/train.csv", table.encode())
        _add(archive, "Test.csv", "\n".join(["filename", *unknown, ""]).encode())
        pictures = itertools.chain(images, unlabeled)
        for done, (folder, name, image) in enumerate(zip(folders, names, pictures, strict=True), 1):
            _add(archive, f"{folder}/{name}", _png(image))
            if done % _PICTURES_PER_PROGRESS == 0 or done == total:
                on_progress(done, total)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add an entry whose metadata do not depend on the date and the system (reproducible)."""
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3  # Unix, whose file mode follows
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _png(image: Bytes) -> bytes:
    """Return a greyscale image, H x W, uint8, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()
