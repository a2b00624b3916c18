"""The refit: a whole run held against the study's own networks, and what stops it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from tests.conftest import PROJECT

from regbench.errors import StudyError
from regbench.evaluation.results import FailedTraining, Results
from regbench.pipelines.refit import nodes
from regbench.use import refit
from regbench.use.choice import choose
from regbench.use.refit_training import as_refit_split

Run = Callable[..., dict[str, Any]]
OTHERS = ("l1", "l2", "dropout", "augmentation", "zca", "batch_normalization")
SMALL = {
    "techniques": dict.fromkeys((*OTHERS, "zca_dropout", "dropout_augmentation")),
    "protocol": {"epochs": 3},
}
PLATEAU = {"name": "plateau", "monitor": "validation_accuracy"}
STOPPED = {"technique": "early_stopping", "seeds": 2}


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the baseline and early stopping, and the refit of early stopping, two seeds."""
    root = tmp_path_factory.mktemp("refit") / "data"
    run_in(root, "baseline", "early_stopping", **SMALL)
    run_in(root, "refit", refit=STOPPED, **SMALL)
    return root


def network(root: Path, name: str) -> keras.Model:
    return keras.models.load_model(root / f"06_models/{name}.keras", compile=False)


def made(root: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((root / "08_reporting/refit.json").read_text())
    return record


def test_the_probabilities_of_all_seeds_are_averaged_and_measured_on_test(study: Path) -> None:
    images = np.load(study / "02_intermediate/images.npy")
    index = pd.read_parquet(study / "03_primary/split_index.parquet")
    seeds = [network(study, f"refit/seed_{seed}").predict(images, verbose=0) for seed in (1, 2)]
    together = network(study, "refit/network").predict(images, verbose=0)
    np.testing.assert_allclose(together, np.mean(seeds, axis=0), atol=1e-6)
    test = (index["split"] == "test").to_numpy()
    right = together.argmax(axis=1) == index["target"].to_numpy()
    measured = made(study)["measured"]
    assert measured == {"metric": "accuracy", "value": right[test].mean(), "images": test.sum()}


def test_it_trains_on_train_and_validation_for_the_epochs_found(study: Path) -> None:
    planned = made(study)["plan"]
    assert planned["images"] == 255  # of 300; 45 are test images
    histories = [
        pd.read_csv(study / f"07_model_output/early_stopping/seed_{seed}/history.csv")
        for seed in (1, 2)
    ]
    kept = [history.loc[history["kept"], "epoch"].item() for history in histories]
    assert planned["epochs"] == int(np.floor(np.median(kept) + 0.5))
    own = pd.read_csv(study / "07_model_output/refit/seed_1/history.csv")
    assert len(own) == planned["epochs"]
    assert "validation_accuracy" not in own  # it has seen these images


def test_the_expected_accuracy_is_the_study_s(study: Path) -> None:
    files = (study / "07_model_output/early_stopping").glob("seed_*/metrics.json")
    values = [json.loads(file.read_text())["test_accuracy"] for file in files]
    of = made(study)["plan"]["expected"]
    assert of["value"] == pytest.approx(np.mean(values))
    assert (of["seeds"], of["images"], of["part"]) == (2, 45, "test")
    spread = np.sqrt(of["value"] * (1 - of["value"]) / 45)  # of 45 images alone
    assert spread < of["high"] - of["value"] < 3 * spread
    text = (study / "08_reporting/refit.md").read_text()
    assert f"Expected test accuracy: {of['value']:.4f}" in text
    assert "has seen the answers" in text


def test_nothing_is_made_again_until_something_changes(
    study: Path,
    run_in: Run,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = study / "06_models/refit/seed_1.keras"
    before = file.stat().st_mtime_ns
    run_in(study, "refit", refit=STOPPED, only_missing_outputs=True, **SMALL)
    assert "up to date: refit of early_stopping" in caplog.text
    assert file.stat().st_mtime_ns == before
    (study / "06_models/refit/seed_2.keras").unlink()  # as after a kill
    run_in(study, "refit", refit=STOPPED, only_missing_outputs=True, **SMALL)
    assert f"the network is {study / '06_models/refit/network.keras'}" in capsys.readouterr().out
    assert file.stat().st_mtime_ns == before
    assert (study / "06_models/refit/seed_2.keras").exists()


def test_prediction_uses_it_until_it_is_stale(
    study: Path,
    run_in: Run,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def chosen(**refitted: Any) -> dict[str, Any]:
        caplog.clear()
        run_in(study, "prediction", refit=STOPPED | refitted, **SMALL)
        found: dict[str, Any]
        found = json.loads((study / "07_model_output/chosen_network.json").read_text())
        return found

    found = chosen()
    table = study / "07_model_output/unlabeled_predictions.csv"
    assert table.exists()
    assert f"Labels of the unlabelled images: {table}" in capsys.readouterr().out
    assert (found["made_by"], found["members"], found["file"]) == ("refit", [1, 2], "refit/network")
    assert found["out_of_sample"] == ["early_stopping/seed_1", "early_stopping/seed_2"]
    calibration = json.loads((study / "07_model_output/calibration.json").read_text())
    assert calibration["images"] == 45
    assert "as the refit has seen the images" in calibration["fitted_on"]
    assert chosen(parts=["train"])["made_by"] == "study"
    assert "is stale (changed since: refit.parts), and not used" in caplog.text


def test_on_train_images_alone_it_is_the_study_s_training(study: Path, run_in: Run) -> None:
    run_in(study, "refit", refit={"technique": "baseline", "parts": "train", "seeds": 1}, **SMALL)
    own, of_study = network(study, "refit/network"), network(study, "baseline/seed_1")
    for one, other in zip(own.get_weights(), of_study.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_technique_that_is_not_trained_is_named(study: Path, run_in: Run) -> None:
    changed = {**SMALL, "techniques": {**SMALL["techniques"], "l2": {"l2": 0.1}}}
    with pytest.raises(StudyError, match=r"l2 is not trained; uv run kedro run .*--pipelines=l2"):
        run_in(study, "refit", refit={"technique": "l2"}, **changed)
    with pytest.raises(StudyError, match=r"refit\.technique: 'l22' is not a technique"):
        run_in(study, "refit", refit={"technique": "l22"}, **SMALL)


def a_study(technique: str, regularizers: dict[str, Any], schedule: Any) -> tuple[Any, ...]:
    """Parameters, fingerprint of data, split index and results of one technique, made up."""
    conf = yaml.safe_load((PROJECT / "conf/base/parameters_protocol.yml").read_text())["protocol"]
    training = {"protocol": "p", "technique": "t", "training": "c"}
    preparation = {"ingest": "i", "split": "s"}
    parameters = {
        "protocol": {**conf, "seeds": [1], "schedule": schedule},
        "refit": {"technique": "best", "network": "best", "parts": ["train", "validation"]}
        | {"seeds": [1]},
        "reporting": {"metric": "accuracy"},
        "command": "uv run kedro run --env=own",
        "preparation": preparation,
        "fingerprints": {technique: {"training": training, "evaluation": "e"}},
        "trainings": {technique: {"technique": technique, "regularizers": regularizers}},
    }
    data = {"data": "d", "split": "s", "made_from": preparation}
    current = {**training, "data": "d", "split": "s", "evaluation": "e", "weights": "w"}
    row = {"seed": 1, "status": "trained", "validation_accuracy": 0.5, "test_accuracy": 0.5}
    made_from = {f"fingerprint_{key}": value for key, value in current.items()}
    empty = Results.none()
    trainings = pd.DataFrame([row | made_from])
    results = Results(trainings, empty.epochs, empty.predictions, empty.measurements)
    index = pd.DataFrame({"split": ["train", "validation", "test"]})
    return parameters, data, index, {technique: results}


@pytest.mark.parametrize(
    ("regularizers", "schedule", "what"),
    [({"stacking": {}}, {"name": "cosine"}, "stacking"), ({}, PLATEAU, "the schedule plateau")],
)
def test_what_follows_validation_images_is_not_trained_on_them(
    regularizers: dict[str, Any], schedule: dict[str, Any], what: str
) -> None:
    with pytest.raises(StudyError, match=f"as {what} follows them; refit.parts=train leaves"):
        refit.plan(*a_study("one", regularizers, schedule))


def test_a_record_that_was_changed_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    parameters, data, _, results = a_study("one", {}, {"name": "cosine"})
    parameters |= {"prediction": {"technique": "best"}}
    found = choose(parameters, data, results, {"plan": {}, "record": "other"})
    assert found["made_by"] == "study"
    assert "refit.json: damaged, or changed" in caplog.text


def test_failed_seeds_are_left_out_and_named() -> None:
    reason = "the loss stopped being finite in epoch 1"
    network, _, record = nodes.training_failed(reason, planned={"made_from": "m"})
    assert network == FailedTraining(reason)
    assert record["refit"] == "m"
    planned = {"seeds": [1, 2], "arm": "l2"}
    with pytest.raises(StudyError, match=f"l2 failed with every seed: {reason}; refit.technique"):
        nodes.combine_networks(planned, np.zeros(0), pd.DataFrame(), network, network)
    of = {"metric": "accuracy", "part": "test", "value": 0.9, "low": 0.8, "high": 0.95}
    planned |= {"technique": "l2", "parts": ["train", "test"], "images": 9, "epochs": None}
    planned |= {"epochs_from": "as in the study", "expected": {**of, "seeds": 5, "images": 40}}
    text = refit.described(refit.record(planned, "w", {1: "", 2: reason}, None))
    assert f"Left out, as their training failed: seed 2: {reason}." in text
    assert "one network (seeds 1)" in text


def test_images_of_the_parts_become_train_images() -> None:
    index = pd.DataFrame({"split": pd.Categorical(["train", "test", "validation", "train"])})
    merged = as_refit_split(index, ["train", "validation"])["split"]
    assert merged.tolist() == ["train", "test", "train", "train"]
    assert merged.dtype == index["split"].dtype
