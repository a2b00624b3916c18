"""What is made from other settings, images or code is told apart, and only that is made again."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.study import code, fingerprints

Run = Callable[..., dict[str, Any]]
ONE_SEED = {"seeds": [1]}


def comparison(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")


def made_at(root: Path) -> dict[str, int]:
    """When each network was written, by technique and seed."""
    networks = sorted((root / "06_models").glob("*/*.keras"))
    return {f"{path.parent.name}/{path.stem}": path.stat().st_mtime_ns for path in networks}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name, time in after.items() if before.get(name) != time}


@pytest.fixture(scope="module")
def trained_root(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with baseline, l2 and zca trained and compared."""
    root = tmp_path_factory.mktemp("trained") / "data"
    run_in(root, "baseline", "l2", "zca", "reporting", protocol=ONE_SEED)
    return root


@pytest.fixture
def root(trained_root: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(trained_root, copy)
    return copy


@pytest.fixture
def resume(run: Run) -> Callable[..., None]:
    """Bring three techniques up to date."""

    def resume_study(*also: str, **options: Any) -> None:
        options.setdefault("protocol", ONE_SEED)
        run("baseline", "l2", "zca", *also, only_missing_outputs=True, **options)

    return resume_study


def test_nothing_changed_and_nothing_is_trained(root: Path, resume: Callable[..., None]) -> None:
    before = made_at(root)
    images = (root / "02_intermediate/images.npy").stat().st_mtime_ns
    resume()
    assert made_at(root) == before
    assert (root / "02_intermediate/images.npy").stat().st_mtime_ns == images


def test_a_report_is_made_again_only_if_what_it_was_made_from_changed(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    resume("reporting")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.*") if path.is_file()}
    caplog.clear()
    resume("reporting")
    assert re.search(r"up to date: images .*, 3 techniques x 1 seeds, report", caplog.text)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    resume("reporting", reporting={"equivalence_band": 0.5})
    changed_files = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {path.parent.name for path in changed_files} == {"08_reporting", "09_history", "reports"}
    assert json.loads((root / "08_reporting/made_from.json").read_text())["equivalence_band"] == 0.5


def test_a_failed_evaluation_is_tried_again(root: Path, resume: Callable[..., None]) -> None:
    before = made_at(root)
    file = root / "07_model_output/l2/seed_1/metrics.json"
    metrics = json.loads(file.read_text())
    file.write_text(json.dumps(metrics | {"status": "failed", "reason": "killed"}))
    resume()
    assert made_at(root) == before
    assert json.loads(file.read_text())["status"] == "trained"


def test_a_changed_technique_makes_only_its_own_trainings_stale(
    root: Path, run: Run, resume: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = made_at(root)
    stronger = {"techniques": {"l2": {"l2": 0.01}}}
    run("reporting", protocol=ONE_SEED, **stronger)
    table = comparison(root)
    assert table.loc["l2", "status"] == "stale"
    assert pd.isna(table.loc["l2", "test_accuracy"])
    assert table.loc[["baseline", "zca"], "status"].tolist() == ["trained", "trained"]
    printed = capsys.readouterr().out
    assert "l2 is stale; changed since: the technique's settings." in printed
    assert "techniques.l2.l2=0.01" in printed
    assert "--only-missing-outputs trains what is stale or missing." in printed
    resume("reporting", **stronger)
    assert changed(before, made_at(root)) == {"l2/seed_1"}
    assert comparison(root).loc["l2", "status"] == "trained"


def test_report_settings_make_nothing_stale(root: Path, resume: Callable[..., None]) -> None:
    before = made_at(root)
    published = {"l2": {"accuracy": 0.9, "claim": "helps", "says": "better"}}
    resume("reporting", reporting={"equivalence_band": 0.5, "published": published})
    assert made_at(root) == before
    table = comparison(root)
    assert table.loc["l2", "published_accuracy"] == 0.9
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("trained").all()


def test_a_changed_protocol_makes_all_trainings_stale(
    root: Path, run: Run, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    longer = {**ONE_SEED, "epochs": 3}
    run("reporting", protocol=longer)
    table = comparison(root)
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("stale").all()
    assert table.loc["l2", "reason"] == "changed since: the protocol"
    resume("reporting", protocol=longer)
    assert changed(before, made_at(root)) == {"baseline/seed_1", "l2/seed_1", "zca/seed_1"}
    assert (comparison(root).loc[["baseline", "l2", "zca"], "epochs"] == 3).all()


def test_a_changed_whitening_makes_only_whitened_trainings_stale(
    root: Path, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    whitening = (root / "04_feature/zca.npz").read_bytes()
    images = (root / "02_intermediate/images.npy").stat().st_mtime_ns
    resume(zca={"epsilon": 0.1})
    assert changed(before, made_at(root)) == {"zca/seed_1"}
    assert (root / "04_feature/zca.npz").read_bytes() != whitening
    assert (root / "02_intermediate/images.npy").stat().st_mtime_ns == images


def test_one_more_seed_trains_only_that_seed(root: Path, resume: Callable[..., None]) -> None:
    before = made_at(root)
    resume("reporting", protocol={"seeds": [1, 2]})
    assert changed(before, made_at(root)) == {"baseline/seed_2", "l2/seed_2", "zca/seed_2"}
    assert comparison(root).loc[["baseline", "l2", "zca"], "trainings"].tolist() == [2, 2, 2]


def test_fewer_seeds_leave_the_others_out(root: Path, resume: Callable[..., None]) -> None:
    resume(protocol={"seeds": [1, 2]})
    before = made_at(root)
    resume("reporting", protocol={"seeds": [2]})
    assert made_at(root) == before
    assert comparison(root).loc[["baseline", "l2", "zca"], "trainings"].tolist() == [1, 1, 1]


def test_changed_images_make_everything_stale(
    root: Path, small_set: Path, tmp_path: Path, run: Run, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    changed_set = tmp_path / "changed"
    shutil.copytree(small_set, changed_set)
    one, other, *_ = sorted((changed_set / "Train/Images/train").iterdir())
    one.write_bytes(other.read_bytes())
    resume(images=str(changed_set))
    assert changed(before, made_at(root)) == set(before)
    # Data that another command has made again are noticed by the report, too.
    run("data", protocol=ONE_SEED)
    run("reporting", protocol=ONE_SEED)
    assert comparison(root).loc["l2", "reason"].startswith("changed since: the images")


def test_the_report_alone_notices_other_images(
    root: Path, small_set: Path, tmp_path: Path, run: Run
) -> None:
    changed_set = tmp_path / "changed"
    shutil.copytree(small_set, changed_set)
    one, other, *_ = sorted((changed_set / "Train/Images/train").iterdir())
    one.write_bytes(other.read_bytes())
    run("reporting", protocol=ONE_SEED, images=str(changed_set))
    table = comparison(root)
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("stale").all()
    assert table.loc["l2", "reason"] == "changed since: the images"


def test_the_report_goes_without_images_that_are_gone(
    root: Path, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run("reporting", protocol=ONE_SEED, images=str(tmp_path / "gone"))
    assert comparison(root).loc["l2", "status"] == "trained"
    assert "gone' does not exist; what follows is of the images that were read" in caplog.text


def test_images_that_were_only_touched_are_the_same(
    root: Path, small_set: Path, tmp_path: Path, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    moved = tmp_path / "moved"
    shutil.copytree(small_set, moved)
    for path in (moved / "Train/Images/train").iterdir():
        os.utime(path)
    resume(images=str(moved))
    assert made_at(root) == before


def test_changed_training_code_makes_all_trainings_stale(
    root: Path,
    resume: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = made_at(root)
    _change_code(monkeypatch, "regbench.training.train")
    resume()
    assert changed(before, made_at(root)) == set(before)
    (line,) = [r.message for r in caplog.records if "are made again, since" in r.message]
    number = len(before)
    assert line == (
        f"{number} stored trainings are made again, since these have changed: the code that trains"
    )


def test_changed_evaluation_code_evaluates_again_and_trains_nothing(
    root: Path, resume: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_at(root)
    metrics = root / "07_model_output/l2/seed_1/metrics.json"
    evaluated = metrics.stat().st_mtime_ns
    _change_code(monkeypatch, "regbench.evaluation.pruning")
    resume()
    assert made_at(root) == before
    assert metrics.stat().st_mtime_ns > evaluated


def test_a_network_without_its_fingerprint_is_trained_again(
    root: Path, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    (root / "06_models/l2/seed_1_fingerprint.json").unlink()
    resume()
    assert changed(before, made_at(root)) == {"l2/seed_1"}


def test_a_network_of_another_training_is_trained_again_and_others_are_not(
    root: Path, resume: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = made_at(root)
    shutil.copy(root / "06_models/zca/seed_1.keras", root / "06_models/l2/seed_1.keras")
    (root / "07_model_output/l2/seed_1/metrics.json").unlink()
    resume()
    assert f"{root / '06_models/l2/seed_1.keras'} is damaged" in caplog.text
    assert changed(before, made_at(root)) == {"l2/seed_1"}


def test_prediction_takes_no_stale_network(root: Path, run: Run) -> None:
    with pytest.raises(StudyError, match="no technique is up to date"):
        run("prediction", protocol={**ONE_SEED, "epochs": 3})
    with pytest.raises(StudyError, match=r"l2 is stale \(changed since: the technique's settings"):
        run(
            "prediction",
            protocol=ONE_SEED,
            techniques={"l2": {"l2": 0.5}},
            prediction={"technique": "l2"},
        )


def test_prediction_takes_no_network_but_the_one_that_was_evaluated(root: Path, run: Run) -> None:
    shutil.copy(root / "06_models/baseline/seed_1.keras", root / "06_models/l2/seed_1.keras")
    said = "the network l2/seed_1 is not the one that was evaluated; .*--pipelines=l2 trains it"
    with pytest.raises(StudyError, match=said):
        run("prediction", protocol=ONE_SEED, prediction={"technique": "l2"})
    assert not (root / "07_model_output/unlabeled_predictions.csv").exists()


def test_metrics_carry_the_fingerprint_of_data_settings_and_code(root: Path) -> None:
    metrics = json.loads((root / "07_model_output/l2/seed_1/metrics.json").read_text())
    data = json.loads((root / "04_feature/data_fingerprint.json").read_text())
    assert metrics["fingerprint"].keys() >= fingerprints.COMPONENTS.keys()
    assert metrics["fingerprint"]["data"] == data["data"]


def test_a_report_without_prepared_images_says_what_prepares_them(run: Run) -> None:
    with pytest.raises(StudyError, match=r"images.*--pipelines=data prepares the images"):
        run("reporting")


def _change_code(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Have one module's source read as if a statement had been added."""
    read = code._source
    monkeypatch.setattr(
        code, "_source", lambda name: read(name) + ("\nX = 1\n" if name == module else "")
    )
    monkeypatch.setattr(code, "statements_of", code.statements_of.__wrapped__)
    monkeypatch.setattr(fingerprints, "digest_of_code", code.digest_of_code.__wrapped__)


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
    resume("reporting")
    assert re.search(rf"{root / file}( is|: not as .*,) damaged", caplog.text)
    pd.testing.assert_frame_equal(
        comparison(root).drop(columns="seconds"), before.drop(columns="seconds")
    )
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
    with pytest.raises(StudyError, match=r"prepared_files: not there yet; .*--pipelines=data"):
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
    run("reporting", protocol=ONE_SEED)
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
    resume("reporting")
    assert "report_made_from.json: damaged, or changed" in caplog.text
