"""MNIST: fetching it, checking that it is whole, and laying it out as a set of images.

MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. What is fetched is the
``mnist.npz`` of the Keras data sets; what is written is a zip in the layout of the 'Identify the
Digits' practice data, which the study reads like any other set.
"""

import hashlib
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from regbench.errors import StudyError
from regbench.images.mnist.download import OTHER_SOURCE, OnProgress, download
from regbench.images.mnist.faults import reason

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]

LABELED_ROWS = 49_000

# Shape, and SHA-256 of the bytes, of every array in mnist.npz; all are uint8.
ARRAYS: dict[str, tuple[tuple[int, ...], str]] = {
    "x_train": (
        (60_000, 28, 28),
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    ),
    "y_train": (
        (60_000,),
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    ),
    "x_test": (
        (10_000, 28, 28),
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    ),
    "y_test": (
        (10_000,),
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
}


class NotMnistError(StudyError):
    """A file was read and does not hold MNIST."""


class Mnist(NamedTuple):
    """MNIST as published: images are n x 28 x 28 uint8, labels n uint8 from 0 to 9."""

    x_train: Bytes
    y_train: Bytes
    x_test: Bytes
    y_test: Bytes


class ImageSet(NamedTuple):
    """Images to be written as a set: (n x 28 x 28 uint8, n labels) and m x 28 x 28 uint8."""

    labeled: tuple[Bytes, Bytes]
    unlabeled: Bytes


def load_mnist(source: str, cache: Path, on_progress: OnProgress) -> Mnist:
    """Read MNIST from wherever it is, downloading it once if it is on the web.

    Args:
        source: An http(s) or file address, or a local path.
        cache: Where a download is kept; a file that stands there is not downloaded again.
        on_progress: Called with bytes done and bytes in all.

    Returns:
        The four arrays, checked.

    Raises:
        NotMnistError: The content is not MNIST. A download is removed, a local source stays.
        StudyError: The source cannot be reached or read, or the download cannot be written.
    """
    local = local_path(source)
    if local is not None:
        return read_mnist(local)
    if not cache.exists():
        download(source, cache, on_progress)
    try:
        return read_mnist(cache)
    except NotMnistError as error:
        cache.unlink()
        raise NotMnistError(
            f"{error.message}; it was downloaded from {source} and is removed: "
            f"run again to download it again, or {OTHER_SOURCE}"
        ) from error


def local_path(source: str) -> Path | None:
    """Return the local path that an address means, or None if it is on the web.

    Raises:
        StudyError: The address is neither a path nor an http, https or file address.
    """
    scheme, separator, _ = source.partition("://")
    if not separator:
        return Path(source)
    if scheme.lower() == "file":
        return Path(urllib.request.url2pathname(urlsplit(source).path))
    if scheme.lower() in ("http", "https"):
        return None
    raise StudyError(f"{source} is no http, https or file address; {OTHER_SOURCE}")


def read_mnist(path: Path) -> Mnist:
    """Read ``mnist.npz`` and check every array.

    Args:
        path: An npz file with the arrays of ``ARRAYS``; further ones are ignored.

    Returns:
        The four arrays.

    Raises:
        NotMnistError: No npz, or an array is missing or not the one of MNIST.
        StudyError: The file is missing or cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return Mnist(**{name: _read_array(archive, path, name) for name in ARRAYS})
    except zipfile.BadZipFile as error:
        raise NotMnistError(f"{path} is no npz file") from error
    except OSError as error:
        raise StudyError(f"cannot read {path}: {reason(error)}; {OTHER_SOURCE}") from error


def full_set(mnist: Mnist) -> ImageSet:
    """Lay out all of MNIST: 49,000 labelled images, then 21,000 unlabelled ones, in its order."""
    images, labels = _rows(mnist)
    return ImageSet(
        (images[:LABELED_ROWS], labels[:LABELED_ROWS]),
        images[LABELED_ROWS:],
    )


def sample_set(mnist: Mnist, labeled: int, unlabeled: int, seed: int) -> ImageSet:
    """Draw a part of the full set, every class in its share and all of it shuffled.

    Args:
        mnist: The four arrays.
        labeled: How many of the 49,000 labelled images to draw.
        unlabeled: How many of the 21,000 unlabelled images to draw.
        seed: The same seed draws the same images in the same order.

    Returns:
        ``labeled`` images with labels and ``unlabeled`` images without.

    Raises:
        ValueError: More images are asked for than there are.
    """
    images, labels = _rows(mnist)
    # RandomState, unlike Generator, promises the same numbers from every version of NumPy.
    random = np.random.RandomState(seed)
    known = _draw(labels[:LABELED_ROWS], labeled, random)
    unknown = LABELED_ROWS + _draw(labels[LABELED_ROWS:], unlabeled, random)
    return ImageSet((images[known], labels[known]), images[unknown])


def largest_remainder(counts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Share ``size`` out in proportion to ``counts``, in whole numbers.

    What rounding down leaves over goes to the largest remainders, the first of equals first.

    Args:
        counts: How many there are of each class.
        size: How many to take in all, at most the sum of ``counts``.

    Returns:
        How many to take of each class: one number per count, ``size`` in sum.
    """
    shares, remainders = np.divmod(counts * size, counts.sum())
    left_over = size - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:left_over]] += 1
    return shares


def _draw(labels: Bytes, size: int, random: np.random.RandomState) -> Rows:
    """Row numbers of a shuffled sample that keeps the share of every label."""
    if not 0 <= size <= len(labels):
        raise ValueError(f"{size} images cannot be drawn from {len(labels)}")
    classes, counts = np.unique(labels, return_counts=True)
    parts = [
        random.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, largest_remainder(counts, size), strict=True)
    ]
    return random.permutation(np.concatenate(parts))


def _read_array(archive: zipfile.ZipFile, path: Path, name: str) -> Bytes:
    """Read one array of an npz and check its type, shape and content."""
    shape, checksum = ARRAYS[name]
    try:
        with archive.open(f"{name}.npy") as entry:
            array = np.lib.format.read_array(entry, allow_pickle=False)
    except KeyError as error:
        raise NotMnistError(f"{path} is not MNIST: {name} is missing") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise NotMnistError(f"{path} is damaged: {name}: {reason(error)}") from error
    if array.dtype != np.uint8 or array.shape != shape:
        raise NotMnistError(
            f"{path} is not MNIST: {name} is {array.shape} {array.dtype}, not {shape} uint8"
        )
    if hashlib.sha256(array.tobytes()).hexdigest() != checksum:
        raise NotMnistError(f"{path} is not MNIST: {name} has another SHA-256 sum")
    return cast(Bytes, array)


def _rows(mnist: Mnist) -> tuple[Bytes, Bytes]:
    """All 70,000 images and labels: the train rows followed by the test rows."""
    return (
        np.concatenate([mnist.x_train, mnist.x_test]),
        np.concatenate([mnist.y_train, mnist.y_test]),
    )
