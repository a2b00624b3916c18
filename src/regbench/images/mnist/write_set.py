"""A set of images written as a zip of pictures and label files."""

import io
import zipfile
from pathlib import Path

from PIL import Image

from regbench.images.mnist.arrays import Bytes
from regbench.images.mnist.download import OnProgress
from regbench.images.mnist.faults import writing
from regbench.storage.atomic import atomic_write

_PICTURES_PER_PROGRESS = 500
_COMPRESSION = 3  # of a PNG; on 28 x 28 pixels a higher level is slower and no smaller
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def write_set(
    target: Path, labeled: tuple[Bytes, Bytes], unlabeled: Bytes, on_progress: OnProgress
) -> None:
    """Write images as a zip that a study reads; the same images give the same bytes.

    Args:
        target: The zip to write. Missing parent folders are made.
        labeled: n x height x width uint8 images and their n labels.
        unlabeled: m x height x width uint8 images.
        on_progress: Called with pictures done and pictures in all.

    Raises:
        StudyError: The file cannot be written; what stood under its name is as it was.
    """
    content = _pack(labeled, unlabeled, on_progress)
    with writing(target, len(content)), atomic_write(target) as temporary:
        temporary.write_bytes(content)


def _pack(labeled: tuple[Bytes, Bytes], unlabeled: Bytes, on_progress: OnProgress) -> bytes:
    """The zip's bytes: pictures numbered through, the labelled ones first."""
    images, labels = labeled
    total = len(images) + len(unlabeled)
    names = [f"{number:05}.png" for number in range(total)]
    known, unknown = names[: len(images)], names[len(images) :]
    rows = "".join(f"{name},{label}\n" for name, label in zip(known, labels, strict=True))
    folders = ["Train/Images/train"] * len(known) + ["Train/Images/test"] * len(unknown)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "Train/train.csv", f"filename,label\n{rows}".encode())
        _add(archive, "Test.csv", "\n".join(["filename", *unknown, ""]).encode())
        pictures = (image for part in (images, unlabeled) for image in part)
        for done, (folder, name, image) in enumerate(zip(folders, names, pictures, strict=True), 1):
            _add(archive, f"{folder}/{name}", _png(image))
            if done % _PICTURES_PER_PROGRESS == 0 or done == total:
                on_progress(done, total)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Store an entry with nothing in it that differs between days or systems."""
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3  # Unix, whose file mode follows
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _png(image: Bytes) -> bytes:
    """A grey picture of height x width uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()
