"""Whole studies through Kedro sessions, as a person runs them."""

import errno
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score
from tests.conftest import COMPARED, REPORTED

from regbench.errors import FailedTrainingsError, StudyError
from regbench.evaluation.corruption import CORRUPTIONS
from regbench.runs.runner import StudyRunner

TECHNIQUES = [
    "baseline",
    "l2",
    "l1",
    "dropout",
    "augmentation",
    "zca",
    "zca_dropout",
    "early_stopping",
    "batch_normalization",
    "dropout_augmentation",
]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of one whole study of all ten techniques."""
    root = tmp_path_factory.mktemp("study") / "data"
    run_in(root, runner=StudyRunner())
    return root


def metrics(root: Path, technique: str, seed: int) -> dict[str, Any]:
    path = root / f"07_model_output/{technique}/seed_{seed}/metrics.json"
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def predictions(root: Path, technique: str, seed: int) -> pd.DataFrame:
    return pd.read_parquet(root / f"07_model_output/{technique}/seed_{seed}/predictions.parquet")


def comparison(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")


def test_every_technique_has_a_row_and_figures(study: Path) -> None:
    table = comparison(study)
    assert sorted(table.index) == sorted(TECHNIQUES)
    assert (table["status"] == "trained").all()
    assert table["test_accuracy"].is_monotonic_decreasing
    assert table.drop(index="baseline")["difference"].notna().all()
    assert pd.isna(table.loc["baseline", "difference"])
    markdown = (study / "08_reporting/comparison.md").read_text()
    assert all(f"| {name} " in markdown for name in TECHNIQUES)


def test_accuracies_are_those_of_the_stored_predictions(study: Path) -> None:
    table = comparison(study)
    for technique in TECHNIQUES:
        accuracies: dict[str, list[float]] = {"validation": [], "test": []}
        for seed in (1, 2):
            stored, figures = predictions(study, technique, seed), metrics(study, technique, seed)
            for part, found in accuracies.items():
                rows = stored[stored["split"] == part]
                probabilities = np.stack(rows["probabilities"].to_numpy()).astype(float)
                probabilities /= probabilities.sum(axis=1, keepdims=True)
                found.append(accuracy_score(rows["label"], rows["predicted"]))
                assert figures[f"{part}_accuracy"] == pytest.approx(found[-1])
                assert figures[f"{part}_cross_entropy"] == pytest.approx(
                    log_loss(rows["label"], probabilities), rel=1e-4
                )
        for part, found in accuracies.items():
            assert table.loc[technique, f"{part}_accuracy"] == pytest.approx(np.mean(found))
            spread = table.loc[technique, f"{part}_accuracy_sd"]
            assert spread == pytest.approx(np.std(found, ddof=1))


def test_every_technique_is_judged_on_the_same_images(study: Path) -> None:
    split = pd.read_parquet(study / "03_primary/split_index.parquet")
    held_out = split[split["split"] != "train"]
    assert split["split"].value_counts().to_dict() == {"train": 210, "validation": 45, "test": 45}
    for technique in TECHNIQUES:
        stored = predictions(study, technique, 2).sort_values("filename")
        hardest = stored[stored["split"] == "train"]  # kept for the report
        assert hardest["filename"].nunique() == len(hardest) == 200
        stored = stored[stored["split"] != "train"]
        expected = held_out.sort_values("filename")
        assert stored["filename"].tolist() == expected["filename"].tolist()
        assert stored["label"].tolist() == expected["label"].tolist()


def test_a_network_is_a_file_that_keras_alone_can_use(study: Path) -> None:
    import keras

    network = keras.models.load_model(study / "06_models/zca_dropout/seed_1.keras")
    images = np.load(study / "02_intermediate/images.npy", mmap_mode="r")
    split = pd.read_parquet(study / "03_primary/split_index.parquet")
    classes = json.loads((study / "02_intermediate/classes.json").read_text())
    rows = np.flatnonzero(split["split"] == "test")
    probabilities = network.predict(images[rows], verbose=0)
    stored = predictions(study, "zca_dropout", 1)
    stored = stored[stored["split"] == "test"]
    assert stored["filename"].tolist() == split["filename"].iloc[rows].tolist()
    found = np.asarray(classes)[probabilities.argmax(axis=1)].tolist()
    assert found == stored["predicted"].tolist()


def test_pictures_are_drawn(study: Path) -> None:
    drawn = [
        study / "04_feature/augmentation_preview.png",
        study / "04_feature/corruption_preview.png",
        *(study / "08_reporting").glob("*.png"),
    ]
    assert {picture.stem for picture in drawn} == {
        *("augmentation_preview", "corruption_preview"),
        *("comparison", "confusion", "corruptions", "cost", "gaps"),
        *("interactions", "learning_curves", "pruning", "reliability"),
    }
    for picture in drawn:
        with Image.open(picture) as image:
            assert image.width > 300
            assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 10


def test_the_report_is_one_page_with_every_technique(study: Path) -> None:
    page = (study / "08_reporting/report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert len(page.encode()) < 6_000_000
    assert all(name in page for name in TECHNIQUES)
    fingerprint = json.loads((study / "04_feature/data_fingerprint.json").read_text())
    assert fingerprint["data"] in page
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)


def test_combined_techniques_are_held_against_the_sum_of_the_two(study: Path) -> None:
    table = pd.read_csv(study / "08_reporting/interactions.csv").set_index("both")
    assert list(table.index) == ["dropout_augmentation", "zca_dropout"]
    for both, row in table.iterrows():
        accuracy = {
            name: np.mean([metrics(study, name, seed)["test_accuracy"] for seed in (1, 2)])
            for name in ("baseline", row["one"], row["other"], str(both))
        }
        expected = accuracy[str(both)] - accuracy[row["one"]] - accuracy[row["other"]]
        assert row["interaction"] == pytest.approx(expected + accuracy["baseline"])
        assert row["verdict"] == "descriptive only"  # two seeds
    page = (study / "08_reporting/report.html").read_text()
    assert "Which techniques help each other" in page
    assert (study / "08_reporting/interactions.png").stat().st_size > 1000


def test_figures_beyond_accuracy_are_those_of_the_stored_predictions(study: Path) -> None:
    for technique in ("baseline", "zca_dropout"):
        stored, figures = predictions(study, technique, 1), metrics(study, technique, 1)
        test = stored[stored["split"] == "test"]
        assert figures["test_macro_f1"] == pytest.approx(
            f1_score(test["label"], test["predicted"], average="macro", zero_division=0)
        )
        recalls = recall_score(
            test["label"], test["predicted"], average=None, labels=sorted(figures["recall"])
        )
        assert list(figures["recall"].values()) == pytest.approx(recalls.tolist())
        assert figures["accuracy_under_corruption"].keys() == set(CORRUPTIONS)
        assert figures["accuracy_after_pruning"].keys() == {"0.5", "0.8", "0.9", "0.95"}


def test_the_baseline_is_paired_with_every_technique(study: Path) -> None:
    table = comparison(study)
    by_seed = {
        name: [metrics(study, name, seed)["test_accuracy"] for seed in (1, 2)]
        for name in TECHNIQUES
    }
    for name in set(TECHNIQUES) - {"baseline"}:
        differences = np.subtract(by_seed[name], by_seed["baseline"])
        assert table.loc[name, "difference"] == pytest.approx(differences.mean())
        assert table.loc[name, "verdict"] == "descriptive only"


def test_a_technique_alone_on_a_fresh_root(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("dropout")
    printed = capsys.readouterr().out
    assert "Results of dropout" in printed
    accuracy = metrics(tmp_path / "data", "dropout", 2)["test_accuracy"]
    assert f"{accuracy:.4f}" in printed
    assert not (tmp_path / "data/06_models/baseline").exists()
    assert not (tmp_path / "data/08_reporting").exists()


def test_reporting_alone_names_what_is_not_trained(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("baseline", "l2")
    run("reporting", selection=COMPARED)
    table = comparison(tmp_path / "data")
    assert table["status"].value_counts().to_dict() == {"not trained": 8, "trained": 2}
    printed = capsys.readouterr().out
    assert not re.search(r"^ *dropout ", printed, re.MULTILINE)  # named in the note alone
    assert "--pipelines=augmentation," in printed


def test_the_same_seed_gives_identical_predictions(run: Run, tmp_path: Path) -> None:
    # Dropout, augmentation and early stopping between them use every source of randomness.
    pipelines = ("dropout_augmentation", "early_stopping")
    for attempt in ("first", "second"):
        run(*pipelines, data_root=tmp_path / attempt, protocol={"seeds": [1]})
    for technique in pipelines:
        one, other = (predictions(tmp_path / a, technique, 1) for a in ("first", "second"))
        assert (
            np.stack(one["probabilities"]).tobytes() == np.stack(other["probabilities"]).tobytes()
        )


def test_only_what_is_missing_is_made_again(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "data"
    run("l2")
    kept = root / "06_models/l2/seed_1.keras"
    lost = root / "06_models/l2/seed_2.keras"
    before = {path: path.stat().st_mtime_ns for path in (kept, lost)}
    expected = predictions(root, "l2", 2)
    lost.unlink()
    (root / "07_model_output/l2/seed_2/metrics.json").unlink()
    run("l2", "reporting", only_missing_outputs=True, selection=COMPARED)
    assert kept.stat().st_mtime_ns == before[kept]
    assert lost.stat().st_mtime_ns > before[lost]
    pd.testing.assert_frame_equal(predictions(root, "l2", 2), expected)
    assert comparison(root).loc["l2", "status"] == "trained"


def test_a_yaml_entry_adds_a_technique(
    run: Run, own_conf: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kedro.framework.project import pipelines

    techniques = {"shifted_l2": {"combine": ["l2"], "augmentation": {"rotation": 0}}}
    conf = own_conf(parameters_techniques={"techniques": techniques})
    run("baseline", "shifted_l2", "reporting", conf=conf, selection=COMPARED)
    assert "shifted_l2.seed_2.train" in [node.name for node in pipelines["__default__"].nodes]
    assert comparison(tmp_path / "data").loc["shifted_l2", "status"] == "trained"
    assert "shifted_l2" in capsys.readouterr().out


def test_a_training_that_diverges_is_named_and_the_others_go_on(
    run: Run, own_conf: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = own_conf(parameters_techniques={"techniques": {"absurd": {"l2": 1e38}}})
    with pytest.raises(
        FailedTrainingsError, match=r"2 of the trainings failed: absurd seed 1 \(the loss"
    ):
        run(
            *("absurd", "baseline", "reporting"),
            conf=conf,
            runner=StudyRunner(max_workers=1),
            selection=COMPARED,
        )
    table = comparison(tmp_path / "data")
    assert table.loc["absurd", "status"] == "failed"
    assert table.loc["absurd", "reason"] == "the loss stopped being finite in epoch 1"
    assert table.loc["baseline", "status"] == "trained"
    assert table.index[0] == "baseline"
    assert re.search(r"absurd +failed", capsys.readouterr().out)
    assert metrics(tmp_path / "data", "absurd", 1)["status"] == "failed"
    assert predictions(tmp_path / "data", "absurd", 1).empty


def test_the_article_is_judged_on_validation_beside_its_own_figures(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"protocol": {"seeds": [1]}, "selection": REPORTED}
    run("baseline", "l1", "reporting", env="article", **options)
    split = pd.read_parquet(tmp_path / "data/03_primary/split_index.parquet")
    assert split["split"].tolist() == ["train"] * 210 + ["validation"] * 90
    table = comparison(tmp_path / "data")
    assert "test_accuracy" not in table
    assert table.loc["l1", "published_accuracy"] == 0.9667
    expected = table.loc["l1", "validation_accuracy"] - table.loc["baseline", "validation_accuracy"]
    assert table.loc["l1", "difference"] == pytest.approx(expected)
    assert "published" in capsys.readouterr().out
    claims = pd.read_csv(tmp_path / "data/08_reporting/published_claims.csv")
    l1 = claims.set_index("technique").loc["l1"]
    assert l1["claim"] == "L1 shows no improvement"
    assert l1["accuracy"] == pytest.approx(table.loc["l1", "validation_accuracy"])
    page = (tmp_path / "data/08_reporting/report.html").read_text()
    assert "L1 shows no improvement" in page


def test_unlabelled_images_are_labelled_by_the_best_on_validation(
    study: Path, run_in: Run, small_set: Path
) -> None:
    run_in(study, "prediction")
    labels = pd.read_csv(study / "07_model_output/unlabeled_predictions.csv", dtype={"label": str})
    names = pd.read_csv(small_set / "Test.csv", dtype=str)["filename"]
    assert labels.columns.tolist() == ["filename", "label", "confidence", "sure"]
    assert labels["filename"].tolist() == names.tolist()
    assert labels["label"].isin([str(digit) for digit in range(10)]).all()
    assert labels["confidence"].between(0.1, 1).all()
    chosen = json.loads((study / "07_model_output/chosen_network.json").read_text())
    table = comparison(study)
    assert chosen["technique"] == table["validation_accuracy"].idxmax()
    by_seed = {s: metrics(study, chosen["technique"], s)["validation_accuracy"] for s in (1, 2)}
    assert by_seed[chosen["seed"]] == max(by_seed.values())


def test_a_named_technique_labels(study: Path, run_in: Run) -> None:
    run_in(study, "prediction", prediction={"technique": "l1"})
    chosen = json.loads((study / "07_model_output/chosen_network.json").read_text())
    assert chosen["technique"] == "l1"


def test_labelling_needs_something_trained(run: Run) -> None:
    run("data")
    with pytest.raises(StudyError, match="no technique is trained yet"):
        run("prediction")


def test_one_folder_per_class_in_colour(run: Run, small_set: Path, tmp_path: Path) -> None:
    index = pd.read_csv(small_set / "Train/train.csv", dtype=str)
    folders = tmp_path / "animals"
    for row in index[index["label"].isin(["3", "7"])].itertuples():
        name = {"3": "cat", "7": "dog"}[row.label]
        (folders / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(small_set / "Train/Images/train" / row.filename, folders / name)
    run(
        "baseline",
        images=str(folders),
        ingest={"mode": "RGB", "size": 16},
        protocol={"seeds": [1]},
    )
    assert np.load(tmp_path / "data/02_intermediate/images.npy").shape == (60, 16, 16, 3)
    assert json.loads((tmp_path / "data/02_intermediate/classes.json").read_text()) == [
        "cat",
        "dog",
    ]


def test_bad_pictures_are_rejected_by_name_and_the_run_goes_on(
    run: Run, small_set: Path, tmp_path: Path
) -> None:
    spoiled = tmp_path / "spoiled"
    shutil.copytree(small_set, spoiled)
    victim = next((spoiled / "Train/Images/train").iterdir())
    victim.write_bytes(victim.read_bytes()[:40])
    run("data", images=str(spoiled))
    rejected = pd.read_csv(tmp_path / "data/02_intermediate/rejected_images.csv")
    assert rejected["filename"].tolist() == [victim.name]
    assert np.load(tmp_path / "data/02_intermediate/images.npy").shape[0] == 299


def test_a_set_that_does_not_exist_is_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="nowhere") as error:
        run("data", images=str(tmp_path / "nowhere"))
    assert "\n" not in str(error.value)


def test_a_root_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")  # stops root as well
    with pytest.raises(StudyError, match=r"(Not a directory|File exists): .*data") as error:
        run("data")
    assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_some(file: IO[bytes], *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", write_some)
    with pytest.raises(StudyError, match=r"^No space left on device: .*/images\.npy$"):
        run("data")
    assert list((tmp_path / "data/02_intermediate").iterdir()) == []


def test_whitening_is_left_out_where_no_technique_whitens(
    run: Run, own_conf: Callable[..., Path], tmp_path: Path
) -> None:
    conf = own_conf(
        parameters_techniques=yaml.safe_load("techniques: {zca: null, zca_dropout: null}")
    )
    run("data", conf=conf)
    assert (tmp_path / "data/04_feature/augmentation_preview.png").exists()
    assert not (tmp_path / "data/04_feature/zca.npz").exists()


def test_kedro_viz_is_told_of_the_last_run_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[list[str]] = []
    writer = "kedro_viz.integrations.kedro.run_hooks.write_events"
    monkeypatch.setattr(writer, lambda events: written.append([event["event"] for event in events]))
    for _ in range(2):
        run("data")
    for events in written:
        assert events.count("before_pipeline_run") == events.count("after_pipeline_run") == 1
    assert len(written) == 2
