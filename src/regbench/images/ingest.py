"""Ingestion: decode a set's picture files into one N x H x W x C uint8 array.

Every row of the label table becomes either an image or a rejection with its file name and reason.
A set that cannot be used as a whole raises ``StudyError``.
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
from regbench.images.decode import NO_MEMORY, BatchDecoder, channels
from regbench.images.duplicates import duplicates_to_drop, image_digests
from regbench.images.known_files import EarlierIngestion, KnownFiles, content_digest
from regbench.images.layout.labels import sort_classes
from regbench.images.layout.recognize import recognize, recognize_unlabeled
from regbench.images.layout.table import LabelTable, Row
from regbench.images.small_classes import images_of_small_classes
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

# The largest file that is read: 8 bytes a pixel (the most that any format stores), and 1 MiB for
# headers and metadata.
_BYTES_PER_PIXEL = 8
_METADATA_BYTES = 1 << 20


@dataclass(frozen=True)
class LabeledImages:
    """Decoded images with their class labels.

    Attributes:
        images: Pixels, N x H x W x C, uint8.
        index: One row per image: ``filename`` and ``label`` (str), ``target`` (int32, the
            position of the label in ``classes``) and ``digest`` (str, see ``image_digests``); where
            the set gives a split, ``given_split`` (str: train, validation, test, or empty where it
            does not say); ``column:<title>`` (str) for each further column of a label file.
        rejected: ``filename`` and ``reason`` (str) of every row without an image.
        classes: The distinct labels, sorted as numbers if all are numbers, otherwise as text.
        files: The record for incremental ingestion (see ``KnownFiles.to_frame``).
        layout: What was recognised in the set, in one line.
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame
    classes: list[str]
    files: pd.DataFrame
    layout: str


