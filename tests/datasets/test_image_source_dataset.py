"""Sets of images as Kedro datasets."""

import zipfile
from pathlib import Path

import pytest
from kedro.io import DatasetError

from regbench.datasets.image_source_dataset import ImageSourceDataset
from regbench.errors import StudyError


@pytest.fixture(params=["set", "set.zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / request.param
    if request.param == "set":
        place.mkdir()
        (place / "a.png").write_bytes(b"picture")
    else:
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("a.png", b"picture")
    return place


def test_is_opened_when_it_is_loaded(path: Path) -> None:
    dataset = ImageSourceDataset(filepath=str(path), metadata={"kedro-viz": {"layer": "01_raw"}})
    assert dataset.exists()
    with dataset.load() as source:
        assert source.names() == ["a.png"]
        assert source.read("a.png", 100) == b"picture"
    assert str(path) in str(dataset)


def test_that_does_not_exist_is_for_the_user_to_put_right(tmp_path: Path) -> None:
    dataset = ImageSourceDataset(filepath=str(tmp_path / "nowhere"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="nowhere") as caught:
        dataset.load()
    assert isinstance(caught.value.__cause__, StudyError)


@pytest.mark.parametrize(
    ("name", "pipeline"), [("mnist.zip", "fetch_mnist"), ("digits.zip", "sample_mnist")]
)
def test_that_a_pipeline_makes_names_the_pipeline(tmp_path: Path, name: str, pipeline: str) -> None:
    with pytest.raises(DatasetError, match=f"uv run kedro run --pipelines={pipeline}"):
        ImageSourceDataset(filepath=str(tmp_path / name)).load()
    (tmp_path / name).mkdir()  # a folder of this name is allowed
    (tmp_path / name / "a.png").touch()
    with ImageSourceDataset(filepath=str(tmp_path / name)).load() as source:
        assert source.names() == ["a.png"]


def test_is_never_written(path: Path) -> None:
    with pytest.raises(DatasetError, match="only read"):
        ImageSourceDataset(filepath=str(path)).save("anything")  # type: ignore[arg-type]
