"""Results that may not be there yet."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from regbench.datasets.results_dataset import ResultsDataset


@pytest.fixture
def dataset(tmp_path: Path) -> ResultsDataset:
    return ResultsDataset(filepath=str(tmp_path / "l2/results.csv"))


def test_results_come_back(dataset: ResultsDataset) -> None:
    table = pd.DataFrame({"seed": [1, 2], "status": ["trained", "failed"], "figure": [0.1, None]})
    dataset.save(table)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_a_technique_that_is_not_trained_is_an_empty_table(dataset: ResultsDataset) -> None:
    assert not dataset.exists()  # so that a resumed run collects them
    loaded = dataset.load()
    assert loaded.empty
    assert "status" not in loaded


def test_a_damaged_file_is_an_error_not_an_empty_table(dataset: ResultsDataset) -> None:
    dataset.save(pd.DataFrame({"seed": [1]}))
    Path(dataset._filepath).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"results\.csv"):
        dataset.load()
