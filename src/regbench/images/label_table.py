"""Labels of pictures, from a label file (CSV) or from one folder per class."""

import csv
import io
import posixpath
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from regbench.errors import StudyError, quoted
from regbench.images.picture_files import is_picture
from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
)
from regbench.study.schema import Ingest

MAX_LABEL_FILE_BYTES = 1 << 28  # about ten million rows, which take far more as Python objects
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Row(NamedTuple):
    """A picture's file name as written in the set, and its label; None in an unlabelled table."""

    filename: str
    label: str | None


class LabelTable(NamedTuple):
    """The pictures of a set with their labels."""

    rows: list[Row]
    folder: str  # that file names are relative to; empty: the root
    origin: str  # where the rows come from, in messages


def sort_classes(labels: Iterable[str]) -> list[str]:
    """Return labels sorted as numbers if all of them are numbers, otherwise as text.

    Equal numbers ('1' and '01' are two classes) are sorted as text.
    """
    texts = sorted(labels)
    if all(_NUMBER.fullmatch(text) for text in texts):
        return sorted(texts, key=float)
    return texts


def find_root(source: ImageSource, settings: Ingest) -> ImageSource:
    """Return the set, or its only top folder as the set if the labels are in there."""
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
    return find_layout(source, settings) is not None


def find_layout(
    source: ImageSource, settings: Ingest
) -> Literal["label_file", "class_folders"] | None:
    """Return how a set is labelled, or None if it has neither a label file nor class folders."""
    if settings.layout == "class_folders":
        return "class_folders"
    if source.exists(settings.label_file):
        return "label_file"
    if settings.layout == "auto" and len(_top_folders(source, settings, depth=2)) > 1:
        return "class_folders"
    return None


def _top_folders(source: ImageSource, settings: Ingest, depth: int | None = None) -> set[str]:
    """Return the top folders with pictures, which may be class folders.

    Args:
        source: The set.
        settings: Its image and unlabelled folders are no class folders.
        depth: Path components of a picture that count; 2: directly in a top folder; None: any.
    """
    paths = [name.split("/") for name in source.names() if is_picture(name)]
    tops = {path[0] for path in paths if len(path) > 1 and depth in (None, len(path))}
    return tops - _not_classes(settings) - {"", ".."}


def rows_of_class_folders(source: ImageSource, settings: Ingest) -> LabelTable:
    """Return all pictures, each labelled with its top folder's name, at any depth.

    Raises:
        StudyError: No folder holds pictures.
    """
    skip = _not_classes(settings)
    paths = [(name, name.partition("/")) for name in source.names() if is_picture(name)]
    rows = [Row(name, top if slash else "") for name, (top, slash, _) in paths if top not in skip]
    if not rows:
        raise StudyError(f"{source.display} holds no folders with pictures, one per class")
    return LabelTable(rows, "", "the class folders")


def _not_classes(settings: Ingest) -> set[str]:
    """Return the top folders that are no classes: the image and the unlabelled folder."""
    return {settings.image_folder.strip("/"), settings.unlabeled_folder.strip("/")} - {""}


def folder_path(settings: Ingest, setting: str) -> str:
    """Return the path of a configured folder in the form of ``clean_name``; the root is empty.

    Args:
        settings: The settings of the ingestion.
        setting: The name of the setting, such as ``image_folder``.

    Raises:
        StudyError: The path leads out of the set.
    """
    folder: str = getattr(settings, setting)
    try:
        return clean_name(posixpath.join(folder, "file")).rpartition("/")[0]
    except Unreadable as problem:
        raise StudyError(f"ingest.{setting}={folder!r}: {problem.reason}") from None


def read_label_file(
    source: ImageSource, name: str, columns: list[str], settings: Ingest
) -> list[Row]:
    """Return the rows of a CSV file (RFC 4180, UTF-8): file names, and labels if asked for.

    Args:
        source: The set that holds the file.
        name: The file's name.
        columns: The column of file names, and optionally that of labels. Both are read as text.
        settings: The separator.

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
        return [Row(line[positions[0]], None) for line in cells]
    return [Row(line[positions[0]], line[positions[1]].strip()) for line in cells]


def _positions(header: list[str], columns: list[str], where: str) -> list[int]:
    """Return the position of each column in the header.

    Raises:
        StudyError: A column is missing or not unique.
    """
    titles = [column.strip() for column in header]
    for column in columns:
        if titles.count(column) != 1:
            problem = "no column" if column not in titles else "more than one column"
            names = ", ".join(quoted(name) for name in titles[:10])
            raise StudyError(
                f"{where} has {problem} {column!r}; its columns are {names}"
                f"{_remedy(titles, columns)}"
            )
    return [titles.index(column) for column in columns]


def _remedy(header: list[str], columns: list[str]) -> str:
    """Return the advice for a missing column: the right separator, or the settings to change."""
    for separator in ";\t|,":
        cells = [cell.strip() for cell in header[0].split(separator)]
        if len(header) == 1 and set(columns) <= set(cells) and len(cells) > 1:
            return f"; set ingest.separator to {separator!r}"
    return "; name yours by ingest.filename_column and ingest.label_column"
