"""Files that are damaged or hold something else are named, and only they are made again."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import COMPARED
from tests.runs.freshness.data_root import ONE_SEED, Run, changed, comparison, made_at

from regbench.errors import StudyError


@pytest.mark.parametrize(
    "file",
    [
        "04_feature/data_fingerprint.json",
        "06_models/l2/seed_1_fingerprint.json",
        "07_model_output/l2/seed_1/metrics.json",
        "07_model_output/l2/results.zip",
    ],
)
def test_what_is_damaged_is_named_and_made_again(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture, file: str
) -> None:
    before = comparison(root)
    content = (root / file).read_bytes()
    (root / file).write_bytes(content[: len(content) // 2])
    resume("reporting", selection=COMPARED)
    assert re.search(rf"{root / file}( is|: not as .*,) damaged", caplog.text)
    timed = ["seconds", "inference_seconds"]
    pd.testing.assert_frame_equal(comparison(root).drop(columns=timed), before.drop(columns=timed))
    assert (root / file).stat().st_size > len(content) // 2


def test_prepared_data_that_were_damaged_are_made_again_and_nothing_is_trained(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = made_at(root)
    prepared = {
        name: (root / name).read_bytes()
        for name in ("02_intermediate/images.npy", "03_primary/split_index.parquet")
    }
    images, index = prepared.values()
    flipped = images[:-100] + bytes([images[-100] ^ 1]) + images[-99:]  # as long as before
    (root / "02_intermediate/images.npy").write_bytes(flipped)
    resume()
    assert "images.npy: not as" in caplog.text
    (root / "03_primary/split_index.parquet").write_bytes(index[:-100])
    resume()
    assert "split_index.parquet: not as" in caplog.text
    assert {name: (root / name).read_bytes() for name in prepared} == prepared
    assert made_at(root) == before


@pytest.mark.parametrize(
    ("file", "read_for", "made_again"),
    [
        ("07_model_output/l2/seed_1/predictions.parquet", "results.zip", set()),
        ("06_models/l2/seed_1.keras", "seed_1/metrics.json", {"l2/seed_1"}),
    ],
)
def test_a_damaged_training_is_made_again_where_it_has_to_be_read(
    root: Path,
    resume: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    file: str,
    read_for: str,
    made_again: set[str],
) -> None:
    content = (root / file).read_bytes()
    half = len(content) // 2
    (root / file).write_bytes(content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :])
    before = made_at(root)
    (root / "07_model_output/l2" / read_for).unlink()
    resume()
    assert f"{root / file} is damaged" in caplog.text
    assert changed(before, made_at(root)) == made_again
    if file.endswith("parquet"):
        assert (root / file).read_bytes() == content


# What prepared files are replaced by: files that can be read, of something else.
FOREIGN = {
    "02_intermediate/images.npy": "04_feature/corrupted_images.npy",
    "02_intermediate/image_index.parquet": "07_model_output/l2/seed_1/predictions.parquet",
    "02_intermediate/rejected_images.csv": "07_model_output/l2/seed_1/history.csv",
    "02_intermediate/classes.json": "07_model_output/l2/seed_1/metrics.json",
    "02_intermediate/ingested_files.parquet": "07_model_output/l2/seed_1/predictions.parquet",
    "03_primary/split_index.parquet": "07_model_output/l2/seed_1/predictions.parquet",
    "03_primary/duplicate_images.csv": "07_model_output/l2/seed_1/history.csv",
    "04_feature/normalization.json": "07_model_output/l2/seed_1/metrics.json",
    "04_feature/zca.npz": "06_models/zca/seed_1_best_epoch.npz",
    "04_feature/augmentation.json": "07_model_output/l2/seed_1/metrics.json",
    "04_feature/corrupted_images.npy": "02_intermediate/images.npy",
    "04_feature/corrupted_rows.json": "07_model_output/l2/seed_1/metrics.json",
    "04_feature/data_fingerprint.json": "07_model_output/l2/seed_1/metrics.json",
}
OF_THE_REPORT = (
    *("02_intermediate/images.npy", "rejected_images.csv", "classes.json", "split_index.parquet"),
    "data_fingerprint.json",
)


def test_prepared_files_with_other_content_are_made_again_and_nothing_is_trained(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = made_at(root)
    prepared = {file: (root / file).read_bytes() for file in FOREIGN}
    for file, other in {name: (root / name).read_bytes() for name in FOREIGN.values()}.items():
        for name in (name for name, foreign in FOREIGN.items() if foreign == file):
            (root / name).write_bytes(other)
    resume()
    for file in FOREIGN:
        assert str(root / file) in caplog.text
    assert {file: (root / file).read_bytes() for file in FOREIGN} == prepared
    assert made_at(root) == before


@pytest.mark.parametrize(
    "file",
    [
        *(name for name in FOREIGN if name.endswith(OF_THE_REPORT)),
        "04_feature/prepared_files.json",
    ],
)
def test_the_report_takes_no_prepared_file_with_other_content(
    root: Path, run: Run, file: str
) -> None:
    other = FOREIGN.get(file, "07_model_output/l2/seed_1/metrics.json")
    shutil.copy(root / other, root / file)
    with pytest.raises(StudyError) as error:
        run("reporting", protocol=ONE_SEED)
    assert file in error.value.message
    assert re.search("--pipelines=data --only-missing-outputs prepares", error.value.message)


def test_prepared_files_that_nobody_has_recorded_are_made_again(
    root: Path, run: Run, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = made_at(root)
    record = root / "04_feature/prepared_files.json"
    recorded = record.read_text()
    record.unlink()
    with pytest.raises(
        StudyError,
        match=r"of the prepared images prepared_files: not there yet; .*--pipelines=data",
    ):
        run("reporting", protocol=ONE_SEED)
    resume()
    assert "no record of the prepared files" in caplog.text
    assert record.read_text() == recorded
    record.write_text(recorded[: len(recorded) // 2])
    with pytest.raises(StudyError, match=r"prepared_files\.json: damaged.*--pipelines=data"):
        run("reporting", protocol=ONE_SEED)
    record.write_text(recorded.replace('"classes": "', '"classes": "0'))
    resume()
    assert "prepared_files.json: damaged, or changed" in caplog.text
    assert record.read_text() == recorded
    assert made_at(root) == before


def test_a_part_of_the_data_made_again_as_it_was_is_recorded_and_another_is_not(
    root: Path, run: Run, resume: Callable[..., None]
) -> None:
    before, record = made_at(root), root / "04_feature/prepared_files.json"
    recorded = record.read_text()
    parts: dict[str, Any] = {
        "protocol": ONE_SEED,
        "selection": {"node_names": ["data.build_augmentation"]},
    }
    run("data", **parts)
    assert record.read_text() == recorded
    run("reporting", protocol=ONE_SEED, selection=COMPARED)
    run("data", **parts, augmentation={"rotation": 1})
    with pytest.raises(StudyError, match=r"augmentation\.json: not as .*prepared_files\.json"):
        run("augmentation", protocol=ONE_SEED, selection={"namespaces": ["augmentation"]})
    resume()
    assert record.read_text() == recorded
    assert changed(before, made_at(root)) == set()


def test_a_selection_that_ends_before_the_record_makes_one(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {
        "protocol": ONE_SEED,
        "selection": {"to_outputs": ["l2_results"]},
    }
    run("l2", **options)
    before = made_at(tmp_path / "data")
    run("l2", **options, only_missing_outputs=True)
    assert made_at(tmp_path / "data") == before
    assert "up to date" in caplog.text


def test_preparing_that_was_cut_off_trains_nothing_again(
    root: Path, resume: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_at(root)
    (root / "03_primary/duplicate_images.csv").write_text("changed\n")

    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("regbench.images.ingest.ingest_labeled", cut_off)
        with pytest.raises(KeyboardInterrupt):
            resume()
    resume()
    assert changed(before, made_at(root)) == set()


def _without_last_line(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


def _with_another_digit(content: bytes) -> bytes:
    return re.sub(rb"\.(\d)", lambda digit: b".%d" % ((int(digit[1]) + 1) % 10), content, count=1)


@pytest.mark.parametrize(
    ("file", "damage", "read_for", "trained_again"),
    [
        ("07_model_output/l2/seed_1/history.csv", _without_last_line, "results.zip", True),
        ("07_model_output/l2/seed_1/history.csv", _with_another_digit, "results.zip", True),
        ("07_model_output/l2/seed_1/metrics.json", _with_another_digit, "results.zip", False),
        ("06_models/l2/seed_1_fingerprint.json", _with_another_digit, "results.zip", True),
        ("06_models/l2/seed_1_best_epoch.npz", None, "seed_1/metrics.json", True),
        ("07_model_output/l2/seed_1/predictions.parquet", None, "results.zip", False),
    ],
)
def test_a_file_of_a_training_that_holds_something_else_is_made_again(
    root: Path,
    resume: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    file: str,
    damage: Callable[[bytes], bytes] | None,
    read_for: str,
    trained_again: bool,
) -> None:
    before = made_at(root)
    path = root / file
    content = path.read_bytes()
    others = {".npz": root / "04_feature/zca.npz", ".parquet": Path(str(path).replace("l2", "zca"))}
    path.write_bytes(damage(content) if damage else others[path.suffix].read_bytes())
    assert path.read_bytes() != content
    (root / "07_model_output/l2" / read_for).unlink()
    resume()
    assert re.search(rf"{path}( is|:) damaged", caplog.text)
    assert changed(before, made_at(root)) == ({"l2/seed_1"} if trained_again else set())
    if path.suffix != ".npz":
        assert re.sub(rb"\d+", b"", path.read_bytes()) == re.sub(rb"\d+", b"", content)


def test_a_file_of_the_report_that_was_damaged_is_made_again(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    resume("reporting")
    caplog.clear()
    files = ("08_reporting/comparison.csv", "08_reporting/gaps.png", "09_history/alarms.json")
    content = {file: (root / file).read_bytes() for file in files}
    for file in files:
        (root / file).write_bytes(content[file][:-3])
    resume("reporting")
    for file in files:
        assert str(root / file) in caplog.text
    assert {file: (root / file).read_bytes() for file in files} == content
    (root / "08_reporting/report_made_from.json").write_text('{"files": {}}')
    resume("reporting", selection=COMPARED)
    assert "report_made_from.json: damaged, or changed" in caplog.text
