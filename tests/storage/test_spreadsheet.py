"""CSV injection: no cell can start a formula, and every text is read back unchanged."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regbench.datasets.atomic import CSVDataset

TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8")),
        st.text(st.sampled_from("'=+-@\t\r\n ,\";1x"), max_size=5),
    ),
    min_size=1,
    max_size=6,
)
FORMULAS = ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"]


def dataset(folder: Path) -> CSVDataset:
    texts = {"dtype": "str", "keep_default_na": False}
    return CSVDataset(filepath=str(folder / "table.csv"), load_args=texts)


def cells(folder: Path) -> list[list[str]]:
    """Return the cells as a spreadsheet reads them."""
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(TEXTS)
@example(["'=1", "''-1", "'-1", "'", "NA", "007", ""])
@example(["a\r=1", "a\n=1", "a\r\n=1"])
def test_every_text_comes_back(tmp_path: Path, texts: list[str]) -> None:
    stored = dataset(tmp_path)
    stored.save(pd.DataFrame({"label": pd.Series(texts, dtype="str"), "row": range(len(texts))}))
    assert stored.load()["label"].tolist() == texts


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_written_as_text(tmp_path: Path, formula: str) -> None:
    table = pd.DataFrame({formula: [formula, "x", None], "figure": [-1.5, 2, -3]})
    dataset(tmp_path).save(table)
    assert cells(tmp_path) == [
        [f"'{formula}", "figure"],
        [f"'{formula}", "-1.5"],
        ["x", "2.0"],
        ["", "-3.0"],
    ]
    assert dataset(tmp_path).load().columns.tolist() == [formula, "figure"]


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(TEXTS)
def test_no_cell_starts_a_formula(tmp_path: Path, texts: list[str]) -> None:
    dataset(tmp_path).save(pd.DataFrame({"filename": pd.Series(texts, dtype="str"), "row": 1}))
    read = cells(tmp_path)
    assert len(read) == 1 + len(texts)
    for cell in (cell for row in read for cell in row):
        assert cell.lstrip()[:1] not in ("=", "@")
        assert cell[:1] not in ("\t", "\r", "\n")
        if cell.lstrip()[:1] in ("+", "-"):
            float(cell)


@pytest.mark.parametrize("number", ["-1", "+5", "-.5", "-1e3", "+1.0"])
def test_a_plain_number_stays(tmp_path: Path, number: str) -> None:
    dataset(tmp_path).save(pd.DataFrame({"label": [number]}))
    assert cells(tmp_path) == [["label"], [number]]


def test_figures_are_written_as_ever(tmp_path: Path) -> None:
    table = pd.DataFrame({"technique": ["l1"], "difference": [-0.1], "trainings": [5]})
    dataset(tmp_path).save(table)
    assert (tmp_path / "table.csv").read_text() == table.to_csv(index=False)
    assert table.columns.tolist() == ["technique", "difference", "trainings"]
