"""A file that declares too little or too much is named, whatever command comes first."""

import importlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from regbench.registry import subclasses_in

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
