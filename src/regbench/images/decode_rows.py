"""Decode the pictures of a label table into one N x H x W x C uint8 array.

Every row of the table becomes either an image or a rejection with its file name and reason.
"""

import logging
import math
import tempfile
import time
import warnings
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import StudyError, quoted
from regbench.images.batch_decoder import BatchDecoder
from regbench.images.decode import NO_MEMORY, ColourFoundError, Decoding
from regbench.images.duplicates import image_digests
from regbench.images.image_shape import Shape, find_decoding
from regbench.images.known_files import EarlierIngestion, KnownFiles, content_digest
from regbench.images.layout.table import LabelTable, Row, RowsAt
from regbench.images.picture_files import camera_raw_reason
from regbench.images.sources.base import ImageSource, Unreadable, clean_name
from regbench.storage.arrays import empty_images
from regbench.study import fingerprints
from regbench.study.schema import Ingest

logger = logging.getLogger(__name__)

# The largest file that is read: 8 bytes a pixel (the most that any format stores), and 1 MiB for
# headers and metadata.
_BYTES_PER_PIXEL = 8
_METADATA_BYTES = 1 << 20
# Files that are decoded together: so many, or so many bytes.
_BATCH_FILES = 128
_BATCH_BYTES = 8 << 20
_TEXTS = 10_000  # that are put into a column together


class Decoded(NamedTuple):
    """The decoded pictures of a table.

    Attributes:
        images: N x H x W x C, uint8.
        rows: The N rows of the table that they belong to.
        rejected: ``filename`` and ``reason`` (str) of the other rows.
        known: The record of the files that were read.
    """

    images: NDArray[np.uint8]
    rows: Sequence[Row]
    rejected: pd.DataFrame
    known: KnownFiles


class _File(NamedTuple):
    """A file to be decoded, or copied from an earlier ingestion, or rejected by what is known."""

    position: int  # of its row in the table
    content: str  # see ``content_digest``
    data: bytes | None  # None where it need not be decoded
    fault: str | None


