"""Results that lie in or around a set of images never become images."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regbench.errors import SettingsError
from regbench.images.sources.open import open_source
from regbench.storage.results_marker import LAYERS, MARKER, holds_results, is_same_folder


def photos(root: Path) -> Path:
    """Class folders of 8 x 8 pictures, all different."""
    draw = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        for number in range(12):
            pixels = draw.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    return root


def names_of(root: Path) -> list[str]:
    with open_source(root) as source:
        return source.names()


def test_results_inside_a_set_are_left_out_and_said_once(
    tmp_path: Path, run: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    images = photos(tmp_path / "photos")
    before = names_of(images)
    results = images / "results"
    run("data", data_root=results, images=str(images))
    assert (results / "04_feature/augmentation_preview.png").exists()
    with caplog.at_level(logging.INFO):
        assert names_of(images) == before
        assert names_of(images) == before
    assert caplog.text.count("left out, as they are results of RegBench") == 1
    assert str(results) in caplog.text
    again = images / "again"
    run("data", data_root=again, images=str(images))  # beside the other results
    classes = (again / "02_intermediate/classes.json").read_text()
    assert "cat" in classes
    assert "results" not in classes
    # Those of a version that wrote no mark are known by their folders.
    (results / MARKER).unlink()
    shutil.rmtree(results / ".runs")
    assert names_of(images) == before


def test_one_folder_for_both_stops_before_anything_is_written(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    images = photos(tmp_path / "photos")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsError, match=r"^data_root: .*photos is the set of images itself"):
        run("data", data_root=images, images=f"{images}/")
    assert sorted(tmp_path.rglob("*")) == before


def test_images_inside_the_folder_of_results_are_read(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    root = tmp_path / "all"
    images = photos(root / "01_raw/photos")
    for _ in range(2):  # the second time beside results
        run("data", data_root=root, images=str(images))
        assert len(names_of(images)) == 24
    assert "dog" in (root / "02_intermediate/classes.json").read_text()


def test_results_beside_a_set_in_one_folder_hide_no_layout(tmp_path: Path) -> None:
    photos(tmp_path / "set")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / MARKER).touch()
    (tmp_path / "note.txt").touch()
    with open_source(tmp_path) as source:
        assert source.top_folder() is None
    (tmp_path / "note.txt").unlink()
    with open_source(tmp_path) as source:
        assert source.top_folder() == "set"


@pytest.mark.parametrize(
    ("folders", "files", "held"),
    [
        ([], [MARKER], True),
        (["04_feature", ".runs"], [], True),
        ([*LAYERS], [], True),
        (["08_reporting"], [], False),  # may well be a class
        (["cat", "dog", ".runs"], ["a.png"], False),
        ([], [], False),
    ],
)
def test_is_known_by_names(folders: list[str], files: list[str], held: bool) -> None:
    assert holds_results(folders, files) == held


@pytest.mark.parametrize(
    ("images", "data_root", "same"),
    [
        ("photos", "photos/", True),
        ("photos", "/base/x/../photos", True),
        ("file:///base/photos", "photos", True),
        ("photos", "photos/results", False),
        ("data/01_raw/photos", "data", False),
        ("s3://bucket/photos", "s3://bucket/photos/", True),
        ("s3://bucket/photos", "s3://bucket/results", False),
        ("s3://bucket/photos", "photos", False),
    ],
)
def test_one_folder_is_seen_however_it_is_written(images: str, data_root: str, same: bool) -> None:
    assert is_same_folder(images, data_root, Path("/base")) == same
