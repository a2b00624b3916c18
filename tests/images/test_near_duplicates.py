"""Nearly equal images are found across split parts, and lookalikes are not taken for them."""

import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from tests.study.base_study import BASE

from regbench.images.duplicates import COLUMNS, image_digests
from regbench.images.ingest import ingest_labeled
from regbench.images.near_duplicates import (
    find_near_duplicates,
    nearly_equal_pairs,
    summarize_near_duplicates,
)
from regbench.images.sources.open import open_source
from regbench.pipelines.data import nodes
from regbench.study.schema import Ingest

Images = NDArray[np.uint8]


def scenes(count: int, side: int, seed: int = 0) -> Images:
    """Return tinted images of random blobs, large and small ones, count x side x side x 3."""
    random = np.random.default_rng(seed)
    blobs = [
        [
            Image.fromarray(random.integers(0, 256, (size, size), dtype=np.uint8)).resize(
                (side, side), Image.Resampling.BICUBIC
            )
            for _ in range(count)
        ]
        for size in (4, 7, 12)
    ]
    grey = sum(
        np.stack(layer) * weight for layer, weight in zip(blobs, (0.4, 0.3, 0.3), strict=True)
    )
    tinted = np.asarray(grey)[..., None] * random.uniform(0.6, 1.2, (count, 1, 1, 3))
    return np.clip(tinted, 0, 255).astype(np.uint8)


def variant(image: Images, kind: str) -> Images:
    picture = Image.fromarray(image)
    side = picture.width
    if kind == "saved anew":
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=60)
        picture = Image.open(buffer)
    elif kind == "brightened":
        picture = ImageEnhance.Brightness(picture).enhance(1.2)
    elif kind == "recoloured":
        picture = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    elif kind == "resized":
        picture = picture.resize((side // 2, side // 2)).resize((side, side))
    elif kind == "grey":
        picture = picture.convert("L")
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("side", [24, 32, 96])
@pytest.mark.parametrize("kind", ["saved anew", "brightened", "recoloured", "resized", "grey"])
def test_a_variant_is_found_and_nothing_else(kind: str, side: int) -> None:
    images = scenes(200, side)
    copies = [(3, 150), (10, 20), (199, 0)]
    for original, copy in copies:
        images[copy] = variant(images[original], kind)
    pairs = nearly_equal_pairs(images, np.arange(200))
    assert pairs.tolist() == sorted(sorted(pair) for pair in copies)


def test_rows_that_are_left_out_are_not_compared() -> None:
    images = scenes(40, 32)
    images[30] = variant(images[2], "brightened")
    rows = np.delete(np.arange(40), 1)
    assert nearly_equal_pairs(images, rows).tolist() == [[2, 30]]
    assert nearly_equal_pairs(images, np.delete(np.arange(40), 30)).tolist() == []


@pytest.mark.parametrize("shape", [(50, 2, 2, 1), (50, 7, 30, 3), (1, 32, 32, 1), (0, 32, 32, 3)])
def test_too_small_or_too_few_images_have_none(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert nearly_equal_pairs(images, np.arange(len(images))).shape == (0, 2)


def test_images_of_one_colour_or_hardly_more_have_none() -> None:
    plain = np.repeat(np.arange(60, dtype=np.uint8), 32 * 32).reshape(60, 32, 32, 1).copy()
    plain[::2, 5, 5] += 1
    assert len(nearly_equal_pairs(plain, np.arange(60))) == 0


def test_handwritten_digits_are_not_taken_for_one_another() -> None:
    digits = Path(__file__).parents[2] / "data/01_raw/digits.zip"
    with open_source(digits) as source:
        made = ingest_labeled(source, Ingest.model_validate(BASE["ingest"]))
    images = made.images[:3000].copy()
    random = np.random.default_rng(0)
    originals = random.choice(2000, 50, replace=False)
    noise = random.normal(0, 6, (50, *images.shape[1:]))
    images[2900:2950] = np.clip(images[originals] + noise, 0, 255)  # as if scanned again
    pairs = {tuple(pair) for pair in nearly_equal_pairs(images, np.arange(3000)).tolist()}
    copies = {(int(original), 2900 + number) for number, original in enumerate(originals)}
    assert len(pairs - copies) <= 2  # two strokes of 3,000 digits may be as good as the same
    assert len(pairs & copies) >= 45


def index_of(images: Images, parts: list[str], labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "filename": [f"{row}.png" for row in range(len(images))],
            "label": labels,
            "split": parts,
            "digest": image_digests(images),
        }
    )


def test_groups_in_several_parts_are_listed_with_all_their_images() -> None:
    images = scenes(60, 32)
    images[5] = variant(images[4], "brightened")  # in one part
    images[31] = variant(images[2], "brightened")
    images[32] = images[31]  # equal, and nearly equal to a train image
    images[50] = variant(images[3], "saved anew")
    parts = ["train"] * 30 + ["validation"] * 15 + ["test"] * 15
    labels = ["x"] * 50 + ["y"] * 10
    near = find_near_duplicates(images, index_of(images, parts, labels), 7)
    assert tuple(near.columns) == COLUMNS
    assert near.to_dict("split")["data"] == [
        [7, "2.png", "x", "train", "nearly the same pixels, in several parts"],
        [7, "31.png", "x", "validation", "nearly the same pixels, in several parts"],
        [7, "32.png", "x", "validation", "nearly the same pixels, in several parts"],
        [8, "3.png", "x", "train", "nearly the same pixels, different labels, in several parts"],
        [8, "50.png", "y", "test", "nearly the same pixels, different labels, in several parts"],
    ]
    assert summarize_near_duplicates(near).startswith(
        "5 images in 2 groups are nearly the same as one in another part of the split "
        "(2 validation and 1 test images nearly trained on); "
    )


def test_the_node_lists_them_behind_the_equal_ones(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    images = scenes(60, 32)
    images[1] = images[0]
    index = index_of(images, ["train"] * 40 + ["test"] * 20, ["x"] * 60)
    found = nodes.find_duplicates(images, index)
    assert found["filename"].tolist() == ["0.png", "1.png"]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert caplog.records[1].getMessage() == (
        "no image was found to be nearly the same as one in another part of the split"
    )
    images[59] = variant(images[7], "resized")
    index = index_of(images, ["train"] * 40 + ["test"] * 20, ["x"] * 60)
    caplog.clear()
    found = nodes.find_duplicates(images, index)
    assert found["group"].tolist() == [1, 1, 2, 2]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
