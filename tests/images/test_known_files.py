"""Incremental ingestion gives the same result as a full one."""

import io
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from regbench.datasets.array_dataset import ArrayDataset
from regbench.datasets.atomic import ParquetDataset
from regbench.datasets.optional import EarlierIngestionDataset
from regbench.images import batch_decoder
from regbench.images.ingest import LabeledImages, ingest_labeled
from regbench.images.known_files import EarlierIngestion
from regbench.images.sources.open import open_source
from regbench.study.schema import Ingest

PARAMETERS = Path(__file__).parents[2] / "conf/base/parameters_data.yml"
DEFAULTS: dict[str, Any] = yaml.safe_load(PARAMETERS.read_text())["ingest"]
CLASS_FOLDERS = {"layout": "class_folders", "size": 3, "mode": "L", "max_rejected": 1}
BROKEN = b"no picture"


def ingest_settings(**changes: Any) -> Ingest:
    return Ingest.model_validate(DEFAULTS | CLASS_FOLDERS | changes)


def picture(value: int, side: int = 3) -> bytes:
    """Return a square PNG; one of another side than 3 is resized and not decoded in batches."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def read(
    path: Path, earlier: EarlierIngestion | None = None, how: Ingest | None = None
) -> LabeledImages:
    with open_source(path) as source:
        return ingest_labeled(source, how or ingest_settings(), earlier)


def earlier_of(ingested: LabeledImages) -> EarlierIngestion:
    return EarlierIngestion(ingested.files, lambda: ingested.images)


def assert_same(one: LabeledImages, other: LabeledImages) -> None:
    assert one.images.tobytes() == other.images.tobytes()
    assert one.images.shape == other.images.shape
    assert one.classes == other.classes
    for table in ("index", "rejected", "files"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every decoded row is appended."""
    rows: list[int] = []
    original = batch_decoder.BatchDecoder.put

    def record(self: Any, row: int, data: Any) -> str | None:
        rows.append(row)
        return original(self, row, data)

    monkeypatch.setattr(batch_decoder.BatchDecoder, "put", record)
    return rows


FILES = {f"{label}/{n}.png": picture(10 * n + label) for label in range(2) for n in range(4)}
CONTENTS = st.one_of(
    st.integers(0, 5).map(picture), st.integers(0, 3).map(lambda n: picture(n, 5)), st.just(BROKEN)
)
NAMES = st.builds("{}/{}.png".format, st.sampled_from("abc"), st.integers(0, 5))
CHANGES = st.lists(st.dictionaries(NAMES, st.none() | CONTENTS, max_size=6), min_size=1, max_size=5)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(CHANGES, st.sampled_from([write_folder, write_zip]), st.data())
def test_any_changes_one_after_another_lead_to_what_is_read_from_scratch(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[dict[str, bytes | None]],
    write: Callable[[Path, dict[str, bytes]], Path],
    data: st.DataObject,
) -> None:
    """Pictures are added, changed, removed, renamed, moved between classes, and damaged."""
    root = tmp_path_factory.mktemp("sets")
    files = {"a/kept.png": picture(90), "b/kept.png": picture(91)}
    earlier: EarlierIngestion | None = None
    for number, change in enumerate(changes):
        files = {name: content for name, content in {**files, **change}.items() if content}
        moved = data.draw(st.sampled_from(sorted(files)))
        if not moved.endswith("kept.png"):
            files[data.draw(NAMES)] = files.pop(moved)
        how = ingest_settings(
            size=data.draw(st.sampled_from([3, 3, 3, 4])),
            duplicates=data.draw(st.sampled_from(["keep", "drop"])),
        )
        path = write(root / f"{number}.zip", files)
        ingested = read(path, earlier, how)
        assert_same(ingested, read(path, how=how))
        earlier = earlier_of(ingested)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_only_what_is_new_or_changed_is_decoded(
    write: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, decoded: list[int]
) -> None:
    before = read(write(tmp_path / "before.zip", FILES | {"0/broken.png": BROKEN}))
    assert len(decoded) == 9
    decoded.clear()
    changed = {**FILES, "0/broken.png": BROKEN, "0/1.png": picture(77), "1/new.png": picture(78)}
    after = read(write(tmp_path / "after.zip", changed), earlier_of(before))
    assert after.index["filename"].iloc[decoded].tolist() == ["0/1.png", "1/new.png"]
    assert after.rejected["filename"].tolist() == ["0/broken.png"]


