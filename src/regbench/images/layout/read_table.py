"""Read a table of text from a label file: CSV in its many forms, Excel, Parquet."""

import codecs
import csv
import io
import itertools
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from regbench.errors import StudyError, quoted
from regbench.images.layout.inventory import suffix_of
from regbench.images.layout.words import FILENAME_TITLES, LABEL_TITLES, plain_title
from regbench.images.sources.base import ImageSource, Unreadable
from regbench.study.schema import Ingest

if TYPE_CHECKING:
    import pandas as pd

MAX_LABEL_FILE_BYTES = 1 << 28  # about ten million rows, which take far more as Python objects
TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab", ".dat"})
TABLE_SUFFIXES = TEXT_SUFFIXES | {".xlsx", ".xlsm", ".parquet"}
_CONVERT = frozenset({".json", ".jsonl", ".xml", ".yaml", ".yml", ".xls", ".ods", ".mat"})

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}
_SNIFFED_CHARACTERS = 1 << 16
_SNIFFED_LINES = 100
_CHUNK = 10_000  # rows that are turned into columns at a time
_SHARED = 1000  # a column with no more values has each in memory once


class Table(NamedTuple):
    """A table of text.

    Attributes:
        first: The cells of the first row: titles, or data of a file without header.
        columns: The cells of the other rows, by column.
        how: What was found out of its form, in words; may be empty.
        separator: Between cells, in messages.
    """

    first: list[str]
    columns: list[list[str]]
    how: str
    separator: str = ","


def must_be_converted(name: str) -> str | None:
    """Return in words what to do with a file that may hold labels and is not read, or None."""
    suffix = suffix_of(name)
    if suffix not in _CONVERT:
        return None
    return (
        f"{name!r} is not read: labels are taken from CSV, TSV, TXT, Excel (.xlsx) and Parquet "
        "files with a row per picture; convert it to one"
    )


def read_table(
    source: ImageSource, name: str, settings: Ingest, most_rows: int | None = None
) -> Table:
    """Return the table in a file of a set. All cells are text, as they are written.

    Args:
        source: The set.
        name: The file's name; its suffix tells Excel and Parquet, all else is read as text.
        settings: The separator.
        most_rows: How many rows are enough, if not all are wanted.

    Raises:
        StudyError: It is unreadable, in no known encoding, no table, or empty.
    """
    where = f"{name!r} in {source.display}"
    if advice := must_be_converted(name):
        raise StudyError(f"{source.display}: {advice}")
    try:
        data = source.read(name, MAX_LABEL_FILE_BYTES)
    except Unreadable as problem:
        raise StudyError(f"{where}: {problem.reason}") from None
    suffix = suffix_of(name)
    if suffix in (".xlsx", ".xlsm"):
        return _excel(data, where)
    if suffix == ".parquet":
        return _parquet(data, where)
    return _text_table(data, where, settings.separator, most_rows)


def _text_table(data: bytes, where: str, separator: str, most_rows: int | None) -> Table:
    text, encoding = decoded(data, where)
    commented = _without_comments(text)
    how = [encoding] if encoding else []
    if separator == "auto":
        separator = sniffed_separator(commented)
        if separator not in (",", "\t"):
            how.append(f"separated by {_SEPARATORS[separator]}")
    try:
        rows = itertools.islice(_rows(commented, separator), most_rows and most_rows + 1)
        first = next(rows, None)
        if first is None:
            raise StudyError(f"{where} is empty")
        columns = _columns(first, rows, where, separator)
    except (csv.Error, TypeError, ValueError) as error:  # the latter two for an odd separator
        raise StudyError(f"{where} is no well-formed CSV: {error}") from None
    return Table(first, columns, ", ".join(how), separator)


def decoded(data: bytes, where: str) -> tuple[str, str]:
    """Return the text of a label file, and its encoding in words unless it is UTF-8.

    UTF-16 is told by its byte order mark, or by every other byte being zero.

    Raises:
        StudyError: It is neither UTF-8 nor UTF-16.
    """
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        head = data[:200]
        zeros = [head[start::2].count(0) for start in (0, 1)]
        if len(head) > 3 and max(zeros) > 0.8 * len(head) / 2 and min(zeros) == 0:
            encoding = "utf-16-be" if zeros[0] else "utf-16-le"
    try:
        return data.decode(encoding), "" if encoding == "utf-8-sig" else "UTF-16"
    except UnicodeDecodeError as error:
        problem = "not UTF-8" if encoding == "utf-8-sig" else "damaged UTF-16"
        raise StudyError(f"{where} is {problem} (byte {error.start + 1}); save it so") from None


def _without_comments(text: str) -> str:
    """Return the text without the lines at its beginning that start with # and a blank."""
    start = 0
    while text.startswith("# ", start):
        start = text.find("\n", start) + 1 or len(text)
    return text[start:] if start else text


