"""Protection against CSV injection (formula injection) in tables opened in a spreadsheet.

File names and labels are untrusted: a spreadsheet would evaluate a cell such as
``=HYPERLINK(...)``. A leading apostrophe makes it plain text; it is removed on reading. See
https://owasp.org/www-community/attacks/CSV_Injection.
"""

import csv
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

# Characters that start a formula, after any apostrophes and spaces; with the full-width forms that
# some locales accept.
_RISKY = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with an apostrophe before each text that could start a formula.

    Cells and column names are escaped; plain numbers such as ``-1`` are not.
    """
    return _map_texts(table, _escape)


def unescape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the apostrophes that ``escape_formulas`` added."""
    return _map_texts(table, _unescape)


def csv_quoting(table: pd.DataFrame) -> int:
    """Return the quoting constant of the ``csv`` module for a table.

    Before Python 3.13 ``QUOTE_MINIMAL`` leaves a lone carriage return unquoted, which ends the
    row; such a table needs ``QUOTE_NONNUMERIC``.
    """
    texts = (table.iloc[:, at] for at in _text_columns(table))
    bare = any(isinstance(value, str) and "\r" in value for text in texts for value in text)
    return csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL


def _escape(text: str) -> str:
    return f"'{text}" if _RISKY.match(text) and not _NUMBER.fullmatch(text) else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def _map_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return a copy of a table with a function applied to all its texts and column names."""

    def cell(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    result = table.copy(deep=False)
    for at in _text_columns(table):
        result.isetitem(at, table.iloc[:, at].map(cell).array)
    return result.rename(columns=cell)


def _text_columns(table: pd.DataFrame) -> list[int]:
    """Return the positions of the columns without a numeric dtype, which may hold text."""
    return [at for at, kind in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
