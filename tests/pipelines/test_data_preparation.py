"""What all techniques share: corrupted images, and the fingerprint of the data."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from regbench.evaluation.corruption import CORRUPTIONS, corrupt
from regbench.images.sources.open import open_source
from regbench.pipelines.data.nodes import corrupt_images, fingerprint_data, preview_corruptions
from regbench.study import fingerprints

mpl.use("agg")

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), dtype=np.uint8)
INDEX = pd.DataFrame(
    {
        "filename": [f"{number:02}.png" for number in range(60)],
        "label": ["cat", "dog", "emu"] * 20,
        "target": [0, 1, 2] * 20,
        "split": np.random.default_rng(1).permutation(
            ["train"] * 30 + ["validation"] * 12 + ["test"] * 18
        ),
    }
)
CLASSES = ["cat", "dog", "emu"]
PREPARATION = {"ingest": "i", "split": "p", "zca": "z"}


class TestCorrupting:
    @pytest.mark.parametrize(("most", "expected"), [(9, 9), (18, 18), (1000, 18)])
    def test_takes_test_images_and_no_more_than_asked_for(self, most: int, expected: int) -> None:
        corrupted, rows = corrupt_images(IMAGES, INDEX, {"robustness_images": most})
        assert len(rows) == len(set(rows)) == expected
        assert (INDEX["split"].iloc[rows] == "test").all()
        assert corrupted.shape == (len(CORRUPTIONS), expected, 28, 28, 1)
        assert corrupted.dtype == np.uint8
        assert all(type(row) is int for row in rows)  # they are stored as JSON

    def test_corrupts_them_in_the_order_of_the_corruptions(self) -> None:
        corrupted, rows = corrupt_images(IMAGES, INDEX, {"robustness_images": 6})
        for name, images in zip(CORRUPTIONS, corrupted, strict=True):
            np.testing.assert_array_equal(images, corrupt(IMAGES[rows], name, seed=0))
            assert (images != IMAGES[rows]).any()

    def test_without_a_test_part_takes_validation_images(self) -> None:
        index = INDEX.replace({"split": {"test": "validation"}})
        _, rows = corrupt_images(IMAGES, index, {"robustness_images": 100})
        assert rows == np.flatnonzero(index["split"] == "validation").tolist()

    def test_is_the_same_every_time(self) -> None:
        (one, rows), (other, again) = (
            corrupt_images(IMAGES, INDEX, {"robustness_images": 7}) for _ in range(2)
        )
        np.testing.assert_array_equal(one, other)
        assert rows == again

    def test_can_be_looked_at(self) -> None:
        corrupted, rows = corrupt_images(IMAGES, INDEX, {"robustness_images": 9})
        figure = preview_corruptions(corrupted, rows, IMAGES, INDEX)
        texts = {text.get_text() for text in figure.findobj(mpl.text.Text)}
        assert {name.replace("_", " ") for name in CORRUPTIONS} | {"original"} <= texts
        assert set(CLASSES) <= texts  # one image of each class


class TestFingerprint:
    def test_is_of_the_data_and_of_what_they_were_made_from(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"one")
        with open_source(tmp_path) as source:
            files = source.digest()
        found = fingerprint_data(open_source(tmp_path), IMAGES, INDEX, CLASSES, PREPARATION)
        expected = fingerprints.fingerprint_of_data(IMAGES, INDEX, CLASSES)
        shape = list(IMAGES.shape[1:])
        assert found == {**expected, "shape": shape, "made_from": {"files": files, **PREPARATION}}

    def test_of_other_files_with_the_same_images_is_that_of_the_same_data(
        self, tmp_path: Path
    ) -> None:
        made = []
        for content in (b"one", b"two"):
            (tmp_path / "README.md").write_bytes(content)
            source = open_source(tmp_path)
            made.append(fingerprint_data(source, IMAGES, INDEX, CLASSES, PREPARATION))
        assert made[0]["data"] == made[1]["data"]
        assert made[0]["split"] == made[1]["split"]
        assert made[0]["made_from"] != made[1]["made_from"]
