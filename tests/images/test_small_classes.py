"""Classes with too few images are left out by name, if the settings say so."""

import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from regbench.errors import StudyError
from regbench.images.ingest import LabeledImages, ingest_labeled
from regbench.images.known_files import EarlierIngestion
from regbench.images.small_classes import images_of_small_classes
from regbench.images.sources.open import open_source
from regbench.study.schema import Ingest

PARAMETERS = Path(__file__).parents[2] / "conf/base/parameters_data.yml"
IMAGES = {"ant": 4, "bee": 1, "cow": 3, "dog": 2}


def ingest(root: Path, least: int | None, earlier: LabeledImages | None = None) -> LabeledImages:
    settings = yaml.safe_load(PARAMETERS.read_text())["ingest"]
    settings |= {"layout": "class_folders", "size": 2, "mode": "L", "min_images_per_class": least}
    known = None if earlier is None else EarlierIngestion(earlier.files, lambda: earlier.images)
    with open_source(str(root)) as source:
        return ingest_labeled(source, Ingest.model_validate(settings), known)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    grey = iter(range(10, 256, 10))
    for label, count in IMAGES.items():
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(count):
            picture = Image.new("L", (2, 2), next(grey))
            picture.save(tmp_path / "set" / label / f"{number}.png")
    return tmp_path / "set"


def test_their_images_are_rejected_by_name_and_the_others_stay(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, without = ingest(path, None), ingest(path, 3)
    assert without.classes == ["ant", "cow"]
    left = whole.index["label"].isin(["ant", "cow"])
    assert without.index["filename"].tolist() == whole.index["filename"][left].tolist()
    assert without.index["target"].tolist() == [0] * 4 + [1] * 3
    np.testing.assert_array_equal(without.images, whole.images[left])
    assert without.rejected.to_dict("split")["data"] == [
        ["bee/0.png", "class 'bee' has 1 of the 3 images of ingest.min_images_per_class"],
        ["dog/0.png", "class 'dog' has 2 of the 3 images of ingest.min_images_per_class"],
        ["dog/1.png", "class 'dog' has 2 of the 3 images of ingest.min_images_per_class"],
    ]
    [warning] = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning == (
        "2 of 4 classes left out, with 3 images, because they have fewer than "
        "ingest.min_images_per_class=3: 'bee' (1), 'dog' (2)"
    )


def test_the_next_ingestion_takes_them_again(path: Path) -> None:
    whole, without = ingest(path, None), ingest(path, 3)
    again = ingest(path, None, without)
    np.testing.assert_array_equal(again.images, whole.images)
    assert again.index.equals(whole.index)
    assert ingest(path, 3, whole).index.equals(without.index)


def test_large_enough_classes_stay() -> None:
    assert images_of_small_classes(["a", "a", "b", "b"], 2) == {}


def test_one_class_left_stops_with_the_others_names(path: Path) -> None:
    with pytest.raises(StudyError, match=r"=4 leaves 1 of 4 classes.*'bee' \(1\), 'dog' \(2\), 'c"):
        ingest(path, 4)
    labels = [f"c{number:02}" for number in range(20)]
    with pytest.raises(StudyError, match=r"leaves 0 of 20 .*'c04' \(1\) and 15 more"):
        images_of_small_classes(labels, 2)
