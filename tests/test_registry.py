"""A file that declares too little or too much is named, whatever command comes first."""

import importlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from regbench.errors import show_uncaught
from regbench.registry import DeclarationError, subclasses_in

NUMBERS = itertools.count()


def declarations(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> dict[str, Any]:
    """Those of a package with a contract and one file."""
    package = f"declarations_{next(NUMBERS)}"
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / package / "base.py").write_text("class Contract: ...\n")
    (folder / package / "one.py").write_text(f"from {package}.base import Contract\n{code}\n")
    monkeypatch.syspath_prepend(folder)
    contract = importlib.import_module(f"{package}.base").Contract
    return dict(subclasses_in(package, contract, required=("title", "source")))


def test_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "class One(Contract): title, source = 'one', 'Nobody, One, 2026'"
    found = declarations(tmp_path, monkeypatch, code)
    assert list(found) == ["one"]
    assert found["one"].title == "one"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", "one Contract in a file, not 0"),
        ("class One: title, source = 'one', 'Nobody'", "one Contract in a file, not 0"),
        ("class A(Contract): ...\nclass B(Contract): ...", "one Contract in a file, not 2"),
        ("class One(Contract): title = 'one'", "One lacks source"),
        ("class One(Contract): ...", "One lacks title, source"),
    ],
)
def test_faults_are_named(
    code: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TypeError, match=rf"^declarations_\d+\.one: {fault}$"):
        declarations(tmp_path, monkeypatch, code)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("x = = 1", r", line 2: SyntaxError: invalid syntax"),
        ("\nimport no_such_module", r", line 3: ModuleNotFoundError: No module named 'no_such_m"),
        ("raise RuntimeError('odd\\nand more')", r", line 2: RuntimeError: odd and more$"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(
    code: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeclarationError, match=rf"declarations_\d+/one\.py{fault}"):
        declarations(tmp_path, monkeypatch, code)


def test_an_error_before_any_command_is_one_line_with_its_exit_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    try:
        raise RuntimeError("outer") from DeclarationError("one.py: wrong")
    except RuntimeError as error:
        with pytest.raises(SystemExit) as end:
            show_uncaught(type(error), error, error.__traceback__)
    assert end.value.code == 2
    assert capfd.readouterr().err == "Error: one.py: wrong\n"
    show_uncaught(ValueError, ValueError("another"), None)
    assert capfd.readouterr().err == "ValueError: another\n"