def sniffed_separator(text: str) -> str:
    """Return what separates the cells of a text: a comma where nothing does.

    It is the first of tab, comma, semicolon and bar that gives most of the first lines the same
    number of cells, two or more; or blanks, if they give all of them the same number.
    """
    head = text[:_SNIFFED_CHARACTERS]
    best, best_share = ",", 0.0
    for separator in _SEPARATORS:
        try:
            rows = list(itertools.islice(_rows(head, separator, strict=False), _SNIFFED_LINES))
        except csv.Error:
            continue
        if len(head) < len(text) and len(rows) < _SNIFFED_LINES:
            rows = rows[:-1]  # may be cut
        lengths = Counter(map(len, rows))
        usual, count = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
        share = count / len(rows) if rows else 0
        if usual < 2 or (separator == " " and (share < 1 or best_share)):
            continue
        if len(rows[0]) > 1 and share > best_share:
            best, best_share = separator, share
    return best


def _rows(text: str, separator: str, *, strict: bool = True) -> Iterator[list[str]]:
    """Yield the rows of a text that are not blank."""
    if separator == " ":
        lines: Iterable[str] = (
            re.sub(r"[ \t]+", " ", line.strip(" \t\r\n"))
            for line in io.StringIO(text, newline=None)
        )
    else:
        lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=strict)
    return (line for line in reader if any(map(str.strip, line)))


def _columns(
    first: list[str], rows: Iterator[list[str]], where: str, separator: str
) -> list[list[str]]:
    """Return the cells by column; equal cells of a column with few values are one object.

    Raises:
        StudyError: A row has more cells than the first one.
    """
    width = len(first)
    columns: list[list[str]] = [[] for _ in first]
    known: list[dict[str, str] | None] = [{} for _ in first]
    while chunk := list(itertools.islice(rows, _CHUNK)):
        for row in chunk:
            if len(row) == width:
                continue
            if any(row[width:]):
                raise StudyError(
                    f"{where}: the row of {quoted(row[0])} has {len(row)} cells, the header "
                    f"{width}; quote cells that contain {separator!r}"
                )
            row[width:] = []
            row.extend([""] * (width - len(row)))
        for at, cells in enumerate(zip(*chunk, strict=True)):
            values = known[at]
            if values is None:
                columns[at].extend(cells)
                continue
            columns[at].extend([values.setdefault(cell, cell) for cell in cells])
            if len(values) > _SHARED:
                known[at] = None
    return columns


def _excel(data: bytes, where: str) -> Table:
    import pandas as pd  # noqa: PLC0415 - only for this kind of file

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inflated = sum(info.file_size for info in archive.infolist())
        if inflated > MAX_LABEL_FILE_BYTES:
            raise StudyError(f"{where}: too large: more than {MAX_LABEL_FILE_BYTES} bytes")
        with pd.ExcelFile(io.BytesIO(data), engine="openpyxl") as book:
            sheets = {
                str(name): frame[(frame != "").any(axis=1)]
                for name, frame in pd.read_excel(
                    book, sheet_name=None, header=None, dtype=str, na_filter=False
                ).items()
            }
    except StudyError:
        raise
    except Exception as error:  # openpyxl raises many types for a damaged file
        raise StudyError(f"{where} is no readable Excel file: {type(error).__name__}") from None
    names = list(sheets)
    number = next((at for at, name in enumerate(names) if _has_labels(sheets[name])), 0)
    frame = sheets[names[number]]
    if frame.empty:
        raise StudyError(f"{where} is empty")
    which = "the first" if number == 0 else f"number {number + 1}"
    how = f"{which} of {len(names)} sheets, {names[number]!r}" if len(names) > 1 else ""
    cells = [[str(cell) for cell in frame[column]] for column in frame.columns]
    return Table([column[0] for column in cells], [column[1:] for column in cells], how)


def _has_labels(sheet: "pd.DataFrame") -> bool:
    """Return whether a sheet's first row has a usual title for file names and one for labels."""
    titles = {plain_title(str(cell)) for cell in sheet.iloc[0]} if len(sheet) else set()
    return not (titles.isdisjoint(FILENAME_TITLES) or titles.isdisjoint(LABEL_TITLES))


def _parquet(data: bytes, where: str) -> Table:
    import pandas as pd  # noqa: PLC0415 - only for this kind of file

    try:
        frame = pd.read_parquet(io.BytesIO(data))
    except Exception as error:  # PyArrow raises many types for a damaged file
        raise StudyError(f"{where} is no readable Parquet file: {type(error).__name__}") from None
    if frame.empty:
        raise StudyError(f"{where} is empty")
    return Table([str(title) for title in frame.columns], [_texts(frame[c]) for c in frame], "")


def _texts(column: "pd.Series[str]") -> list[str]:
    return [
        "" if missing else str(cell) for cell, missing in zip(column, column.isna(), strict=True)
    ]