def test_new_pictures_of_a_zip_are_all_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(write_zip(tmp_path / "before.zip", FILES))
    names: list[str] = []
    with open_source(write_zip(tmp_path / "after.zip", {**FILES, "1/new.png": BROKEN})) as source:
        content = source.read
        monkeypatch.setattr(source, "read", lambda n, limit: names.append(n) or content(n, limit))
        ingest_labeled(source, ingest_settings(), earlier_of(before))
    assert names == ["1/new.png"]


def test_other_labels_are_picked_up_and_nothing_is_decoded(
    tmp_path: Path, decoded: list[int]
) -> None:
    table = "filename,label\n" + "".join(f"{name},{name[0]}\n" for name in FILES)
    files = {"labels.csv": table.encode(), **FILES}
    how = ingest_settings(layout="label_file", label_file="labels.csv", image_folder="")
    before = read(write_zip(tmp_path / "before.zip", files), how=how)
    decoded.clear()
    files["labels.csv"] = table.replace("0/1.png,0", "0/1.png,1").encode()
    after = read(write_zip(tmp_path / "after.zip", files), earlier_of(before), how)
    assert not decoded
    assert after.index.set_index("filename").loc["0/1.png", "label"] == "1"


def test_other_decoding_settings_or_code_count_as_nothing_known(
    tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_folder(tmp_path, FILES)
    before = read(path)
    for changed in ({"size": 4}, {"mode": "RGB"}, {"background": "white"}, {"max_pixels": 99}):
        decoded.clear()
        assert_same(
            read(path, earlier_of(before), ingest_settings(**changed)),
            read(path, how=ingest_settings(**changed)),
        )
        assert len(decoded) == 2 * len(FILES)
    decoded.clear()
    monkeypatch.setattr(
        "regbench.study.fingerprints.digest_of_decoding", lambda _: "another version"
    )
    read(path, earlier_of(before))
    assert len(decoded) == len(FILES)


def other_pixels(images: np.ndarray, files: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    return np.where(images == images[0, 0, 0], images + 1, images).astype(np.uint8), files


DAMAGES: dict[str, Callable[[np.ndarray, pd.DataFrame], tuple[Any, pd.DataFrame]]] = {
    "other pixels": other_pixels,
    "other shape": lambda images, files: (images[:, :2], files),
    "other type": lambda images, files: (images.astype(np.float32), files),
    "fewer images": lambda images, files: (images[:3], files),
    "images in another order": lambda images, files: (images[::-1].copy(), files),
    "other rows": lambda images, files: (images, files.assign(row=files["row"].to_numpy()[::-1])),
    "another table": lambda images, files: (images, files.drop(columns="pixels")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_record_leads_to_the_same_images(damage: str, tmp_path: Path) -> None:
    path = write_folder(tmp_path, FILES | {"0/broken.png": BROKEN})
    before = read(path)
    images, files = DAMAGES[damage](before.images, before.files)
    assert_same(read(path, EarlierIngestion(files, lambda: images)), before)


def test_the_dataset_gives_what_was_stored_and_goes_without_what_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, decoded: list[int]
) -> None:
    path = write_folder(tmp_path / "set", FILES)
    record, array = tmp_path / "files.parquet", tmp_path / "images.npy"
    stored = EarlierIngestionDataset(filepath=str(record), images=str(array))
    assert stored.load() is None
    ingested = read(path)
    ParquetDataset(filepath=str(record)).save(ingested.files)
    ArrayDataset(filepath=str(array)).save(ingested.images)
    decoded.clear()
    assert_same(read(path, stored.load()), ingested)
    assert not decoded
    array.write_bytes(array.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        assert_same(read(path, stored.load()), ingested)
    assert f"{array} is damaged" in caplog.text
    record.write_bytes(record.read_bytes()[:-9])
    assert stored.load() is None
    assert f"{record} is damaged" in caplog.text
