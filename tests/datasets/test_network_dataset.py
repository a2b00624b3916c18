"""Saving and loading trained networks."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from kedro.io import DatasetError

from regbench.datasets.network_dataset import NetworkDataset
from regbench.evaluation.results import FailedTraining, NotNeeded
from regbench.storage.stored_file import LocalFile


@pytest.fixture
def dataset(tmp_path: Path) -> NetworkDataset:
    return NetworkDataset(filepath=str(tmp_path / "l2/seed_1.keras"))


def network(bias: float) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")])
    model.get_layer("d").bias.assign([bias])
    return model


def answer(model: keras.Model) -> float:
    return float(np.asarray(model(np.zeros((1, 2)))).item())


def test_a_network_comes_back_for_prediction(dataset: NetworkDataset) -> None:
    assert not dataset.exists()
    model = network(1.5)
    model.compile("adam", "mse")
    dataset.save(model)
    assert dataset.exists()
    loaded = dataset.load()
    assert answer(loaded) == 1.5
    assert not loaded.compiled


def test_one_that_cannot_be_saved_leaves_the_old_one(
    dataset: NetworkDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.save(network(1.5))
    newer = network(2.5)

    def half(path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(newer, "save", half)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save(newer)
    assert answer(dataset.load()) == 1.5
    assert [path.name for path in dataset._file.path.parent.iterdir()] == ["seed_1.keras"]


def test_code_in_a_file_is_not_run(dataset: NetworkDataset) -> None:
    # Keras would unpickle the lambda: code of whoever wrote the file.
    evil = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    dataset.save(evil)
    with pytest.raises(DatasetError, match=r"deserialization of a `Lambda`"):
        dataset.load()
    trusted = keras.models.load_model(dataset._file.path, safe_mode=False)
    assert np.asarray(trusted(np.ones((1, 2)))).tolist() == [[2.0, 2.0]]


def test_a_damaged_file_is_named(dataset: NetworkDataset) -> None:
    dataset.save(network(1.5))
    with zipfile.ZipFile(dataset._file.path) as archive:
        assert "config.json" in archive.namelist()
    dataset._file.path.write_bytes(dataset._file.path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"seed_1\.keras"):
        dataset.load()


@pytest.mark.parametrize("failed_at_last", [True, False])
def test_one_that_is_killed_while_it_saves_leaves_nothing_that_counts(
    dataset: NetworkDataset, monkeypatch: pytest.MonkeyPatch, failed_at_last: bool
) -> None:
    before, after = network(1.5), FailedTraining("no luck")
    if not failed_at_last:
        before, after = after, before
    dataset.save(before)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalFile, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        dataset.save(after)
    assert not dataset.exists()
    assert list(dataset._file.path.parent.iterdir()) == []


def test_one_that_was_not_needed_exists_and_takes_the_place_of_another(
    dataset: NetworkDataset,
) -> None:
    folder = dataset._file.path.parent
    dataset.save(network(1.5))
    assert not dataset.is_not_needed()
    dataset.save(NotNeeded(5))
    assert [path.name for path in folder.iterdir()] == ["seed_1.not_needed.json"]
    assert dataset.exists()
    assert dataset.is_not_needed()
    assert dataset.load() == NotNeeded(5)
    dataset.save(FailedTraining("it diverged"))
    assert [path.name for path in folder.iterdir()] == ["seed_1.failed.json"]
    assert not dataset.exists()
    dataset.save(NotNeeded(8))
    dataset.save(network(2.5))
    assert [path.name for path in folder.iterdir()] == ["seed_1.keras"]
    assert answer(dataset.load()) == 2.5


def test_a_damaged_mark_is_named(dataset: NetworkDataset) -> None:
    dataset.save(NotNeeded(5))
    mark = dataset._file.path.with_name("seed_1.not_needed.json")
    mark.write_text('{"look": 5, "more": 1}')
    with pytest.raises(DatasetError, match=r"seed_1\.not_needed\.json is damaged"):
        dataset.load()
