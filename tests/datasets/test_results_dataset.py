"""Saving and loading a technique's results, which may be missing."""

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from regbench.datasets.results_dataset import ResultsDataset
from regbench.evaluation.results import Results, collect

TABLES = [table.name for table in fields(Results)]


@pytest.fixture
def dataset(tmp_path: Path) -> ResultsDataset:
    return ResultsDataset(filepath=str(tmp_path / "l2/results.zip"))


def history(epochs: int) -> pd.DataFrame:
    accuracies = np.linspace(0.1, 0.9, epochs)
    return pd.DataFrame(
        {"epoch": range(1, epochs + 1), "validation_accuracy": accuracies, "kept": accuracies > 0.8}
    )


def predictions(images: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "filename": [f"Straße {number}.png" for number in range(images)],
            "split": ["test"] * images,
            "label": ["007"] * images,  # text that looks like a number stays text
            "predicted": ["1e3"] * images,
            "confidence": np.linspace(0, 1, images, dtype=np.float32),
            "probabilities": [np.array([0.5, 0.5], np.float32)] * images,
        }
    )


TRAINED: dict[str, Any] = {
    "technique": "l2",
    "seed": 1,
    "status": "trained",
    "test_accuracy": 1 / 3,
    "weights": 2**40,
    "fingerprint": {"data": "00ff", "trained_on": "Linux"},
    "recall": {"007": 0.5, "1e3": float("nan")},
}
FAILED: dict[str, Any] = {
    "technique": "l2",
    "seed": 2,
    "status": "failed",
    "reason": "the loss stopped being finite in epoch 1",
    "fingerprint": {"data": "00ff", "trained_on": "Linux"},
}
RESULTS = {
    "trained": collect([TRAINED], [history(3)], [predictions(4)]),
    "trained and failed": collect(
        [TRAINED, FAILED], [history(3), history(1)], [predictions(4), predictions(0)]
    ),
    "failed": collect([FAILED], [history(1)], [predictions(0)]),
    "untrained": Results.none(),
}


def same(one: Results, other: Results) -> bool:
    return all(getattr(one, table).equals(getattr(other, table)) for table in TABLES)


@pytest.mark.parametrize("kind", RESULTS)
def test_results_come_back(dataset: ResultsDataset, kind: str) -> None:
    results = RESULTS[kind]
    dataset.save(results)
    assert dataset.exists()
    loaded = dataset.load()
    for table in TABLES:
        actual, expected = getattr(loaded, table), getattr(results, table)
        pd.testing.assert_frame_equal(actual, expected, check_dtype=False, check_exact=True)
    assert [path.name for path in dataset._file.path.parent.iterdir()] == ["results.zip"]


def test_figures_come_back_to_the_last_digit(dataset: ResultsDataset) -> None:
    dataset.save(RESULTS["trained and failed"])
    loaded = dataset.load()
    assert loaded.trainings["test_accuracy"].tolist()[0] == 1 / 3
    assert loaded.trainings["weights"].tolist()[0] == 2**40
    assert loaded.predictions["confidence"].dtype == np.float32
    assert loaded.predictions["label"].tolist() == ["007"] * 4
    assert loaded.epochs["kept"].tolist() == [False, False, True, False]


def test_a_technique_that_is_not_trained_has_no_rows(dataset: ResultsDataset) -> None:
    assert not dataset.exists()  # so a resumed run collects them again
    assert same(dataset.load(), Results.none())
    assert dataset.preview()["data"] == []


def test_results_that_cannot_be_saved_leave_the_old_ones(dataset: ResultsDataset) -> None:
    results = RESULTS["trained"]
    dataset.save(results)
    # The last table cannot be written, after the others have been.
    bad = Results(
        results.trainings,
        results.epochs,
        results.predictions,
        pd.DataFrame({"value": [1, {"a": object()}]}),
    )
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert same(dataset.load(), results)
    assert [path.name for path in dataset._file.path.parent.iterdir()] == ["results.zip"]


def test_a_preview_shows_the_trainings(dataset: ResultsDataset) -> None:
    dataset.save(RESULTS["trained and failed"])
    shown = dataset.preview()
    trainings = pd.DataFrame(shown["data"], columns=shown["columns"])
    assert trainings["seed"].tolist() == [1, 2]
    assert trainings["status"].tolist() == ["trained", "failed"]


def test_describes_itself(dataset: ResultsDataset) -> None:
    assert "results.zip" in repr(dataset)


@pytest.mark.parametrize("kind", ["cut off", "one byte", "not a zip", "earlier version"])
def test_a_damaged_file_is_named_and_counts_as_missing(
    dataset: ResultsDataset, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    dataset.save(RESULTS["trained"])
    path = dataset._file.path
    content = bytearray(path.read_bytes())
    if kind == "cut off":
        content = content[: len(content) // 2]
    elif kind == "one byte":
        content[len(content) // 3] ^= 255
    elif kind == "not a zip":
        content = bytearray(b"<html>")
    if kind == "earlier version":
        with zipfile.ZipFile(path) as archive:
            tables = {n: archive.read(n) for n in archive.namelist() if n.endswith(".parquet")}
        with zipfile.ZipFile(path, "w") as earlier:
            for name, table in tables.items():
                earlier.writestr(name, table)
    else:
        path.write_bytes(content)
    assert dataset.load().trainings.empty
    assert f"{path} is damaged, or made by another version" in caplog.text
    assert ("format 0" in caplog.text) == (kind == "earlier version")


def test_one_of_format_1_is_read(dataset: ResultsDataset, tmp_path: Path) -> None:
    # It called trainings runs; that it is made by other code, its fingerprints say.
    results = RESULTS["trained"]
    dataset.save(results)
    (path,) = tmp_path.rglob("*.zip")
    with zipfile.ZipFile(path) as new:
        contents = {name: new.read(name) for name in new.namelist()}
    contents["format"] = b"1"
    contents["runs.parquet"] = contents.pop("trainings.parquet")
    with zipfile.ZipFile(path, "w") as old:
        for name, content in contents.items():
            old.writestr(name, content)
    pd.testing.assert_frame_equal(dataset.load().trainings, results.trainings)
    pd.testing.assert_frame_equal(dataset.trainings(), results.trainings)
