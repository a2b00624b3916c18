"""Atomic writes of the kedro datasets."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure
from PIL import Image

from regbench.datasets import atomic

TABLE = pd.DataFrame({"name": ["a", "b"], "figure": [0.1, 1 / 3]})
DATASETS: dict[str, tuple[type, Any, Any]] = {
    # suffix: the class, data that can be saved, and data that cannot
    "csv": (atomic.CSVDataset, TABLE, "no table"),
    "parquet": (atomic.ParquetDataset, TABLE, pd.DataFrame({"x": [1, {"a": 1}]})),
    "json": (atomic.JSONDataset, {"a": [1, 0.1, None]}, {"a": 1, "b": object()}),
    "md": (atomic.TextDataset, "Straße – 1\n", 5),
    "png": (atomic.MatplotlibDataset, Figure(figsize=(1, 1)), "no figure"),
}


def same(one: Any, other: Any) -> bool:
    return one.equals(other) if isinstance(one, pd.DataFrame) else bool(one == other)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "md"])
def test_what_is_saved_comes_back(suffix: str, tmp_path: Path) -> None:
    kind, good, _ = DATASETS[suffix]
    path = tmp_path / f"new/file.{suffix}"
    dataset = kind(filepath=str(path))
    assert not dataset.exists()
    dataset.save(good)
    assert dataset.exists()
    assert same(dataset.load(), good)
    assert list(path.parent.iterdir()) == [path]


def test_text_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    script = (
        "import sys, locale; from regbench.datasets import atomic; import pandas as pd\n"
        "assert locale.getencoding() == 'ANSI_X3.4-1968', locale.getencoding()\n"
        "text = 'Stra\\u00dfe \\u2013 1'\n"
        "atomic.TextDataset(filepath=sys.argv[1] + '/a.md').save(text)\n"
        "atomic.CSVDataset(filepath=sys.argv[1] + '/a.csv').save(pd.DataFrame({text: [text]}))\n"
        "print(atomic.TextDataset(filepath=sys.argv[1] + '/a.md').load() == text)\n"
    )
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, **plain}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\n", done.stderr
    assert (tmp_path / "a.md").read_bytes() == "Straße – 1".encode()
    assert "Straße – 1".encode() in (tmp_path / "a.csv").read_bytes()


def test_a_figure_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "new/figure.png"
    atomic.MatplotlibDataset(filepath=str(path), save_args={"dpi": 150}).save(
        Figure(figsize=(2, 1))
    )
    with Image.open(path) as image:
        assert image.size == (300, 150)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("suffix", DATASETS)
def test_a_failed_save_leaves_the_old_content(suffix: str, tmp_path: Path) -> None:
    kind, good, bad = DATASETS[suffix]
    path = tmp_path / f"file.{suffix}"
    dataset = kind(filepath=str(path))
    dataset.save(good)
    before = path.read_bytes()
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    dataset.save(good)  # the next save is not affected
    assert path.read_bytes() == before or suffix == "png"


@pytest.mark.parametrize("suffix", DATASETS)
def test_a_failed_first_save_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    kind, _, bad = DATASETS[suffix]
    dataset = kind(filepath=str(tmp_path / f"file.{suffix}"))
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert not dataset.exists()
    assert list(tmp_path.iterdir()) == []


def test_predictions_keep_their_probabilities(tmp_path: Path) -> None:
    dataset = atomic.ParquetDataset(filepath=str(tmp_path / "predictions.parquet"))
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 5).astype(np.float32)
    dataset.save(pd.DataFrame({"label": list("abcde"), "probabilities": list(probabilities)}))
    loaded = dataset.load()
    np.testing.assert_array_equal(np.stack(loaded["probabilities"]), probabilities)


def test_a_file_can_be_removed(tmp_path: Path) -> None:
    dataset = atomic.JSONDataset(filepath=str(tmp_path / "values.json"))
    dataset.remove()  # a missing file is no error
    dataset.save({"a": 1})
    dataset.remove()
    assert not dataset.exists()
    assert list(tmp_path.iterdir()) == []
    dataset.save({"a": 2})
    assert dataset.load() == {"a": 2}


@pytest.mark.parametrize("size", [(6, 2), (2, 3), (4.58, 3)])
def test_a_picture_is_previewed_whole_in_the_shape_of_the_panel(
    tmp_path: Path, size: tuple[float, float]
) -> None:
    path = tmp_path / "figure.png"
    dataset = atomic.MatplotlibDataset(filepath=str(path))
    dataset.save(Figure(figsize=size, facecolor="navy"))
    original = np.asarray(Image.open(path).convert("RGB"))
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(dataset.preview()))))
    assert shown.shape[1] / shown.shape[0] == pytest.approx(458 / 300, abs=0.01)
    height, width = original.shape[:2]
    top, left = (shown.shape[0] - height) // 2, (shown.shape[1] - width) // 2
    assert (shown[top : top + height, left : left + width] == original).mean() > 0.98


def test_a_table_is_previewed_with_six_digits(tmp_path: Path) -> None:
    dataset = atomic.CSVDataset(filepath=str(tmp_path / "table.csv"))
    dataset.save(pd.DataFrame({"a": ["x", "y"], "b": [1 / 3, 1.23456789e-7], "c": [1399510, 2]}))
    assert dataset.preview()["data"] == [["x", 0.333333, 1399510], ["y", 1.23457e-7, 2]]
    assert dataset.preview(nrows=1)["data"] == [["x", 0.333333, 1399510]]
    assert dataset.load()["b"][0] == 1 / 3


def test_what_a_previewed_table_lacks_is_a_dash(tmp_path: Path) -> None:
    dataset = atomic.CSVDataset(filepath=str(tmp_path / "table.csv"))
    dataset.save(pd.DataFrame({"a": ["x", None], "b": [None, 0.5]}))
    assert dataset.preview()["data"] == [["x", "–"], ["–", 0.5]]
