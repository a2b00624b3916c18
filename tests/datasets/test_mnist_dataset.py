"""MNIST and image sets as Kedro datasets, and the pipelines between them."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, DatasetError
from kedro.runner import SequentialRunner
from rich.console import Console

from regbench.datasets import mnist_dataset
from regbench.datasets.mnist_dataset import ImageSetDataset, MnistDataset, _progress
from regbench.errors import StudyError
from regbench.images.mnist.arrays import ImageSet, Mnist
from regbench.pipelines.fetch_mnist import create_pipeline, create_sample_pipeline

ROOT = Path(__file__).parents[2]


def source(tmp_path: Path, filepath: str) -> MnistDataset:
    return MnistDataset(filepath=filepath, cache={"filepath": str(tmp_path / "cache.npz")})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Mnist:
    """Patch the loader to return arrays of MNIST's shapes."""
    fake = Mnist(
        np.zeros((60_000, 28, 28), np.uint8),
        np.arange(60_000, dtype=np.uint8) % 10,
        np.zeros((10_000, 28, 28), np.uint8),
        np.arange(10_000, dtype=np.uint8) % 10,
    )
    monkeypatch.setattr(mnist_dataset, "load_mnist", lambda *_: fake)
    return fake


def test_a_problem_with_the_source_is_the_cause_of_kedros_error(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"something else")
    with pytest.raises(DatasetError) as caught:
        source(tmp_path, str(tmp_path / "mine.npz")).load()
    assert isinstance(caught.value.__cause__, StudyError)
    assert (tmp_path / "mine.npz").exists()


def test_mnist_is_only_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="only read"):
        source(tmp_path, "mine.npz").save(1)


@pytest.mark.parametrize("filepath", ["https://127.0.0.1/mnist.npz", "{}/cache.npz"])
def test_mnist_exists_once_its_file_is_here(tmp_path: Path, filepath: str) -> None:
    dataset = source(tmp_path, filepath.format(tmp_path))
    assert not dataset.exists()
    (tmp_path / "cache.npz").touch()
    assert dataset.exists()


def test_mnist_describes_itself(tmp_path: Path) -> None:
    assert "filepath='https://127.0.0.1/m.npz'" in repr(source(tmp_path, "https://127.0.0.1/m.npz"))


def test_a_set_is_only_written(tmp_path: Path) -> None:
    dataset = ImageSetDataset(filepath=str(tmp_path / "set.zip"))
    assert not dataset.exists()
    image = np.zeros((1, 28, 28), np.uint8)
    dataset.save(ImageSet((image, np.zeros(1, np.uint8)), image))
    assert dataset.exists()
    assert "set.zip" in repr(dataset)
    with pytest.raises(DatasetError, match="only written here"):
        dataset.load()


def test_a_set_that_cannot_be_written_is_the_cause_of_kedros_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    image = np.zeros((1, 28, 28), np.uint8)
    with pytest.raises(DatasetError) as caught:
        ImageSetDataset(filepath=str(tmp_path / "file" / "set.zip")).save(
            ImageSet((image, np.zeros(1, np.uint8)), image)
        )
    assert isinstance(caught.value.__cause__, StudyError)


@pytest.mark.parametrize(
    ("total", "lines"),
    [
        (1000, [f"Working: {share} %" for share in range(0, 101, 10)]),
        (2, ["Working: 0 %", "Working: 50 %", "Working: 100 %"]),
        (None, ["Working: started"]),
    ],
)
def test_progress_off_a_terminal_is_a_line_every_tenth(
    caplog: pytest.LogCaptureFixture, total: int | None, lines: list[str]
) -> None:
    with caplog.at_level(logging.INFO), _progress("Working") as on_progress:
        for done in range((total or 1000) + 1):
            on_progress(done, total)
    assert caplog.messages == lines


def test_progress_on_a_terminal_is_a_bar(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        mnist_dataset, "Console", lambda **_: Console(file=screen, force_terminal=True)
    )
    with caplog.at_level(logging.INFO), _progress("Working") as on_progress:
        assert "Working" not in screen.getvalue()
        on_progress(1, 2)
    assert "Working" in screen.getvalue()
    assert "50%" in screen.getvalue()
    assert caplog.messages == []


def catalog(**runtime_params: str) -> DataCatalog:
    loader = OmegaConfigLoader(
        str(ROOT / "conf"),
        base_env="base",
        default_run_env="base",
        runtime_params=runtime_params,
        config_patterns={"catalog": ["catalog.yml", "catalog_mnist.yml"]},
    )
    return DataCatalog.from_config(loader["catalog"])


def test_the_catalog_accepts_another_source() -> None:
    assert "'https://storage.googleapis.com/tensorflow" in repr(catalog()["mnist_source"])
    assert "'mine.npz'" in repr(catalog(mnist_source="mine.npz")["mnist_source"])


def test_the_pipelines_write_the_sets(
    fake: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = {}

    def write(target: Path, images: ImageSet, _: object) -> None:
        written[target] = (*map(len, images.labeled), len(images.unlabeled), images.parts is None)

    monkeypatch.setattr(mnist_dataset, "write_set", write)
    for pipeline in (create_pipeline(), create_sample_pipeline()):
        SequentialRunner().run(pipeline, catalog(data_root=str(tmp_path)))
    assert written == {
        tmp_path / "01_raw" / "mnist.zip": (49_000, 49_000, 21_000, True),
        tmp_path / "01_raw" / "digits.zip": (8_000, 8_000, 1_000, False),
    }
