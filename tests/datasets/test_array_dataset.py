"""Arrays as .npy and .npz files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DatasetError

from regbench.datasets.array_dataset import ArrayDataset, ArraysDataset


@pytest.fixture
def array(tmp_path: Path) -> ArrayDataset:
    return ArrayDataset(filepath=str(tmp_path / "folder/array.npy"))


@pytest.fixture
def arrays(tmp_path: Path) -> ArraysDataset:
    return ArraysDataset(filepath=str(tmp_path / "folder/arrays.npz"))


class Unwritable:
    """An object whose conversion to an array fails."""

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise OSError(28, "No space left on device")


def files(dataset: ArrayDataset | ArraysDataset) -> list[str]:
    return [path.name for path in dataset._file.path.parent.iterdir()]


class TestOneArray:
    @pytest.mark.parametrize(
        "data",
        [
            np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1),
            np.zeros((0, 28, 28, 1), np.uint8),
            np.float32(3.5),
            np.array(["a", "bc"]),
        ],
    )
    def test_comes_back_as_it_was(self, array: ArrayDataset, data: np.ndarray) -> None:
        assert not array.exists()
        array.save(np.asarray(data))
        assert array.exists()
        loaded = array.load()
        assert (loaded.dtype, loaded.shape) == (np.asarray(data).dtype, np.shape(data))
        np.testing.assert_array_equal(loaded, data)

    def test_is_read_from_disk_and_cannot_be_changed(self, array: ArrayDataset) -> None:
        array.save(np.zeros((4, 4), np.uint8))
        loaded = array.load()
        assert isinstance(loaded, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            loaded[0] = 1

    def test_stays_as_it_is_for_who_has_loaded_it(self, array: ArrayDataset) -> None:
        array.save(np.zeros(100_000, np.uint8))
        loaded = array.load()
        array.save(np.ones(10, np.uint8))
        assert loaded.shape == (100_000,)
        assert not loaded.any()
        assert array.load().all()

    @pytest.mark.parametrize("bad", [np.array([{}], dtype=object), Unwritable()])
    def test_that_cannot_be_saved_leaves_the_old_one(self, array: ArrayDataset, bad: Any) -> None:
        array.save(np.arange(5))
        with pytest.raises(DatasetError):
            array.save(bad)
        np.testing.assert_array_equal(array.load(), np.arange(5))
        assert files(array) == ["array.npy"]

    def test_pickled_is_refused(self, array: ArrayDataset) -> None:
        array._file.path.parent.mkdir()
        np.save(array._file.path, np.array([{}], dtype=object), allow_pickle=True)
        with pytest.raises(DatasetError, match=r"array\.npy"):
            array.load()

    def test_that_is_cut_short_or_missing_is_named(self, array: ArrayDataset) -> None:
        with pytest.raises(DatasetError, match=r"array\.npy"):
            array.load()
        array.save(np.arange(1000))
        array._file.path.write_bytes(array._file.path.read_bytes()[:500])
        with pytest.raises(DatasetError, match=r"array\.npy"):
            array.load()


class TestSeveralArrays:
    def test_come_back_by_name(self, arrays: ArraysDataset) -> None:
        data = {"mean": np.arange(3, dtype=np.float32), "matrix": np.eye(3, dtype=np.float32)}
        assert not arrays.exists()
        arrays.save(data)
        assert arrays.exists()
        loaded = arrays.load()
        assert sorted(loaded) == ["matrix", "mean"]
        for name, values in data.items():
            np.testing.assert_array_equal(loaded[name], values)
            assert loaded[name].dtype == np.float32

    @pytest.mark.parametrize("bad", [np.array([{}], dtype=object), Unwritable()])
    def test_that_cannot_be_saved_leave_the_old_ones(self, arrays: ArraysDataset, bad: Any) -> None:
        arrays.save({"mean": np.arange(3)})
        with pytest.raises(DatasetError):
            arrays.save({"mean": np.arange(4), "matrix": bad})
        np.testing.assert_array_equal(arrays.load()["mean"], np.arange(3))
        assert files(arrays) == ["arrays.npz"]

    def test_pickled_are_refused(self, arrays: ArraysDataset) -> None:
        arrays._file.path.parent.mkdir()
        np.savez(arrays._file.path, mean=np.array([{}], dtype=object))
        with pytest.raises(DatasetError, match=r"arrays\.npz"):
            arrays.load()
