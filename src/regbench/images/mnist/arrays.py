"""The arrays of MNIST: download, checksums, and selection for a set of images.

MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. The source is the
``mnist.npz`` of the Keras data sets. The set of images is a zip in the layout of the 'Identify the
Digits' practice data (Analytics Vidhya): 49,000 labelled and 21,000 unlabelled images.
"""

import hashlib
import urllib.request
import zipfile
import zlib
from collections.abc import Mapping
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
    """A readable file does not contain MNIST."""


class Mnist(NamedTuple):
    """MNIST as published: images N x 28 x 28, uint8; labels N, uint8, from 0 to 9."""

    x_train: Bytes
    y_train: Bytes
    x_test: Bytes
    y_test: Bytes


class ImageSet(NamedTuple):
    """Images to be written as a set."""

    labeled: tuple[Bytes, Bytes]  # images N x 28 x 28, uint8, and N labels, uint8
    unlabeled: Bytes  # M x 28 x 28, uint8
    parts: tuple[str, ...] | None = (
        None  # the split part of each labelled image, if the set has any
    )


def load_mnist(source: str, cache: Path, on_progress: OnProgress) -> Mnist:
    """Return the arrays of MNIST from a local file or the web, verified by their checksums.

    Args:
        source: An http(s) or file URL, or a local path.
        cache: The file that a download is saved to; if it exists, nothing is downloaded.
        on_progress: Called with the bytes downloaded and the total.

    Raises:
        NotMnistError: The content is not MNIST. A download is deleted, a local source is not.
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
    """Return the local path of a path or file URL, or None for an http(s) URL.

    Raises:
        StudyError: The URL has another scheme.
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
    """Return the arrays of an ``mnist.npz``, verified by shape, dtype and SHA-256.

    Args:
        path: An npz file with the arrays of ``ARRAYS``; others are ignored.

    Raises:
        NotMnistError: The file is no npz, or an array is missing or differs from MNIST's.
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
    """Return all of MNIST in its order: the first 49,000 images labelled, 21,000 unlabelled."""
    images, labels = _all_rows(mnist)
    return ImageSet(
        (images[:LABELED_ROWS], labels[:LABELED_ROWS]),
        images[LABELED_ROWS:],
    )


def sample_set(
    mnist: Mnist, labeled: int, unlabeled: int, seed: int, sizes: Mapping[str, int] | None = None
) -> ImageSet:
    """Return a stratified random sample of the full set, shuffled.

    Args:
        mnist: The four arrays.
        labeled: The number of labelled images, at most 49,000.
        unlabeled: The number of unlabelled images, at most 21,000.
        seed: Of the random numbers; the same seed gives the same images in the same order.
        sizes: The labelled images of each split part, if the sample is to have a split: they sum
            to ``labeled``, and every class has its share of each part.

    Raises:
        ValueError: There are fewer images.
    """
    images, labels = _all_rows(mnist)
    # The stream of RandomState, unlike Generator's, is the same in all versions of NumPy (NEP 19).
    random = np.random.RandomState(seed)
    known = _draw(labels[:LABELED_ROWS], labeled, random)
    unknown = LABELED_ROWS + _draw(labels[LABELED_ROWS:], unlabeled, random)
    parts = tuple(split_parts(labels[known], sizes)) if sizes else None
    return ImageSet((images[known], labels[known]), images[unknown], parts)


def split_parts(labels: Bytes, sizes: Mapping[str, int]) -> list[str]:
    """Return a split part for each row: of every class the first rows, then the next, and so on.

    Args:
        labels: N labels, in random order.
        sizes: The images of each part; they sum to N.
    """
    parts = np.empty(len(labels), dtype=object)
    classes, left = np.unique(labels, return_counts=True)
    rows = {label: list(np.flatnonzero(labels == label)) for label in classes}
    for part, size in sizes.items():
        shares = largest_remainder(left, size)
        left = left - shares
        for label, share in zip(classes, shares, strict=True):
            parts[rows[label][:share]] = part
            del rows[label][:share]
    return list(parts)


def largest_remainder(counts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Return integers in proportion to ``counts`` that sum to ``size`` (largest remainder method).

    The rest of rounding down goes to the largest remainders; of equal ones to the first.

    Args:
        counts: The number of images per class.
        size: The number to allocate, at most the sum of ``counts``.

    Returns:
        The number allocated to each class, int64.
    """
    shares, remainders = np.divmod(counts * size, counts.sum())
    rest = size - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:rest]] += 1
    return shares


def _draw(labels: Bytes, size: int, random: np.random.RandomState) -> Rows:
    """Return the row indices of a shuffled sample, stratified by label."""
    if not 0 <= size <= len(labels):
        raise ValueError(f"{size} images cannot be drawn from {len(labels)}")
    classes, counts = np.unique(labels, return_counts=True)
    drawn = [
        random.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, largest_remainder(counts, size), strict=True)
    ]
    return random.permutation(np.concatenate(drawn))


def _read_array(archive: zipfile.ZipFile, path: Path, name: str) -> Bytes:
    """Return one array of an npz; raise ``NotMnistError`` for another dtype, shape or SHA-256."""
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


def _all_rows(mnist: Mnist) -> tuple[Bytes, Bytes]:
    """Return all 70,000 images and labels: the train images, then the test images."""
    return (
        np.concatenate([mnist.x_train, mnist.x_test]),
        np.concatenate([mnist.y_train, mnist.y_test]),
    )
