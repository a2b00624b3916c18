"""Labels in parts: what they are, what is kept after a kill, and the files that they become."""

import errno
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.building import build_network

from regbench.datasets.labels_dataset import LabelsDataset
from regbench.errors import SettingsError
from regbench.networks.kinds.mlp import Mlp
from regbench.storage.stored_file import LocalFile
from regbench.study.technique import Technique
from regbench.use import labels

CLASSES = ["cat", "10", "=dog"]
NAMES = pd.Series([f"{number}.png" for number in range(50)], index=range(50, 0, -1))
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
CALIBRATION = {"temperature": 2.0, "sure_from": 0.4}
CHOSEN = {"weights": "w"}


@pytest.fixture(scope="module")
def network() -> Any:
    scaling = {"offset": [128.0], "scale": [40.0]}
    mlp = Mlp(hidden_units=[16, 8], activation="relu")
    return build_network((4, 4, 1), 3, mlp, Technique(dropout=0.5), 1, scaling)


def label(network: Any, folder: Path, **changed: Any) -> labels.LabelledParts:
    given = {"images": IMAGES, "filenames": NAMES, "calibration": CALIBRATION, **changed}
    return labels.label_in_parts(
        network, classes=CLASSES, chosen=CHOSEN, folder=LocalFile(folder), part=20, **given
    )


def joined(parts: labels.LabelledParts) -> pd.DataFrame:
    return pd.concat(parts.tables(), ignore_index=True)


def test_every_image_gets_its_most_probable_class_and_calibrated_confidence(
    network: Any, tmp_path: Path
) -> None:
    found = joined(label(network, tmp_path))
    assert found.columns.tolist() == ["filename", "label", "confidence", "sure"]
    assert found["filename"].tolist() == NAMES.tolist()
    probabilities = np.asarray(network(IMAGES, training=False), dtype=np.float64)
    assert found["label"].tolist() == [CLASSES[at] for at in probabilities.argmax(axis=1)]
    roots = np.sqrt(probabilities)  # softmax(log p / 2)
    confidence = (roots / roots.sum(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose(found["confidence"], confidence, atol=1e-5)
    assert found["sure"].tolist() == (found["confidence"] >= 0.4).tolist()
    assert found["sure"].nunique() == 2
    unsure = label(network, tmp_path, calibration={"temperature": 1.0, "sure_from": None})
    assert not joined(unsure)["sure"].any()


def test_finished_parts_are_kept_after_a_kill_and_others_made_again(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = joined(label(network, tmp_path))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"part_{n:012}.parquet" for n in (0, 20, 40)]
    files[1].write_bytes(files[1].read_bytes()[:100])  # damaged
    files[2].unlink()  # not made yet
    predicted: list[int] = []
    original = labels.predict
    monkeypatch.setattr(
        labels,
        "predict",
        lambda network, images, rows: (
            predicted.append(len(rows)) or original(network, images, rows)
        ),
    )
    caplog.set_level(logging.INFO, logger="regbench")
    pd.testing.assert_frame_equal(joined(label(network, tmp_path)), whole)
    assert predicted == [20, 10]
    assert "20 of 50 images were labelled before" in caplog.text
    assert "it is made again" in caplog.text
    predicted.clear()
    other = IMAGES.copy()
    other[45] = 0
    label(network, tmp_path, images=other)
    assert predicted == [10]  # the part whose pixels differ
    predicted.clear()
    label(network, tmp_path, calibration={"temperature": 1.0, "sure_from": None})
    assert predicted == [20, 20, 10]


def test_a_full_disk_leaves_what_is_finished(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = labels.pq.write_table

    def write(table: Any, path: Path, **options: Any) -> None:
        if len(list(tmp_path.glob("part_*"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        original(table, path, **options)

    with monkeypatch.context() as full:
        full.setattr(labels.pq, "write_table", write)
        with pytest.raises(OSError, match=r"No space left on device: .*part_000000000040\.parquet"):
            label(network, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(joined(label(network, tmp_path))) == 50


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_parts_become_one_file_and_are_gone(network: Any, tmp_path: Path, suffix: str) -> None:
    parts = label(network, tmp_path / "parts")
    whole = joined(parts)
    other = {"csv": "parquet", "parquet": "csv"}[suffix]
    (tmp_path / f"labels.{other}").write_text("of an earlier run")
    dataset = LabelsDataset(filepath=str(tmp_path / f"labels.{suffix}"))
    dataset.save(parts)
    found = dataset.load()
    pd.testing.assert_frame_equal(found.astype({"label": str}), whole.astype({"label": str}))
    assert not list((tmp_path / "parts").iterdir())
    assert not (tmp_path / f"labels.{other}").exists()
    if suffix == "csv":  # no formula for a spreadsheet
        assert ",'=dog," in (tmp_path / "labels.csv").read_text()


def test_no_images_are_an_empty_table(network: Any, tmp_path: Path) -> None:
    parts = label(network, tmp_path, images=IMAGES[:0], filenames=NAMES[:0])
    assert joined(parts).columns.tolist() == ["filename", "label", "confidence", "sure"]
    dataset = LabelsDataset(filepath=str(tmp_path / "labels.csv"))
    dataset.save(parts)
    assert dataset.load().empty


def test_a_format_that_is_not_known_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"labels\.json must end in \.csv or \.parquet"):
        LabelsDataset(filepath="labels.json")