def decode_rows(
    source: ImageSource,
    table: LabelTable,
    settings: Ingest,
    earlier: EarlierIngestion | None = None,
    shape: Shape | None = None,
    *,
    recorded: bool = True,
) -> Decoded:
    """Decode all pictures of a label table, and log the counts.

    Args:
        source: The set.
        table: The rows; at least one.
        settings: How pictures are decoded.
        earlier: An earlier ingestion, from which pictures of the same content are copied.
        shape: Height, width and channels to decode to; default: as the settings say.
        recorded: Whether the files that were read are recorded, for a later ingestion.

    Raises:
        StudyError: No picture is usable, or too many rows are rejected.
    """
    names = CheckedNames.of(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about files that it decodes nevertheless
        looked_at = [] if shape else [name for _, name in names]
        decoding = find_decoding(source, looked_at, settings, largest_file(settings), shape)
        del looked_at  # frees memory: there may be millions
        try:
            return _decode_rows(source, table, names, settings, decoding, earlier, recorded)
        except ColourFoundError:
            logger.info(
                "%s: a picture has colours, though those that were looked at have none: all are "
                "read in colour (ingest.mode)",
                source.display,
            )
            colour = decoding.in_colour()
            return _decode_rows(source, table, names, settings, colour, earlier, recorded)


def no_images(settings: Ingest, shape: Shape | None = None) -> Decoded:
    """Return the result of a table without rows; its images are 0 x H x W x C."""
    height, width = (1, 1) if settings.size == "auto" else settings.size
    decoding = Decoding.of(settings, shape or (height, width, 3 if settings.mode == "RGB" else 1))
    return Decoded(_allocate(0, decoding), [], rejected_table([], {}), KnownFiles())


def largest_file(settings: Ingest) -> int:
    """Return the size in bytes of the largest picture file that is read."""
    return settings.max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES


def _decode_rows(
    source: ImageSource,
    table: LabelTable,
    names: "CheckedNames",
    settings: Ingest,
    decoding: Decoding,
    earlier: EarlierIngestion | None,
    recorded: bool,
) -> Decoded:
    """Decode the files of these names, by the position of their rows.

    Raises:
        StudyError: See ``decode_rows``.
        ColourFoundError: A picture has colours, and must not.
    """
    start = time.perf_counter()
    known = KnownFiles(earlier, fingerprints.digest_of_decoding(asdict(decoding)))
    reasons = dict(names.rejected)
    images = _allocate(len(names), decoding)
    accepted = array("q")  # positions of rows: as compact for millions as they can be
    with BatchDecoder(images, decoding) as decoder:
        for batch in _batches(_read(source, names, known, reasons, largest_file(settings))):
            decoded = iter(decoder.decode([file.data for file in batch if file.data is not None]))
            for position, content, data, known_fault in batch:
                row, fault = len(accepted), known_fault
                if data is not None:
                    fault = decoder.put(row, next(decoded))
                elif fault is None:
                    known.reuse(content, row)
                if fault is None:
                    accepted.append(position)
                    if recorded:
                        known.add_image(content)
                else:
                    reasons[position] = fault
                    if fault != NO_MEMORY:
                        known.add_fault(content, fault)
        decoder.flush()
    images = images[: len(accepted)]
    if not known.copy_reused(images, image_digests):
        logger.warning("the record of the last ingestion does not fit: every picture is read anew")
        return _decode_rows(source, table, names, settings, decoding, None, recorded)
    rows = RowsAt(table.rows, accepted)
    counts = Counter(reason for _, reason in sorted(reasons.items()))
    logger.log(
        logging.WARNING if reasons else logging.INFO,
        "%d images%s from %s (%s) in %.1f s%s; %d rejected%s",
        len(accepted),
        _count_of_classes(rows),
        source.display,
        table.origin,
        time.perf_counter() - start,
        f", {known.reused} of them as last time" if known.reused else "",
        len(reasons),
        f": {_summary(counts)}; {_example(table, reasons)}" if reasons else "",
    )
    _stop_if_too_few(source, table, reasons, counts, settings)
    return Decoded(images, rows, rejected_table(table.rows, reasons), known)


def _read(
    source: ImageSource,
    names: "CheckedNames",
    known: KnownFiles,
    reasons: dict[int, str],
    limit: int,
) -> Iterator[_File]:
    """Yield the files that can be read; the reasons of the others are added to ``reasons``."""
    for position, name in names:
        reason = camera_raw_reason(name)
        if reason is not None:
            reasons[position] = reason
            continue
        try:
            content, data = content_digest(source, name, limit)
            fault = known.fault(content)
            if fault is not None or known.has(content):
                data = None
            elif data is None:
                data = source.read(name, limit)
        except Unreadable as problem:
            reasons[position] = problem.reason
            continue
        yield _File(position, content, data, fault)


def _batches(files: Iterator[_File]) -> Iterator[list[_File]]:
    batch, size = [], 0
    for file in files:
        batch.append(file)
        size += len(file.data or b"")
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    yield batch


class CheckedNames:
    """The names of the files to be decoded, with the positions of their rows, made one by one.

    There may be millions: nothing is held of a row whose name is as it should be.

    Attributes:
        rejected: Why rows have no file to be decoded, by their position.
    """

    def __init__(self, table: LabelTable, rejected: dict[int, str], clean: dict[int, str]) -> None:
        """Set the table, the rejected rows, and the clean names of rows that have others."""
        self._rows, self._clean, self.rejected = table.rows, clean, rejected
        self._prefix = f"{table.folder}/" if table.folder else ""

    @classmethod
    def of(cls, table: LabelTable) -> Self:
        """Return the names of a table's rows, which are checked without reading files.

        A row is rejected for a missing or unsafe file name, a missing label, or a repeated file
        name.
        """
        names = cls(table, {}, {})
        for position, row in enumerate(table.rows):
            try:
                path = _picture_path(row)
            except Unreadable as problem:
                names.rejected[position] = problem.reason
            else:
                if path != row.filename:
                    names._clean[position] = path
        hashes = np.fromiter((hash(path) for _, path in names), np.int64, len(names))
        hashes.sort()
        if np.any(hashes[1:] == hashes[:-1]):
            names.rejected.update(names._repeated())
        return names

    def __len__(self) -> int:
        return len(self._rows) - len(self.rejected)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for position, row in enumerate(self._rows):
            if position not in self.rejected:
                yield position, self._prefix + self._clean.get(position, row.filename)

    def _repeated(self) -> dict[int, str]:
        """Return the reasons of rows whose name another one has, by position."""
        same_name: defaultdict[str, list[int]] = defaultdict(list)
        for position, path in self:
            same_name[path].append(position)
        reasons = {}
        for positions in same_name.values():
            conflict = len({self._rows[position].label for position in positions}) > 1
            for position in positions if conflict else positions[1:]:
                extra = " with conflicting labels" if conflict else ""
                reasons[position] = f"duplicate file name{extra}"
        return reasons


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
    about = f"{_summary(counts, 3)}; {_example(table, reasons)}"
    if len(reasons) == total:
        raise StudyError(
            f"{source.display}: no usable image among the {total} of {table.origin}: {about}"
        )
    raise StudyError(
        f"{source.display}: {len(reasons)} of {total} rows of {table.origin} rejected, more than "
        f"ingest.max_rejected={settings.max_rejected:g} allows: {about}"
    )


def _allocate(count: int, decoding: Decoding) -> NDArray[np.uint8]:
    """Return an uninitialized count x H x W x C uint8 array; raise ``StudyError`` if too large."""
    shape = (count, *decoding.shape)
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


def rejected_table(rows: Sequence[Row], reasons: dict[int, str]) -> pd.DataFrame:
    """Return ``filename`` and ``reason`` of the rejected rows, by their position."""
    positions = sorted(reasons)
    return pd.DataFrame(
        {
            "filename": text_column([printable(rows[at].filename) for at in positions]),
            "reason": text_column([reasons[at] for at in positions]),
        }
    )


def _count_of_classes(rows: Sequence[Row]) -> str:
    labels = {row.label for row in rows} - {None}
    return f" of {len(labels)} classes" if labels else ""


def _example(table: LabelTable, reasons: dict[int, str]) -> str:
    """Return the words that name the first of the rejected pictures."""
    first = quoted(printable(table.rows[min(reasons)].filename))
    return f"for example {first}{f' in {table.folder!r}' if table.folder else ''}"


def _summary(counts: Counter[str], most: int | None = None) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common(most))


def printable(name: str) -> str:
    """Return a file name with bytes that are not valid UTF-8 written as backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def text_column(values: Iterable[str]) -> "pd.Series[str]":
    """Return a column of text; values that are made one by one are not held all at once."""
    rest = iter(values)
    parts = [pd.Series(part, dtype="str") for part in iter(lambda: list(islice(rest, _TEXTS)), [])]
    return pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype="str")
