"""Labels and file names in any script are shown as they are, and control characters as escapes."""

import io
import logging

import pytest
from rich.console import Console

from regbench.errors import StudyError
from regbench.report.text_table import ReadableTable, as_markdown, print_table
from regbench.text.redaction import SafeRecord
from regbench.text.visible import in_one_line, visible

SHOWN_AS_THEY_ARE = ["قطة", "猫", "кошка", "Ödön", "👩‍👩‍👧", "नमस्ते", "می‌خواهم", "a b", "a\tb\nc"]
HOSTILE = [
    ("\x1b[31mred", r"\x1b[31mred"),
    ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ("a\rb", r"a\rb"),
    ("\x9b31m", r"\x9b31m"),
    ("exe\u202egpj", r"exe\u202egpj"),
    ("a\u2066b\u2069", r"a\u2066b\u2069"),
    ("a\u2028b", r"a\u2028b"),
    ("\x00\x7f", r"\x00\x7f"),
]


@pytest.mark.parametrize("text", SHOWN_AS_THEY_ARE)
def test_letters_of_every_script_stay(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_control_characters_are_escapes_wherever_they_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
    record = SafeRecord("n", logging.INFO, "p", 1, "class %s", (text,), None)
    assert record.getMessage() == f"class {shown}"
    assert StudyError(text).message == shown
    table = ReadableTable("t", ["technique"], [[text]], [text])
    assert as_markdown(table).splitlines()[4:] == [f"| {shown} |", "", f"- {shown}"]
    file = io.StringIO()
    print_table(table, Console(file=file))
    assert file.getvalue().count(shown) == 2
    assert not set(file.getvalue()) & (set(text) - set(shown))


def test_one_line_stays_one_line() -> None:
    assert in_one_line("a\nb\tc") == r"a\nb\tc"
    markdown = as_markdown(ReadableTable("t", ["a"], [["x\n| y |"]], ["<script>"]))
    assert r"| x\n\| y \| |" in markdown
    assert "<script>" not in markdown
