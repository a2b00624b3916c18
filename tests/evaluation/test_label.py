"""Labels of images without labels."""

import numpy as np
import pandas as pd
import pytest
from tests.building import build_network

from regbench.evaluation.label import label_images
from regbench.networks.kinds.mlp import Mlp
from regbench.study.technique import Technique

CLASSES = ["cat", "dog", "10"]


@pytest.fixture
def network() -> object:
    return build_network(
        (4, 4, 1),
        3,
        Mlp(hidden_units=[16, 8], activation="relu"),
        Technique(dropout=0.5),
        1,
        {"offset": [128.0], "scale": [40.0]},
    )


def test_every_image_gets_its_most_probable_class(network: object) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    index = pd.DataFrame({"filename": [f"{n}.png" for n in range(50)]}, index=range(50, 0, -1))
    found = label_images(network, images, index, CLASSES)
    probabilities = np.asarray(network(images, training=False))  # type: ignore[operator]
    assert found["filename"].tolist() == index["filename"].tolist()
    assert found["label"].tolist() == [CLASSES[i] for i in probabilities.argmax(axis=1)]
    assert found["label"].nunique() > 1
    np.testing.assert_allclose(found["confidence"], probabilities.max(axis=1), atol=1e-6)
    assert found.columns.tolist() == ["filename", "label", "confidence"]


def test_no_images_are_an_empty_table(network: object) -> None:
    found = label_images(
        network, np.zeros((0, 4, 4, 1), np.uint8), pd.DataFrame({"filename": []}), CLASSES
    )
    assert found.columns.tolist() == ["filename", "label", "confidence"]
    assert found.empty
