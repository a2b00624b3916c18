"""Datasets made from other settings, images or code are told apart; only they are made again."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import COMPARED
from tests.runs.freshness.data_root import ONE_SEED, Run, changed, comparison, made_at

from regbench.errors import StudyError
from regbench.study import code, fingerprints


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
    resume("reporting", reporting={"equivalence_band": 5.0})
    changed_files = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {path.parent.name for path in changed_files} == {"08_reporting", "09_history", "reports"}
    assert json.loads((root / "08_reporting/made_from.json").read_text())["equivalence_band"] == 5.0


def test_another_metric_decides_and_nothing_is_trained(
    root: Path, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    resume(reporting={"metric": "cross_entropy"})  # of the trainings, none is stale
    resume("reporting", reporting={"metric": "cross_entropy"}, selection=COMPARED)
    assert made_at(root) == before
    comparison = pd.read_csv(root / "08_reporting/comparison.csv")
    assert set(comparison["metric"]) == {"cross_entropy"}
    assert comparison["test_cross_entropy"].dropna().is_monotonic_increasing  # the best first


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
    run("reporting", protocol=ONE_SEED, selection=COMPARED, **stronger)
    table = comparison(root)
    assert table.loc["l2", "status"] == "stale"
    assert pd.isna(table.loc["l2", "test_accuracy"])
    assert table.loc[["baseline", "zca"], "status"].tolist() == ["trained", "trained"]
    printed = capsys.readouterr().out
    assert "l2 is stale; changed since: the technique's settings." in printed
    assert "techniques.l2.l2=0.01" in printed
    assert "--only-missing-outputs trains what is stale or missing." in printed
    resume("reporting", selection=COMPARED, **stronger)
    assert changed(before, made_at(root)) == {"l2/seed_1"}
    assert comparison(root).loc["l2", "status"] == "trained"


def test_report_settings_make_nothing_stale(root: Path, resume: Callable[..., None]) -> None:
    before = made_at(root)
    published = {"l2": {"accuracy": 0.9, "claim": "helps", "says": "better"}}
    settings = {"equivalence_band": 5.0, "published": published}
    resume("reporting", reporting=settings, selection=COMPARED)
    assert made_at(root) == before
    table = comparison(root)
    assert table.loc["l2", "published_accuracy"] == 0.9
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("trained").all()


def test_a_changed_protocol_makes_all_trainings_stale(
    root: Path, run: Run, resume: Callable[..., None]
) -> None:
    before = made_at(root)
    longer = {**ONE_SEED, "epochs": 3}
    run("reporting", protocol=longer, selection=COMPARED)
    table = comparison(root)
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("stale").all()
    assert table.loc["l2", "reason"] == "changed since: the protocol"
    resume("reporting", protocol=longer, selection=COMPARED)
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
    resume("reporting", protocol={"seeds": [1, 2]}, selection=COMPARED)
    assert changed(before, made_at(root)) == {"baseline/seed_2", "l2/seed_2", "zca/seed_2"}
    assert comparison(root).loc[["baseline", "l2", "zca"], "trainings"].tolist() == [2, 2, 2]


def test_fewer_seeds_leave_the_others_out(root: Path, resume: Callable[..., None]) -> None:
    resume(protocol={"seeds": [1, 2]})
    before = made_at(root)
    resume("reporting", protocol={"seeds": [2]}, selection=COMPARED)
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
    run("reporting", protocol=ONE_SEED, selection=COMPARED)
    assert comparison(root).loc["l2", "reason"].startswith("changed since: the images")


def test_the_report_alone_notices_other_images(
    root: Path, small_set: Path, tmp_path: Path, run: Run
) -> None:
    changed_set = tmp_path / "changed"
    shutil.copytree(small_set, changed_set)
    one, other, *_ = sorted((changed_set / "Train/Images/train").iterdir())
    one.write_bytes(other.read_bytes())
    run("reporting", protocol=ONE_SEED, images=str(changed_set), selection=COMPARED)
    table = comparison(root)
    assert table.loc[["baseline", "l2", "zca"], "status"].eq("stale").all()
    assert table.loc["l2", "reason"] == "changed since: the images"


def test_the_report_goes_without_images_that_are_gone(
    root: Path, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run("reporting", protocol=ONE_SEED, images=str(tmp_path / "gone"), selection=COMPARED)
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
    with pytest.raises(
        StudyError, match=r"no images are prepared there; .*--pipelines=data prepares them"
    ):
        run("reporting")


def _change_code(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Have one module's source read as if a statement had been added."""
    read = code._source
    monkeypatch.setattr(
        code, "_source", lambda name: read(name) + ("\nX = 1\n" if name == module else "")
    )
    monkeypatch.setattr(code, "statements_of", code.statements_of.__wrapped__)
    monkeypatch.setattr(fingerprints, "digest_of_code", code.digest_of_code.__wrapped__)
