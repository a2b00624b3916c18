"""All datasets with their files in a store (fsspec's in-memory file system)."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kedro.io import AbstractDataset, DatasetError
from PIL import Image

from regbench.datasets import array_dataset, atomic
from regbench.datasets.history_dataset import HistoryDataset
from regbench.datasets.image_source_dataset import ImageDigestDataset, ImageSourceDataset
from regbench.datasets.mnist_dataset import ImageSetDataset, MnistDataset
from regbench.datasets.network_dataset import NetworkDataset
from regbench.datasets.optional import EarlierIngestionDataset, OptionalJSONDataset
from regbench.datasets.partitions_dataset import PartitionsDataset
from regbench.datasets.results_dataset import ResultsDataset
from regbench.errors import UnreachableError, explanation
from regbench.evaluation.results import FailedTraining, Results
from regbench.images.mnist.arrays import ImageSet

TABLE = pd.DataFrame({"filename": ["a", "b"], "figure": [0.5, 1.5]})


pytestmark = pytest.mark.usefixtures("store")


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty the cache, as on another machine."""
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path / "another machine"))


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        (array_dataset.ArrayDataset, "images.npy", np.arange(6).reshape(2, 3)),
        (atomic.ParquetDataset, "index.parquet", TABLE),
        (atomic.CSVDataset, "comparison.csv", TABLE),
        (atomic.JSONDataset, "classes.json", ["a", "b"]),
        (atomic.TextDataset, "report.html", "<p>"),
        (OptionalJSONDataset, "made_from.json", {"a": 1}),
        (NetworkDataset, "seed_1.keras", FailedTraining("why")),
    ],
)
def test_what_one_machine_saves_another_loads(
    kind: Any, name: str, content: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dataset() -> AbstractDataset[Any, Any]:
        args = {"save_args": {"index": False}} if kind is atomic.CSVDataset else {}
        created: AbstractDataset[Any, Any] = kind(filepath=f"memory://place/study/{name}", **args)
        return created

    assert not dataset().exists()
    dataset().save(content)
    elsewhere(tmp_path, monkeypatch)
    loaded = dataset().load()
    assert dataset().exists() == (not isinstance(content, FailedTraining))
    if isinstance(content, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, content)
    elif isinstance(content, np.ndarray):
        np.testing.assert_array_equal(loaded, content)
    else:
        assert loaded == content


def test_results_go_there_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ResultsDataset(filepath="memory://place/l1/results.zip")
    assert dataset.load().trainings.empty
    assert dataset.digest() == ""
    dataset.save(Results.none())
    created = dataset.digest()
    elsewhere(tmp_path, monkeypatch)
    assert dataset.digest() == created != ""


def test_results_that_cannot_be_had_are_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ResultsDataset(filepath="memory://place/l1/results.zip")
    dataset.save(Results.none())

    def lost(*_: object, **__: object) -> None:
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(MemoryFileSystem, "info", lost)
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert isinstance(explanation(caught.value), UnreachableError)


def test_a_record_is_removed_in_the_store(store: MemoryFileSystem) -> None:
    dataset = atomic.JSONDataset(filepath="memory://place/data_fingerprint.json")
    dataset.save({"data": "1"})
    dataset.remove()
    assert not dataset.exists()
    assert not store.exists("/place/data_fingerprint.json")


def test_a_figure_goes_there_and_is_previewed(
    store: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    dataset = atomic.MatplotlibDataset(filepath="memory://place/plot.png")
    dataset.save(Figure(figsize=(1, 1)))
    assert Image.open(io.BytesIO(store.cat("/place/plot.png"))).size == (100, 100)
    elsewhere(tmp_path, monkeypatch)
    assert dataset.preview()


def test_all_networks_are_listed(store: MemoryFileSystem) -> None:
    for name in ("l1/seed_1.keras", "l1/seed_1_best_epoch.npz", "l2/seed_2.keras"):
        store.pipe(f"/place/06_models/{name}", b"no network")
    dataset = PartitionsDataset(
        path="memory://place/06_models", dataset=NetworkDataset, filename_suffix=".keras"
    )
    loaders = dataset.load()
    assert sorted(loaders) == ["l1/seed_1", "l2/seed_2"]
    with pytest.raises(DatasetError, match=r"memory://place/06_models/l2/seed_2\.keras is damaged"):
        loaders["l2/seed_2"]()


def test_networks_here_are_listed_as_ever(tmp_path: Path) -> None:
    (tmp_path / "l1").mkdir()
    (tmp_path / "l1/seed_1.keras").write_bytes(b"no network")
    dataset = PartitionsDataset(
        path=str(tmp_path), dataset=NetworkDataset, filename_suffix=".keras"
    )
    assert list(dataset.load()) == ["l1/seed_1"]


def test_a_set_of_images_is_opened_and_known_by_its_digest(
    store: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("cat/1.png", b"one")
    store.pipe("/place/set.zip", packed.getvalue())
    address = "memory://place/set.zip"
    assert ImageSourceDataset(filepath=address).exists()
    with ImageSourceDataset(filepath=address).load() as source:
        assert source.names() == ["cat/1.png"]
        assert source.display == address
        assert ImageDigestDataset(filepath=address).load() == source.digest()
    assert ImageDigestDataset(filepath="memory://place/none.zip").load() is None
    assert "'memory://place/none.zip' does not exist" in caplog.text


def test_a_set_of_images_is_written_there(store: MemoryFileSystem, tmp_path: Path) -> None:
    images = np.zeros((1, 28, 28), np.uint8)
    dataset = ImageSetDataset(filepath="memory://place/01_raw/mnist.zip")
    dataset.save(ImageSet((images, np.zeros(1, np.uint8)), images))
    with zipfile.ZipFile(io.BytesIO(store.cat("/place/01_raw/mnist.zip"))) as archive:
        assert "Train/train.csv" in archive.namelist()
    download = MnistDataset(
        filepath="https://host/mnist.npz", cache={"filepath": "memory://place/01_raw/mnist.npz"}
    )
    assert download._cache == tmp_path / "cache/files/memory/place/01_raw/mnist.npz"


def test_nothing_was_ingested_there_yet() -> None:
    files, images = "memory://place/files.parquet", "memory://place/images.npy"
    dataset = EarlierIngestionDataset(filepath=files, images=images)
    assert dataset.load() is None
    atomic.ParquetDataset(filepath=files).save(TABLE)
    array_dataset.ArrayDataset(filepath=images).save(np.arange(3))
    earlier = dataset.load()
    assert earlier is not None


def test_a_history_that_cannot_be_had_is_not_begun_anew(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = HistoryDataset(filepath="memory://place/09_history/history.parquet")
    assert dataset.load().empty
    dataset.save(dataset.load())

    def lost(*_: object, **__: object) -> None:
        raise ConnectionResetError("reset by peer")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "info", lost)
        for do in (dataset.load, lambda: dataset.save(TABLE)):
            with pytest.raises(Exception, match="reset by peer") as caught:
                do()
            assert isinstance(explanation(caught.value), UnreachableError)
    store.pipe("/place/09_history/history.parquet", b"no history")
    dataset.save(dataset.load())
    assert [name.partition("unreadable")[0] for name in store.find("/place")] == [
        "/place/09_history/history.parquet",
        "/place/09_history/history.",
    ]
