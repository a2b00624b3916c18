"""The recipe in ``CONTRIBUTING.md``: its regularizer is one, and its test holds."""

import importlib.util
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from regbench.regularizers.base import DECLARED, Regularizer
from regbench.regularizers.registry import REGULARIZERS

PROJECT = Path(__file__).parents[2]
KEY = "alpha_dropout"
MODULE = f"regbench.regularizers.{KEY}"


def blocks(language: str) -> list[str]:
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe's file, imported as if it stood among the regularizers."""
    file = tmp_path / f"{KEY}.py"
    file.write_text(blocks("python")[0])
    spec = importlib.util.spec_from_file_location(MODULE, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, MODULE, module)
    spec.loader.exec_module(module)
    return module


def test_the_recipe_is_a_regularizer(recipe: ModuleType) -> None:
    kind = recipe.AlphaDropout
    assert issubclass(kind, Regularizer)
    assert kind.key() == KEY
    assert KEY not in REGULARIZERS, "the recipe is of one that is there: take another"
    assert all(getattr(kind, declared) for declared in DECLARED)
    assert kind.acts() == ["layer"]
    assert kind.family() == "layer"
    assert set(kind.search) == {kind.shorthand} == set(kind.model_fields)
    (technique, *_) = blocks("yaml")
    entry = yaml.safe_load(technique)["techniques"]["alpha"][KEY]
    assert kind.model_validate(entry) == kind(rate=entry)


def test_the_test_of_the_recipe_holds(recipe: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(blocks("python")[1], names)  # noqa: S102
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    assert callable(test)
    test()
