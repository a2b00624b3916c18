"""From pictures on disk to one array of images, with a word about every picture left out.

Nothing here is guessed or dropped in silence: a row is either an image or a rejection with its
name and reason, and a set that makes no sense as a whole stops with one line.
"""

import csv
import hashlib
import io
import logging
import math
import posixpath
import re
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from regbench.errors import StudyError, quoted
from regbench.images.duplicates import to_drop
from regbench.images.known_files import EarlierIngestion, KnownFiles, content_of
from regbench.images.plain_png import PlainPngs, lacks_rows
from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
    rare_garbage_collection,
)
from regbench.storage.arrays import empty_images, in_chunks, let_go
from regbench.study import fingerprints
from regbench.study.schema import Ingest

logger = logging.getLogger(__name__)

# Formats that are decoded in this process; EPS, for one, would start Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_LABEL_FILE_BYTES = 1 << 28  # some ten million rows; as Python objects they take far more
# No format stores more than 8 bytes a pixel, and 1 MiB is plenty for what stands beside them.
_BYTES_PER_PIXEL = 8
_BYTES_BESIDE_PIXELS = 1 << 20
_BYTES_AT_ONCE = 1 << 20  # of pixels, decoded together
_BYTES_HELD = 64 << 20  # of pixels, until the system writes them to their file
_NO_MEMORY = "too large: not enough memory"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow says, by its first words.
_IN_PLAIN_WORDS = {
    "could not create decoder object": "damaged WebP",
    "cannot load this image": "no pixels",
    "Decompressed data too large": "a text or colour profile that inflates beyond bounds",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class LabeledImages:
    """Images with their classes.

    Attributes:
        images: uint8, N x H x W x C.
        index: One row per image: ``filename`` and ``label`` (str), ``target`` (int32, the
            position of the label in ``classes``) and ``digest`` (str, see ``image_digests``).
        rejected: ``filename`` and ``reason`` of every row left out.
        classes: All labels: sorted as numbers if all of them are, otherwise as text.
        files: What the next ingestion takes over what is unchanged by (``KnownFiles.record``).
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame
    classes: list[str]
    files: pd.DataFrame


@dataclass(frozen=True)
class UnlabeledImages:
    """Images without labels.

    Attributes:
        images: uint8, N x H x W x C.
        index: One row per image: ``filename``.
        rejected: ``filename`` and ``reason`` of every row left out.
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame


class _Row(NamedTuple):
    """A picture as the set names it; the label is None where none is asked for."""

    filename: str
    label: str | None


class _Table(NamedTuple):
    """Pictures to read, the folder that their names are relative to, and what listed them."""

    rows: list[_Row]
    folder: str
    origin: str


class _Ingested(NamedTuple):
    images: NDArray[np.uint8]
    rows: list[_Row]
    rejected: pd.DataFrame


@rare_garbage_collection()
def ingest_labeled(
    source: ImageSource, settings: Ingest, earlier: EarlierIngestion | None = None
) -> LabeledImages:
    """Read the labelled images of a set.

    Args:
        source: The set; everything in it may lie beneath one top folder.
        settings: Where labels and pictures are, and what a picture is turned into.
        earlier: An earlier ingestion, of this set or another; pictures whose files are the same
            are copied from it and not decoded. The outcome is the same without it.

    Returns:
        The images in the order of the label file, or sorted by name for class folders.
        Duplicates that are dropped stand last among the rejected; they are readable pictures,
        left out as asked for, and do not count towards ``max_rejected``.

    Raises:
        StudyError: The label file is missing, empty or malformed, no image or only one class is
            left, or more rows than ``max_rejected`` are rejected.
    """
    source = _find_root(source, settings)
    layout = _layout(source, settings)
    if layout is None:
        looked = "" if settings.layout == "label_file" else " and no two folders with pictures"
        raise StudyError(
            f"{source.display} holds no label file {settings.label_file!r}{looked}; name the label "
            "file with ingest.label_file=..., or set ingest.layout=class_folders for one folder "
            "per class"
        )
    if layout == "class_folders":
        table = _rows_of_class_folders(source, settings)
    else:
        columns = [settings.filename_column, settings.label_column]
        rows = _read_label_file(source, settings.label_file, columns, settings)
        table = _Table(rows, _folder(settings, "image_folder"), repr(settings.label_file))
    known = KnownFiles(earlier, fingerprints.of_decoding(settings))
    ingested = _ingest(source, table, settings, known)
    digests = read = image_digests(ingested.images)
    if settings.duplicates == "drop":
        ingested, digests = _without_duplicates(source, ingested, digests)
    labels = [row.label or "" for row in ingested.rows]
    classes = sort_classes(set(labels))
    if len(classes) < 2:
        raise StudyError(
            f"{source.display}: all {len(labels)} images are of one class, {quoted(classes[0])}; "
            "a classifier needs at least two"
        )
    targets = {label: target for target, label in enumerate(classes)}
    index = pd.DataFrame(
        {
            "filename": _text([row.filename for row in ingested.rows]),
            "label": _text(labels),
            "target": np.array([targets[label] for label in labels], np.int32),
            "digest": _text(digests),
        }
    )
    files = known.record(read, digests)
    return LabeledImages(ingested.images, index, ingested.rejected, classes, files)


@rare_garbage_collection()
def ingest_unlabeled(source: ImageSource, settings: Ingest) -> UnlabeledImages:
    """Read the unlabelled images of a set.

    They are those that ``unlabeled_file`` lists. A set of class folders needs no such file: there
    they are all pictures in ``unlabeled_folder``, and none if there is no such folder.

    Args:
        source: The set; everything in it may lie beneath one top folder.
        settings: Where file names and pictures are, and what a picture is turned into.

    Returns:
        The images in the order of the file, or sorted by name.

    Raises:
        StudyError: The file is missing, empty or malformed, it lists no usable image, or more
            rows than ``max_rejected`` are rejected.
    """
    source = _find_root(source, settings)
    folder = _folder(settings, "unlabeled_folder")
    if source.exists(settings.unlabeled_file):
        columns = [settings.filename_column]
        rows = _read_label_file(source, settings.unlabeled_file, columns, settings)
        ingested = _ingest(source, _Table(rows, folder, repr(settings.unlabeled_file)), settings)
    elif _layout(source, settings) == "class_folders":
        inside = f"{folder}/"
        names = [name for name in source.names() if folder and name.startswith(inside)]
        rows = [_Row(name.removeprefix(inside), None) for name in names if _is_picture(name)]
        table = _Table(rows, folder, f"folder {folder!r}")
        ingested = _ingest(source, table, settings) if rows else _nothing(settings)
    else:
        raise StudyError(
            f"{source.display} holds no {settings.unlabeled_file!r}, the list of unlabelled "
            "images; name it with ingest.unlabeled_file=..."
        )
    index = pd.DataFrame({"filename": _text([row.filename for row in ingested.rows])})
    return UnlabeledImages(ingested.images, index, ingested.rejected)


def decode_picture(data: bytes, settings: Ingest) -> NDArray[np.uint8]:
    """Turn the bytes of a picture file into an image of the configured mode and size.

    The first frame counts, EXIF orientation is applied, transparent pixels are laid on the
    background. 16 bits become 8 by dividing by 257; Pillow itself does it for RGB, by dropping
    the low byte. Float pixels (TIFF mode F) are refused: their range is agreed nowhere, and one
    taken from each picture would scale the pictures of a set differently.

    The size is checked before anything is decoded. Pillow's own limit (179 million pixels) stands
    beside ``max_pixels``.

    Args:
        data: The content of the file.
        settings: Mode, size, background and largest number of pixels.

    Returns:
        uint8, H x W x C. A picture of another size is stretched to it.

    Raises:
        Unreadable: With a reason that names the fault, whatever it is.
    """
    if not data:
        raise Unreadable("unreadable: empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > settings.max_pixels:
                raise Unreadable(_too_many_pixels(settings.max_pixels))
            picture.load()
            if picture.format == "PNG" and _ends_blank(picture) and lacks_rows(data):
                raise Unreadable("unreadable: image file is truncated")
            return _render(picture, settings)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        pillows_limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise Unreadable(_too_many_pixels(min(settings.max_pixels, pillows_limit))) from None
    except UnidentifiedImageError:
        raise Unreadable(f"unreadable: none of {', '.join(FORMATS)}") from None
    except MemoryError:
        raise Unreadable(_NO_MEMORY) from None
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise Unreadable(f"unreadable: {_short(error)}") from None


def image_digests(images: NDArray[np.uint8]) -> list[str]:
    """Name every image by its pixels: equal names are equal images, whatever their files.

    Args:
        images: uint8, N x H x W x C.

    Returns:
        Per image the BLAKE2b digest of its pixels, 32 hexadecimal digits.
    """
    return [
        hashlib.blake2b(image, digest_size=16).hexdigest()
        for some in in_chunks(images)
        for image in some
    ]


def sort_classes(labels: Iterable[str]) -> list[str]:
    """Sort labels as numbers if all of them are numbers, otherwise as text.

    Equal numbers ('1' and '01' are two classes) stand in the order of their text.
    """
    texts = sorted(labels)
    if all(_NUMBER.fullmatch(text) for text in texts):
        return sorted(texts, key=float)
    return texts


def _find_root(source: ImageSource, settings: Ingest) -> ImageSource:
    """Look through a single top folder if the set is in there and not at the root."""
    if _is_root(source, settings):
        return source
    top = source.top_folder()
    if top is None:
        return source
    inner = source.within(top)
    return inner if _is_root(inner, settings) else source


def _is_root(source: ImageSource, settings: Ingest) -> bool:
    if source.exists(settings.unlabeled_file):
        return True
    if settings.layout == "class_folders":
        return len(_top_folders(source, settings)) > 1
    return _layout(source, settings) is not None


def _layout(source: ImageSource, settings: Ingest) -> Literal["label_file", "class_folders"] | None:
    """Say how a set is labelled; None if there is nothing to go by."""
    if settings.layout == "class_folders":
        return "class_folders"
    if source.exists(settings.label_file):
        return "label_file"
    if settings.layout == "auto" and len(_top_folders(source, settings, depth=2)) > 1:
        return "class_folders"
    return None


def _top_folders(source: ImageSource, settings: Ingest, depth: int | None = None) -> set[str]:
    """Find the top folders that hold pictures: at any depth, or directly (2)."""
    paths = [name.split("/") for name in source.names() if _is_picture(name)]
    tops = {path[0] for path in paths if len(path) > 1 and depth in (None, len(path))}
    return tops - _not_classes(settings) - {"", ".."}


def _rows_of_class_folders(source: ImageSource, settings: Ingest) -> _Table:
    """List all pictures; the top folder of each is its label, also from folders further down."""
    skip = _not_classes(settings)
    paths = [(name, name.partition("/")) for name in source.names() if _is_picture(name)]
    rows = [_Row(name, top if slash else "") for name, (top, slash, _) in paths if top not in skip]
    if not rows:
        raise StudyError(f"{source.display} holds no folders with pictures, one per class")
    return _Table(rows, "", "the class folders")


def _not_classes(settings: Ingest) -> set[str]:
    """Top folders that stand for no class."""
    return {settings.image_folder.strip("/"), settings.unlabeled_folder.strip("/")} - {""}


def _is_picture(name: str) -> bool:
    """Say whether a file is meant as a picture; a linked folder may hold some."""
    suffix = name[name.rfind(".") :].lower()
    return name.endswith("/") or Image.registered_extensions().get(suffix) in Image.OPEN


def _folder(settings: Ingest, setting: str) -> str:
    """Give a folder's name in the form of ``clean_name``; the root is empty."""
    folder: str = getattr(settings, setting)
    try:
        return clean_name(posixpath.join(folder, "file")).rpartition("/")[0]
    except Unreadable as problem:
        raise StudyError(f"ingest.{setting}={folder!r}: {problem.reason}") from None


def _read_label_file(
    source: ImageSource, name: str, columns: list[str], settings: Ingest
) -> list[_Row]:
    """Read file names, and labels if two columns are asked for, all as plain text.

    Raises:
        StudyError: The file is unreadable, not UTF-8, no CSV, empty, or lacks a column.
    """
    where = f"{name!r} in {source.display}"
    try:
        text = source.read(name, MAX_LABEL_FILE_BYTES).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=settings.separator, strict=True)
        cells = [line for line in lines if any(map(str.strip, line))]
    except Unreadable as problem:
        raise StudyError(f"{where}: {problem.reason}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{where} is not UTF-8 (byte {error.start + 1}); save it so") from None
    except (csv.Error, TypeError, ValueError) as error:  # the latter two for an odd separator
        raise StudyError(f"{where} is no well-formed CSV: {error}") from None
    if not cells:
        raise StudyError(f"{where} is empty")
    header, *cells = cells
    positions = _positions(header, columns, where)
    if not cells:
        raise StudyError(f"{where} has a header and no rows")
    for line in (line for line in cells if len(line) != len(header)):
        if any(line[len(header) :]):
            raise StudyError(
                f"{where}: the row of {quoted(line[0])} has {len(line)} cells, the header "
                f"{len(header)}; quote cells that contain {settings.separator!r}"
            )
        line.extend([""] * (len(header) - len(line)))
    if len(positions) == 1:
        return [_Row(line[positions[0]], None) for line in cells]
    return [_Row(line[positions[0]], line[positions[1]].strip()) for line in cells]


def _positions(header: list[str], columns: list[str], where: str) -> list[int]:
    """Find the columns in the header, each exactly once."""
    found = [column.strip() for column in header]
    for column in columns:
        if found.count(column) != 1:
            problem = "no column" if column not in found else "more than one column"
            names = ", ".join(quoted(name) for name in found[:10])
            raise StudyError(
                f"{where} has {problem} {column!r}; its columns are {names}"
                f"{_remedy(found, columns)}"
            )
    return [found.index(column) for column in columns]


def _remedy(header: list[str], columns: list[str]) -> str:
    """Name the separator that makes the columns of the header's only cell, or what names them."""
    for separator in ";\t|,":
        cells = [cell.strip() for cell in header[0].split(separator)]
        if len(header) == 1 and set(columns) <= set(cells) and len(cells) > 1:
            return f"; set ingest.separator to {separator!r}"
    return "; name yours by ingest.filename_column and ingest.label_column"


def _ingest(
    source: ImageSource, table: _Table, settings: Ingest, known: KnownFiles | None = None
) -> _Ingested:
    """Read all pictures of a table, say what came of it, and stop if too little did.

    What came of every file is noted in ``known``.
    """
    start = time.perf_counter()
    known = known or KnownFiles()
    paths, reasons = _screen(table.rows)
    images = _allocate(len(paths), settings)
    limit = settings.max_pixels * _BYTES_PER_PIXEL + _BYTES_BESIDE_PIXELS
    prefix = f"{table.folder}/" if table.folder else ""
    accepted: list[_Row] = []
    pictures = _Pictures(images, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow says about files that it can read
        for position, path in paths.items():
            try:
                content, data = content_of(source, prefix + path, limit)
                fault = known.fault(content)
                if fault is None and not known.take(content, len(accepted)):
                    data = source.read(prefix + path, limit) if data is None else data
                    fault = pictures.put(len(accepted), data)
            except Unreadable as problem:
                reasons[position] = problem.reason
                continue
            if fault is None:
                accepted.append(table.rows[position])
                known.note_image(content)
            else:
                reasons[position] = fault
                if fault != _NO_MEMORY:
                    known.note_fault(content, fault)
    pictures.finish()
    images = images[: len(accepted)]
    if not known.copy_to(images, image_digests):
        logger.warning("the record of the last ingestion does not fit: every picture is read anew")
        known.forget()
        return _ingest(source, table, settings, known)
    counts = Counter(reason for _, reason in sorted(reasons.items()))
    logger.log(
        logging.WARNING if reasons else logging.INFO,
        "%d images%s from %s (%s) in %.1f s%s; %d rejected%s",
        len(accepted),
        _count_of_classes(accepted),
        source.display,
        table.origin,
        time.perf_counter() - start,
        f", {known.taken} of them as last time" if known.taken else "",
        len(reasons),
        f": {_summary(counts)}" if reasons else "",
    )
    _stop_if_too_few(source, table, reasons, counts, settings)
    rejected = sorted((at, table.rows[at].filename, reason) for at, reason in reasons.items())
    frame = pd.DataFrame(
        {
            "filename": _text([_printable(name) for _, name, _ in rejected]),
            "reason": _text([reason for _, _, reason in rejected]),
        }
    )
    return _Ingested(images, accepted, frame)


def _without_duplicates(
    source: ImageSource, ingested: _Ingested, digests: list[str]
) -> tuple[_Ingested, list[str]]:
    """Drop images with equal pixels, and move the others together in the array."""
    images, rows, rejected = ingested
    reasons = to_drop(
        digests, [_printable(row.filename) for row in rows], [row.label or "" for row in rows]
    )
    if not reasons:
        return ingested, digests
    logger.warning(
        "%d images dropped because another has the same pixels (ingest.duplicates=drop)",
        len(reasons),
    )
    stay = np.array([at for at in range(len(rows)) if at not in reasons], np.intp)
    if not len(stay):
        raise StudyError(
            f"{source.display}: ingest.duplicates=drop leaves no image: all {len(rows)} have the "
            "same pixels as one with another label"
        )
    end = 0
    for some in in_chunks(images, stay):  # they only ever move to the front
        images[end : end + len(some)] = some
        end += len(some)
    frame = pd.DataFrame(
        {
            "filename": _text([_printable(rows[at].filename) for at in sorted(reasons)]),
            "reason": _text([reasons[at] for at in sorted(reasons)]),
        }
    )
    rejected = pd.concat([rejected, frame], ignore_index=True)
    left = _Ingested(images[:end], [rows[at] for at in stay], rejected)
    return left, [digests[at] for at in stay]


class _Pictures:
    """Decodes pictures into an array, plain PNGs of its size many at a time."""

    def __init__(self, images: NDArray[np.uint8], settings: Ingest) -> None:
        self._images, self._settings = images, settings
        height, width, channels = images.shape[1:]
        self._plain = PlainPngs(height, width, settings.mode)
        self._plain_fit = height * width <= settings.max_pixels
        self._at_once = max(1, _BYTES_AT_ONCE // (height * width * channels))
        self._held = max(1, _BYTES_HELD // (height * width * channels))
        self._waiting: dict[int, bytes] = {}

    def put(self, row: int, data: bytes) -> str | None:
        """Decode a file into a row of the array, now or later.

        Returns:
            Why it cannot be decoded, as in ``decode_picture``; None if it can.
        """
        if row % self._held == 0:
            let_go(self._images)
        plain = self._plain.rows(data) if self._plain_fit else None
        if plain is None:
            try:
                self._images[row] = decode_picture(data, self._settings)
            except Unreadable as problem:
                return problem.reason
            return None
        self._waiting[row] = plain
        if len(self._waiting) == self._at_once:
            self.finish()
        return None

    def finish(self) -> None:
        """Decode what waits."""
        if self._waiting:
            self._images[list(self._waiting)] = self._plain.pixels(list(self._waiting.values()))
            self._waiting.clear()


def _screen(rows: list[_Row]) -> tuple[dict[int, str], dict[int, str]]:
    """Tell rows whose picture is to be read from those rejected for what they say.

    Returns:
        By position of the row: the clean name of the picture, and the reason of the rejection.
    """
    paths: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for position, row in enumerate(rows):
        try:
            paths[position] = _path(row)
        except Unreadable as problem:
            reasons[position] = problem.reason
    if len(set(paths.values())) == len(paths):
        return paths, reasons
    same_name: defaultdict[str, list[int]] = defaultdict(list)
    for position, path in paths.items():
        same_name[path].append(position)
    for positions in same_name.values():
        conflict = len({rows[position].label for position in positions}) > 1
        for position in positions if conflict else positions[1:]:
            extra = " with conflicting labels" if conflict else ""
            reasons[position] = f"duplicate file name{extra}"
            del paths[position]
    return paths, reasons


def _path(row: _Row) -> str:
    """Give the clean name of a row's picture.

    Raises:
        Unreadable: The row has no file name or no label, or the name is none to be read.
    """
    if not row.filename.strip():
        raise Unreadable("no file name")
    path = clean_name(row.filename)
    if row.label == "":
        raise Unreadable("no label")
    return path


def _stop_if_too_few(
    source: ImageSource,
    table: _Table,
    reasons: dict[int, str],
    counts: Counter[str],
    settings: Ingest,
) -> None:
    total = len(table.rows)
    if len(reasons) < total and len(reasons) / total <= settings.max_rejected:
        return
    first = _printable(table.rows[min(reasons)].filename)
    about = (
        f"{_summary(counts, 3)}; for example {quoted(first)}"
        f"{f' in {table.folder!r}' if table.folder else ''}"
    )
    if len(reasons) == total:
        raise StudyError(
            f"{source.display}: no usable image among the {total} of {table.origin}: {about}"
        )
    raise StudyError(
        f"{source.display}: {len(reasons)} of {total} rows of {table.origin} rejected, more than "
        f"ingest.max_rejected={settings.max_rejected:g} allows: {about}"
    )


def _allocate(count: int, settings: Ingest) -> NDArray[np.uint8]:
    shape = (count, *settings.size, _channels(settings))
    try:
        return empty_images(shape)
    except (MemoryError, ValueError, OSError) as error:
        need = math.prod(shape) / 1e9
        why = getattr(error, "strerror", None) or "not enough memory"
        raise StudyError(
            f"{count} images of {shape[1]} x {shape[2]} x {shape[3]} need {need:.1f} GB in "
            f"{tempfile.gettempdir()} ({why}); set a smaller ingest.size, or TMPDIR to "
            "a folder with more space"
        ) from None


def _nothing(settings: Ingest) -> _Ingested:
    frame = pd.DataFrame({"filename": _text([]), "reason": _text([])})
    return _Ingested(_allocate(0, settings), [], frame)


def _render(picture: Image.Image, settings: Ingest) -> NDArray[np.uint8]:
    """Turn a loaded picture into pixels: uint8, H x W x C."""
    image = _flatten(_to_8_bits(_turn(picture)), settings)
    height, width = settings.size
    if image.size != (width, height):
        # Pillow's bilinear filter averages over all pixels covered when it shrinks. Lanczos and
        # bicubic are sharper, at the price of ringing: bright seams that no picture had.
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.frombuffer(image.tobytes(), np.uint8)  # half the time of np.asarray
    return pixels.reshape(height, width, _channels(settings))


def _ends_blank(picture: Image.Image) -> bool:
    """Say whether the last row may never have been read: Pillow leaves it at zero then.

    Of an interlaced picture other rows may be the last to be read.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return bool(picture.info.get("interlace")) or not any(last.tobytes())


def _turn(picture: Image.Image) -> Image.Image:
    """Apply EXIF orientation; a picture with damaged EXIF stays as it is stored."""
    if not picture.info:  # where Pillow keeps EXIF, but for TIFF, which it has turned itself
        return picture
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # metadata may be damaged in as many ways as a picture
        return picture
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale grey pictures of more than 8 bits; transparency becomes an alpha channel.

    Raises:
        Unreadable: The pixels are floats, or integers beyond 16 bits.
    """
    if picture.mode == "F":
        raise Unreadable("unreadable: float pixels")
    if not picture.mode.startswith("I"):
        return picture
    pixels = np.asarray(picture).astype(np.int32)
    tags = getattr(picture, "tag_v2", {})  # TIFF: bits per sample 258, photometric 262
    white = 4095 if tags.get(258) == (12,) else 65535
    if pixels.min() < 0 or pixels.max() > white:
        raise Unreadable("unreadable: pixels beyond 16 bits")
    alpha = pixels != picture.info.get("transparency", -1)
    if tags.get(262) == 0:
        pixels = white - pixels  # 0 is white; Pillow sees to it for 8 bits only
    grey = ((pixels * 255 + white // 2) // white).astype(np.uint8)
    return Image.fromarray(np.dstack([grey, alpha * np.uint8(255)]))


def _flatten(picture: Image.Image, settings: Ingest) -> Image.Image:
    """Lay transparent pixels on the background and convert to the configured mode."""
    if picture.has_transparency_data:
        colour = picture.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # of 16-bit RGB, now 8-bit
            picture.info["transparency"] = tuple(value >> 8 for value in colour)
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, settings.background)
        picture = Image.alpha_composite(ground, picture)
    return picture if picture.mode == settings.mode else picture.convert(settings.mode)


def _channels(settings: Ingest) -> int:
    return len(settings.mode)


def _count_of_classes(rows: list[_Row]) -> str:
    labels = {row.label for row in rows} - {None}
    return f" of {len(labels)} classes" if labels else ""


def _summary(counts: Counter[str], most: int | None = None) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(most))


def _too_many_pixels(limit: int) -> str:
    return f"too large: more than {limit} pixels"


def _short(error: Exception) -> str:
    """One short line without what differs from file to file (addresses, sizes)."""
    for start, words in _IN_PLAIN_WORDS.items():
        if str(error).startswith(start):
            return words
    text = re.sub(r"[(<\[{].*|b?['\"].*", "", str(error), flags=re.DOTALL)
    return " ".join(text.split())[:60].rstrip(" :,") or type(error).__name__


def _printable(name: str) -> str:
    """Spell out the bytes of a name that is no valid text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _text(values: list[str]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