@dataclass(frozen=True)
class UnlabeledImages:
    """Decoded images without labels.

    Attributes:
        images: Pixels, N x H x W x C, uint8.
        index: One row per image: ``filename`` (str).
        rejected: ``filename`` and ``reason`` (str) of every row without an image.
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame


class _Ingested(NamedTuple):
    """The images (N x H x W x C, uint8), their N rows, and ``filename``, ``reason`` of the rest."""

    images: NDArray[np.uint8]
    rows: list[Row]
    rejected: pd.DataFrame


@rare_garbage_collection()
def ingest_labeled(
    source: ImageSource, settings: Ingest, earlier: EarlierIngestion | None = None
) -> LabeledImages:
    """Return the labelled pictures of a set, decoded to an N x H x W x C uint8 array.

    Args:
        source: The set of images; all of it may lie in one top folder.
        settings: Where labels and pictures are, and the size and colour mode to decode to.
        earlier: An earlier ingestion, of this set or another. Pictures with the same file content
            are copied from it instead of decoded; this saves time and changes no result.

    Returns:
        The images in the order of the label file, or sorted by file name for class folders.
        Dropped duplicates and the images of classes below ``min_images_per_class`` come last in
        ``rejected`` and do not count towards ``max_rejected``.

    Raises:
        StudyError: The label file is missing, empty or malformed, no image or only one class is
            left, or the share of rejected rows exceeds ``max_rejected``.
    """
    layout = recognize(source, settings)
    logger.info("%s: %s", source.display, layout.description)
    for warning in layout.warnings:
        logger.warning("%s: %s", source.display, warning)
    table = layout.labeled
    known = KnownFiles(earlier, fingerprints.digest_of_decoding(settings))
    ingested = _ingest(source, table, settings, known)
    digests = read = image_digests(ingested.images)
    if settings.duplicates == "drop":
        ingested, digests = _without_duplicates(source, ingested, digests)
    if settings.min_images_per_class is not None:
        labels = [row.label or "" for row in ingested.rows]
        small = images_of_small_classes(labels, settings.min_images_per_class)
        ingested, digests = _without(ingested, digests, small)
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
            "filename": _text_column([row.filename for row in ingested.rows]),
            "label": _text_column(labels),
            "target": np.array([targets[label] for label in labels], np.int32),
            "digest": _text_column(digests),
        }
    )
    if table.has_split:
        index["given_split"] = _text_column([row.given_split for row in ingested.rows])
    for at, title in enumerate(table.columns):
        index[f"column:{title}"] = _text_column([row.more[at] for row in ingested.rows])
    files = known.to_frame(read, digests)
    return LabeledImages(
        ingested.images, index, ingested.rejected, classes, files, layout.description
    )


@rare_garbage_collection()
def ingest_unlabeled(source: ImageSource, settings: Ingest) -> UnlabeledImages:
    """Return the unlabelled pictures of a set, decoded to an N x H x W x C uint8 array.

    These are the pictures that a list without labels names, that lie in a folder of unlabelled
    ones, or that a label file leaves out; all of them in a set without labels. There may be none.

    Args:
        source: The set of images; all of it may lie in one top folder.
        settings: Where file names and pictures are, and the size and colour mode to decode to.

    Returns:
        The images in the order of the file, or sorted by file name.

    Raises:
        StudyError: The file is missing, empty or malformed, it lists no usable picture, or the
            share of rejected rows exceeds ``max_rejected``.
    """
    table = recognize_unlabeled(source, settings)
    ingested = _ingest(source, table, settings) if table.rows else _no_images(settings)
    index = pd.DataFrame({"filename": _text_column([row.filename for row in ingested.rows])})
    return UnlabeledImages(ingested.images, index, ingested.rejected)


def _ingest(
    source: ImageSource, table: LabelTable, settings: Ingest, known: KnownFiles | None = None
) -> _Ingested:
    """Decode all pictures of a label table, log the counts, and record each file in ``known``.

    Raises:
        StudyError: No picture is usable, or too many rows are rejected.
    """
    start = time.perf_counter()
    known = known or KnownFiles()
    paths, reasons = _check_rows(table.rows)
    images = _allocate(len(paths), settings)
    limit = settings.max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES
    prefix = f"{table.folder}/" if table.folder else ""
    accepted: list[Row] = []
    decoder = BatchDecoder(images, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about files that it decodes nevertheless
        for position, path in paths.items():
            try:
                content, data = content_digest(source, prefix + path, limit)
                fault = known.fault(content)
                if fault is None and not known.reuse(content, len(accepted)):
                    data = source.read(prefix + path, limit) if data is None else data
                    fault = decoder.decode_into(len(accepted), data)
            except Unreadable as problem:
                reasons[position] = problem.reason
                continue
            if fault is None:
                accepted.append(table.rows[position])
                known.add_image(content)
            else:
                reasons[position] = fault
                if fault != NO_MEMORY:
                    known.add_fault(content, fault)
    decoder.flush()
    images = images[: len(accepted)]
    if not known.copy_reused(images, image_digests):
        logger.warning("the record of the last ingestion does not fit: every picture is read anew")
        known.clear()
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
        f", {known.reused} of them as last time" if known.reused else "",
        len(reasons),
        f": {_summary(counts)}" if reasons else "",
    )
    _stop_if_too_few(source, table, reasons, counts, settings)
    return _Ingested(images, accepted, _rejected_table(table.rows, reasons))


def _without_duplicates(
    source: ImageSource, ingested: _Ingested, digests: list[str]
) -> tuple[_Ingested, list[str]]:
    """Drop duplicate images, in place; return the remaining ones and their pixel digests.

    Raises:
        StudyError: No image is left.
    """
    rows = ingested.rows
    reasons = duplicates_to_drop(
        digests, [_printable(row.filename) for row in rows], [row.label or "" for row in rows]
    )
    if len(reasons) == len(rows):
        raise StudyError(
            f"{source.display}: ingest.duplicates=drop leaves no image: all {len(rows)} have the "
            "same pixels as one with another label"
        )
    if reasons:
        logger.warning(
            "%d images dropped because another has the same pixels (ingest.duplicates=drop)",
            len(reasons),
        )
    return _without(ingested, digests, reasons)


def _without(
    ingested: _Ingested, digests: list[str], reasons: dict[int, str]
) -> tuple[_Ingested, list[str]]:
    """Reject images for the reasons given by position, in place; return the remaining ones."""
    if not reasons:
        return ingested, digests
    images, rows, rejected = ingested
    stay = np.array([at for at in range(len(rows)) if at not in reasons], np.intp)
    end = 0
    for chunk in in_chunks(images, stay):  # in place: an image only moves towards the front
        images[end : end + len(chunk)] = chunk
        end += len(chunk)
    rejected = pd.concat([rejected, _rejected_table(rows, reasons)], ignore_index=True)
    remaining = _Ingested(images[:end], [rows[at] for at in stay], rejected)
    return remaining, [digests[at] for at in stay]


def _check_rows(rows: list[Row]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the rows' clean file names and the rejections without reading files, by position.

    A row is rejected for a missing or unsafe file name, a missing label, or a repeated file name.
    """
    paths: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for position, row in enumerate(rows):
        try:
            paths[position] = _picture_path(row)
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


def _picture_path(row: Row) -> str:
    """Return the clean file name of a row's picture (see ``clean_name``).

    Raises:
        Unreadable: The row has no file name or no label, or the file name is invalid or unsafe.
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
    """Raise ``StudyError`` if no row is left or the rejected share exceeds ``max_rejected``."""
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
    """Return an uninitialized count x H x W x C uint8 array; raise ``StudyError`` if too large."""
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


def _no_images(settings: Ingest) -> _Ingested:
    return _Ingested(_allocate(0, settings), [], _rejected_table([], {}))


def _rejected_table(rows: list[Row], reasons: dict[int, str]) -> pd.DataFrame:
    """Return ``filename`` and ``reason`` of the rejected rows, by their position."""
    positions = sorted(reasons)
    return pd.DataFrame(
        {
            "filename": _text_column([_printable(rows[at].filename) for at in positions]),
            "reason": _text_column([reasons[at] for at in positions]),
        }
    )


def _count_of_classes(rows: list[Row]) -> str:
    labels = {row.label for row in rows} - {None}
    return f" of {len(labels)} classes" if labels else ""


def _summary(counts: Counter[str], most: int | None = None) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(most))


def _printable(name: str) -> str:
    """Return a file name with bytes that are not valid UTF-8 written as backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _text_column(values: list[str]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")
