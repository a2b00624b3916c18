"""Tables that people open in a spreadsheet: no cell of theirs may start a formula.

A file name or a label such as ``=HYPERLINK(...)`` comes from whoever filled the folder, and a
spreadsheet computes it. An apostrophe in front makes it text there; reading takes it off again.
"""

import csv
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

# What starts a formula, or is skipped in front of one; with wide forms, which some locales take.
_RISKY = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def guarded(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before every text that a spreadsheet could take for a formula.

    Plain numbers such as ``-1`` stay as they are.
    """
    return _changed(table, _guarded)


def unguarded(table: pd.DataFrame) -> pd.DataFrame:
    """Take off what ``guarded`` put in front."""
    return _changed(table, _unguarded)


def quoting(table: pd.DataFrame) -> int:
    """Choose how the ``csv`` module quotes a table.

    Before Python 3.13 it leaves a lone carriage return bare, which then ends the row.
    """
    texts = (table.iloc[:, at] for at in _texts(table))
    bare = any(isinstance(value, str) and "\r" in value for text in texts for value in text)
    return csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL


def _guarded(text: str) -> str:
    return f"'{text}" if _RISKY.match(text) and not _NUMBER.fullmatch(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def _changed(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """A table with its texts changed, also those in the header."""

    def cell(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    made = table.copy(deep=False)
    for at in _texts(table):
        made.isetitem(at, table.iloc[:, at].map(cell).array)
    return made.rename(columns=cell)


def _texts(table: pd.DataFrame) -> list[int]:
    """The positions of columns that may hold text."""
    return [at for at, kind in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
