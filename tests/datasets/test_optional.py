"""Datasets whose file may be missing."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from regbench.datasets.optional import OptionalCSVDataset


def test_a_table_that_is_there_is_loaded(tmp_path: Path) -> None:
    dataset = OptionalCSVDataset(filepath=str(tmp_path / "comparison.csv"))
    table = pd.DataFrame({"technique": ["l2", "l1"], "difference": [0.1, None]})
    dataset.save(table)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_one_that_is_not_is_none(tmp_path: Path) -> None:
    dataset = OptionalCSVDataset(filepath=str(tmp_path / "nowhere/comparison.csv"))
    assert not dataset.exists()
    assert dataset.load() is None


def test_a_damaged_one_is_an_error_not_none(tmp_path: Path) -> None:
    (tmp_path / "comparison.csv").touch()
    with pytest.raises(DatasetError, match=r"comparison\.csv"):
        OptionalCSVDataset(filepath=str(tmp_path / "comparison.csv")).load()
