"""Which picture has which label: label files, and a folder per class."""

import csv
import io
import posixpath
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from PIL import Image

from regbench.errors import StudyError, quoted
from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
)
from regbench.study.schema import Ingest

MAX_LABEL_FILE_BYTES = 1 << 28  # some ten million rows; as Python objects they take far more
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Row(NamedTuple):
    """A picture as the set names it; the label is None where none is asked for."""

    filename: str
    label: str | None


class LabelTable(NamedTuple):
    """Pictures to read, the folder that their names are relative to, and what listed them."""

    rows: list[Row]
    folder: str
    origin: str


def sort_classes(labels: Iterable[str]) -> list[str]:
    """Sort labels as numbers if all of them are numbers, otherwise as text.

    Equal numbers ('1' and '01' are two classes) stand in the order of their text.
    """
    texts = sorted(labels)
    if all(_NUMBER.fullmatch(text) for text in texts):
        return sorted(texts, key=float)
    return texts


def find_root(source: ImageSource, settings: Ingest) -> ImageSource:
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
    return find_layout(source, settings) is not None


def find_layout(
    source: ImageSource, settings: Ingest
) -> Literal["label_file", "class_folders"] | None:
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
    paths = [name.split("/") for name in source.names() if is_picture(name)]
    tops = {path[0] for path in paths if len(path) > 1 and depth in (None, len(path))}
    return tops - _not_classes(settings) - {"", ".."}


def rows_of_class_folders(source: ImageSource, settings: Ingest) -> LabelTable:
    """List all pictures; the top folder of each is its label, also from folders further down."""
    skip = _not_classes(settings)
    paths = [(name, name.partition("/")) for name in source.names() if is_picture(name)]
    rows = [Row(name, top if slash else "") for name, (top, slash, _) in paths if top not in skip]
    if not rows:
        raise StudyError(f"{source.display} holds no folders with pictures, one per class")
    return LabelTable(rows, "", "the class folders")


def _not_classes(settings: Ingest) -> set[str]:
    """Top folders that stand for no class."""
    return {settings.image_folder.strip("/"), settings.unlabeled_folder.strip("/")} - {""}


def is_picture(name: str) -> bool:
    """Say whether a file is meant as a picture; a linked folder may hold some."""
    suffix = name[name.rfind(".") :].lower()
    return name.endswith("/") or Image.registered_extensions().get(suffix) in Image.OPEN


def folder_of(settings: Ingest, setting: str) -> str:
    """Give a folder's name in the form of ``clean_name``; the root is empty."""
    folder: str = getattr(settings, setting)
    try:
        return clean_name(posixpath.join(folder, "file")).rpartition("/")[0]
    except Unreadable as problem:
        raise StudyError(f"ingest.{setting}={folder!r}: {problem.reason}") from None


def read_label_file(
    source: ImageSource, name: str, columns: list[str], settings: Ingest
) -> list[Row]:
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
        return [Row(line[positions[0]], None) for line in cells]
    return [Row(line[positions[0]], line[positions[1]].strip()) for line in cells]


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
