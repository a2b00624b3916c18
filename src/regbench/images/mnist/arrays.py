"""MNIST: fetching it, checking that it is whole, and laying it out as a set of images.

MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. What is fetched is the
``mnist.npz`` of the Keras data sets; what is written is a zip in the layout of the 'Identify the
Digits' practice data, which the study reads like any other set.
"""

import errno
import hashlib
import io
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from PIL import Image

from regbench.errors import StudyError
from regbench.storage.atomic import atomic_write

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]
OnProgress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is in all (None: unknown)."""

OTHER_SOURCE = "--params=mnist_source=... takes another address or a local file"
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

_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte
_RETRIES = 2  # of a download that fails
_PICTURES_PER_PROGRESS = 500
_COMPRESSION = 3  # of a PNG; on 28 x 28 pixels a higher level is slower and no smaller
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


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


def download(address: str, target: Path, on_progress: OnProgress) -> None:
    """Bring a file here; ``target`` stands only when all of it has arrived.

    A download that fails is begun anew, a few times.

    Args:
        address: An http(s) address.
        target: The file to write. Missing parent folders are made.
        on_progress: Called with bytes done and bytes in all.

    Raises:
        StudyError: The address cannot be reached, broke off, or the file cannot be written.
    """
    import pooch  # noqa: PLC0415 - only who downloads pays
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # it would tell the address with its password
    # No sum of the whole file: others pack the same arrays in other ways, and those have sums.
    source = pooch.create(
        target.parent,
        base_url="",
        registry={target.name: None},
        urls={target.name: address},
        retry_if_failed=_RETRIES,
    )
    bar = _ProgressBar(on_progress)
    web = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_TIMEOUT)
    with _writing(target):
        try:
            source.fetch(target.name, downloader=web)
        except requests.HTTPError as error:
            answer = cast(requests.Response, error.response)
            raise StudyError(
                f"{address} sends no file (HTTP status {answer.status_code} {answer.reason}); "
                f"{OTHER_SOURCE}"
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise StudyError(
                f"cannot download {address}: {_reason(_root(error))}; {OTHER_SOURCE}"
            ) from error


class _ProgressBar:
    """What pooch takes for a progress bar: it sets ``total`` and tells every step."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._done = self._total = 0

    @property
    def total(self) -> int:
        """Bytes in all, 0 if the server does not say; set when a download begins."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._done, self._total = 0, total
        self.update(0)

    def update(self, size: int) -> None:
        """Count bytes; pooch rounds the last ones up."""
        self._done += size
        if self._total:
            self._done = min(self._done, self._total)
        self._on_progress(self._done, self._total or None)

    def reset(self) -> None:
        """Stay: what follows is told as a step, too."""

    def close(self) -> None:
        """Nothing is open."""


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
        raise StudyError(f"cannot read {path}: {_reason(error)}; {OTHER_SOURCE}") from error


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
    with _writing(target, len(content)), atomic_write(target) as temporary:
        temporary.write_bytes(content)


def _rows(mnist: Mnist) -> tuple[Bytes, Bytes]:
    """All 70,000 images and labels: the train rows followed by the test rows."""
    return (
        np.concatenate([mnist.x_train, mnist.x_test]),
        np.concatenate([mnist.y_train, mnist.y_test]),
    )


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


def _read_array(archive: zipfile.ZipFile, path: Path, name: str) -> Bytes:
    """Read one array of an npz and check its type, shape and content."""
    shape, checksum = ARRAYS[name]
    try:
        with archive.open(f"{name}.npy") as entry:
            array = np.lib.format.read_array(entry, allow_pickle=False)
    except KeyError as error:
        raise NotMnistError(f"{path} is not MNIST: {name} is missing") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise NotMnistError(f"{path} is damaged: {name}: {_reason(error)}") from error
    if array.dtype != np.uint8 or array.shape != shape:
        raise NotMnistError(
            f"{path} is not MNIST: {name} is {array.shape} {array.dtype}, not {shape} uint8"
        )
    if hashlib.sha256(array.tobytes()).hexdigest() != checksum:
        raise NotMnistError(f"{path} is not MNIST: {name} has another SHA-256 sum")
    return cast(Bytes, array)


@contextmanager
def _writing(target: Path, needed: int | None = None) -> Iterator[None]:
    """Say why a file (of so many bytes, if that is known) cannot be written."""
    try:
        yield
    except OSError as error:
        size = "" if needed is None else f": {needed / 1e6:.1f} MB needed"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no space left in {target.parent}{size} for {target.name}"
        elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
            message = f"no permission to write {target.name} in {target.parent}"
        else:
            message = f"cannot write {target}: {_reason(error)}"
        raise StudyError(message) from error


def _root(error: BaseException) -> BaseException:
    """The error that an error goes back to: below those of the web's libraries, the system's."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
