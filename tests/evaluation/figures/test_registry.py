"""Figures are discovered, declared without heavy imports, and have distinct names."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import COUNT, USUAL, Figure, Shown
from regbench.history.table import COLUMNS

MODULE = "from regbench.evaluation.figures.base import COUNT, Figure\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder of figures, behind the real one."""
    package = sys.modules["regbench.evaluation.figures"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    registry.figures.cache_clear()
    yield tmp_path
    registry.figures.cache_clear()
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"regbench.evaluation.figures.{path.stem}", None)
        vars(package).pop(path.stem, None)


def declare(folder: Path, file: str, figures: str) -> None:
    (folder / f"{file}.py").write_text(f"{MODULE}FIGURES = {figures}\n")


def test_a_file_is_enough(folder: Path) -> None:
    known = registry.figures()
    registry.figures.cache_clear()
    figure = 'Figure(name="{}", title="t", meaning="m", unit=COUNT, compute=len)'
    declare(folder, "other", f"({figure.format('zeta')}, {figure.format('alpha')})")
    found = registry.figures()
    # Behind those that have a position, among those that have none by name.
    assert [figure for figure in found if figure in known] == list(known)
    assert [figure.name for figure in found if figure not in known] == ["alpha", "zeta"]
    assert registry.named("zeta") in registry.single(Shown.HISTORY)
    assert registry.named("zeta") not in registry.single(Shown.TEXT)


def test_a_name_is_given_once(folder: Path) -> None:
    figure = 'Figure(name="recall", title="t", meaning="m", unit=COUNT, compute=len)'
    declare(folder, "twice", f"({figure},)")
    with pytest.raises(ValueError, match=r"twice\.py: there is another figure 'recall'"):
        registry.figures()


@pytest.mark.parametrize("name", ["status", "technique", "reason", "difference", "settings"])
def test_a_name_of_another_column_is_refused(folder: Path, name: str) -> None:
    figure = f'Figure(name="{name}", title="t", meaning="m", unit=COUNT, compute=len)'
    declare(folder, "column", f"({figure},)")
    with pytest.raises(ValueError, match=rf"column\.py: '{name}' is another column's name"):
        registry.figures()


def test_the_columns_of_the_history_that_are_no_figures_are_known() -> None:
    figures = {figure.name for figure in registry.figures()}
    assert set(COLUMNS) - figures <= registry.TAKEN


@pytest.mark.parametrize("figures", ["[]", "None", "(1,)"])
def test_a_file_without_figures_is_told_of(folder: Path, figures: str) -> None:
    declare(folder, "wrong", figures)
    with pytest.raises(TypeError, match=r"wrong\.py: FIGURES is to be a tuple of figures"):
        registry.figures()


def test_today_figures_stand_in_this_order() -> None:
    # The columns of comparison.csv: whoever reads it by place is not surprised.
    names = [figure.name for figure in registry.single(Shown.COMPARISON)]
    assert names[:5] == [
        "validation_accuracy",
        "test_accuracy",
        "train_accuracy",
        "best_validation_accuracy",
        "best_epoch_test_accuracy",
    ]
    assert [figure.name for figure in registry.by_setting(Shown.MLFLOW)] == [
        "accuracy_under_corruption",
        "accuracy_after_pruning",
    ]


def test_all_figures_are_told_apart_and_explained() -> None:
    headings = [figure.full_heading("test") for figure in registry.figures()]
    assert len(set(headings)) == len(headings)
    for figure in registry.figures():
        assert figure.meaning
        assert not figure.meaning.endswith(".")  # the legend goes on
        assert figure.name.isidentifier()


def test_headings_and_legends_name_the_part() -> None:
    figure = Figure(
        name="n", title="best {part}", meaning="of {part} images", unit=COUNT, compute=len
    )
    assert figure.heading("test") == "best test"
    assert figure.legend("validation") == "of validation images"
    assert figure.shown == USUAL


def test_declarations_import_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from regbench.evaluation.figures import registry\n"
        "assert registry.figures()\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
