"""From pictures on disk to one array of images, with a word about every picture left out.

Nothing here is guessed or dropped in silence: a row is either an image or a rejection with its
name and reason, and a set that makes no sense as a whole stops with one line.
"""

import logging
import math
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import StudyError, quoted
from regbench.images.decode import NO_MEMORY, Pictures, channels
from regbench.images.duplicates import image_digests, to_drop
from regbench.images.known_files import EarlierIngestion, KnownFiles, content_of
from regbench.images.label_table import (
    LabelTable,
    Row,
    find_layout,
    find_root,
    folder_of,
    is_picture,
    read_label_file,
    rows_of_class_folders,
    sort_classes,
)
from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
    rare_garbage_collection,
)
from regbench.storage.arrays import empty_images, in_chunks
from regbench.study import fingerprints
from regbench.study.schema import Ingest

logger = logging.getLogger(__name__)

# No format stores more than 8 bytes a pixel, and 1 MiB is plenty for what stands beside them.
_BYTES_PER_PIXEL = 8
_BYTES_BESIDE_PIXELS = 1 << 20


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


class _Ingested(NamedTuple):
    images: NDArray[np.uint8]
    rows: list[Row]
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
    source = find_root(source, settings)
    layout = find_layout(source, settings)
    if layout is None:
        looked = "" if settings.layout == "label_file" else " and no two folders with pictures"
        raise StudyError(
            f"{source.display} holds no label file {settings.label_file!r}{looked}; name the label "
            "file with ingest.label_file=..., or set ingest.layout=class_folders for one folder "
            "per class"
        )
    if layout == "class_folders":
        table = rows_of_class_folders(source, settings)
    else:
        columns = [settings.filename_column, settings.label_column]
        rows = read_label_file(source, settings.label_file, columns, settings)
        table = LabelTable(rows, folder_of(settings, "image_folder"), repr(settings.label_file))
    known = KnownFiles(earlier, fingerprints.digest_of_decoding(settings))
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
    source = find_root(source, settings)
    folder = folder_of(settings, "unlabeled_folder")
    if source.exists(settings.unlabeled_file):
        columns = [settings.filename_column]
        rows = read_label_file(source, settings.unlabeled_file, columns, settings)
        ingested = _ingest(
            source, LabelTable(rows, folder, repr(settings.unlabeled_file)), settings
        )
    elif find_layout(source, settings) == "class_folders":
        inside = f"{folder}/"
        names = [name for name in source.names() if folder and name.startswith(inside)]
        rows = [Row(name.removeprefix(inside), None) for name in names if is_picture(name)]
        table = LabelTable(rows, folder, f"folder {folder!r}")
        ingested = _ingest(source, table, settings) if rows else _nothing(settings)
    else:
        raise StudyError(
            f"{source.display} holds no {settings.unlabeled_file!r}, the list of unlabelled "
            "images; name it with ingest.unlabeled_file=..."
        )
    index = pd.DataFrame({"filename": _text([row.filename for row in ingested.rows])})
    return UnlabeledImages(ingested.images, index, ingested.rejected)


def _ingest(
    source: ImageSource, table: LabelTable, settings: Ingest, known: KnownFiles | None = None
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
    accepted: list[Row] = []
    pictures = Pictures(images, settings)
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
                if fault != NO_MEMORY:
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


def _screen(rows: list[Row]) -> tuple[dict[int, str], dict[int, str]]:
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


def _path(row: Row) -> str:
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
    table: LabelTable,
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
    shape = (count, *settings.size, channels(settings))
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


def _count_of_classes(rows: list[Row]) -> str:
    labels = {row.label for row in rows} - {None}
    return f" of {len(labels)} classes" if labels else ""


def _summary(counts: Counter[str], most: int | None = None) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(most))


def _printable(name: str) -> str:
    """Spell out the bytes of a name that is no valid text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _text(values: list[str]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
