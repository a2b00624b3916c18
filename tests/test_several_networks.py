"""Whole studies of two networks: run, resumed, changed, labelled with, and listed."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import COMPARED

from regbench.datasets.network_dataset import NetworkDataset

PROJECT = Path(__file__).parents[1]
Run = Callable[..., dict[str, Any]]
NETWORKS = {
    "mlp": {"hidden_units": [8]},
    "cnn": {"filters": [4], "convolutions_per_stage": 1},
}
LEFT_OUT = dict.fromkeys(
    (
        *("l2", "l1", "augmentation", "zca", "zca_dropout", "early_stopping"),
        *("batch_normalization", "dropout_augmentation"),
    )
)
SMALL: dict[str, Any] = {
    "networks": NETWORKS,
    "techniques": LEFT_OUT,
    "ingest": {"size": 8, "mode": "L"},
    "evaluation": {"robustness_images": 10},
}


def protocol(network: Any, **more: Any) -> dict[str, Any]:
    return {"network": network, "epochs": 1, "seeds": 1, **more}


BOTH = SMALL | {"protocol": protocol(["mlp", "cnn"])}


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of a study of two techniques on two networks, one seed, one epoch."""
    root = tmp_path_factory.mktemp("networks") / "data"
    run_in(root, **BOTH)
    return root


@pytest.fixture
def own(study: Path, tmp_path: Path) -> Path:
    """A copy of the study's results."""
    shutil.copytree(study, tmp_path / "data")
    return tmp_path / "data"


def times(root: Path, below: str = "06_models") -> dict[str, int]:
    """When each file was written, by its path in a folder."""
    folder = root / below
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def weights(path: Path) -> dict[str, np.ndarray]:
    return NetworkDataset(filepath=str(path)).weights()


def made_again(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {
        name.split("/seed_")[0]
        for name in after
        if name.endswith(".keras") and before.get(name) != after[name]
    }


def test_every_technique_trains_on_every_network(study: Path) -> None:
    networks = {name for name in times(study) if name.endswith(".keras")}
    assert networks == {
        f"{network}/{technique}/seed_1.keras"
        for network in NETWORKS
        for technique in ("baseline", "dropout")
    }
    table = pd.read_csv(study / "08_reporting/comparison.csv")
    assert table.columns[:2].tolist() == ["network", "technique"]
    assert table["network"].tolist() == ["mlp", "mlp", "cnn", "cnn"]
    assert (table["status"] == "trained").all()
    by_arm = table.set_index(["network", "technique"])
    for network in NETWORKS:
        difference = by_arm.loc[(network, "dropout"), "difference"]
        accuracies = by_arm.loc[network]["test_accuracy"]
        assert difference == pytest.approx(accuracies["dropout"] - accuracies["baseline"])
    markdown = (study / "08_reporting/comparison.md").read_text()
    assert "# Comparison of techniques: mlp" in markdown
    assert "# Comparison of techniques: cnn" in markdown


def test_report_pictures_and_history_have_both(study: Path) -> None:
    page = (study / "08_reporting/report.html").read_text()
    assert '<h2 id="mlp-techniques">' in page
    assert '<h2 id="cnn-techniques">' in page
    pictures = {path.parent.name for path in (study / "08_reporting").rglob("learning_curves.png")}
    assert pictures == {"mlp", "cnn"}
    assert (study / "08_reporting/comparison.png").stat().st_size > 5_000
    history = pd.read_parquet(study / "09_history/history.parquet")
    assert set(zip(history["technique"], history["network"], strict=True)) == {
        (technique, network) for technique in ("baseline", "dropout") for network in NETWORKS
    }


def test_one_network_alone_is_trained_to_the_same_weights_in_its_usual_place(
    study: Path, run: Run, tmp_path: Path
) -> None:
    run("dropout", **SMALL | {"protocol": protocol("mlp")})
    alone = weights(tmp_path / "data/06_models/dropout/seed_1.keras")
    among = weights(study / "06_models/mlp/dropout/seed_1.keras")
    assert alone.keys() == among.keys()
    assert all(np.array_equal(alone[name], among[name]) for name in alone)


def test_a_resumed_run_makes_nothing_again(
    study: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    before = times(study, ".")
    with caplog.at_level(logging.INFO):
        run(data_root=study, only_missing_outputs=True, **BOTH)
    assert "2 techniques on cnn and mlp x 1 seeds, report" in caplog.text
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert times(study, ".") == before


def test_a_picture_of_one_network_that_was_changed_is_made_again(own: Path, run: Run) -> None:
    picture = own / "08_reporting/cnn/gaps.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:100])
    before = times(own)
    run(data_root=own, only_missing_outputs=True, **BOTH)
    assert picture.read_bytes()[:4] == whole[:4]
    assert len(picture.read_bytes()) > 1000
    assert times(own) == before


def test_a_changed_network_makes_its_own_trainings_stale(own: Path, run: Run) -> None:
    changed = BOTH | {"networks": NETWORKS | {"cnn": {**NETWORKS["cnn"], "filters": [5]}}}
    before = times(own)
    run("reporting", data_root=own, selection=COMPARED, **changed)
    table = pd.read_csv(own / "08_reporting/comparison.csv").set_index(["network", "technique"])
    assert (table.loc["cnn", "status"] == "stale").all()
    assert (table.loc["mlp", "status"] == "trained").all()
    run("baseline", "dropout", data_root=own, only_missing_outputs=True, **changed)
    assert made_again(before, times(own)) == {"cnn/baseline", "cnn/dropout"}


def test_pipelines_of_a_technique_and_of_one_on_a_network(own: Path, run: Run) -> None:
    before = times(own)
    run("dropout", data_root=own, **BOTH)
    after = times(own)
    assert made_again(before, after) == {"mlp/dropout", "cnn/dropout"}
    run("baseline.cnn", data_root=own, **BOTH)
    assert made_again(after, times(own)) == {"cnn/baseline"}


def test_a_technique_for_one_of_them(own: Path, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    before = times(own)
    changed = BOTH | {
        "techniques": LEFT_OUT | {"l2": {"networks": ["cnn"]}},
        "reporting": {"published": {"l2": {"accuracy": 0.875, "claim": "a paper"}}},
    }
    run(data_root=own, only_missing_outputs=True, **changed)
    assert made_again(before, times(own)) == {"cnn/l2"}
    table = pd.read_csv(own / "08_reporting/comparison.csv").set_index(["network", "technique"])
    assert len(table) == 5
    assert (table["status"] == "trained").all()
    assert table["published_accuracy"].dropna().to_dict() == {("cnn", "l2"): 0.875}
    (claim,) = pd.read_csv(own / "08_reporting/published_claims.csv").to_dict("records")
    assert claim["accuracy"] == table.loc[("cnn", "l2"), "test_accuracy"]
    assert "fair protocol" not in caplog.text  # a figure without a claim of better or worse
    page = (own / "08_reporting/report.html").read_text()
    assert "a paper" in page
    assert '<h2 id="cnn-techniques">' in page
    with caplog.at_level(logging.INFO):
        run(data_root=own, only_missing_outputs=True, **changed)
    told = "5 pairs of a technique and a network (3 techniques on cnn and mlp) x 1 seeds, report"
    assert told in caplog.text


@pytest.mark.parametrize("network", ["best", "mlp", "cnn"])
def test_labels_by_the_best_of_all_or_of_one_network(network: str, own: Path, run: Run) -> None:
    run("prediction", data_root=own, prediction={"network": network}, **BOTH)
    chosen = pd.read_json(own / "07_model_output/chosen_network.json", typ="series")
    table = pd.read_csv(own / "08_reporting/comparison.csv")
    if network != "best":
        table = table[table["network"] == network]
    best = table["validation_accuracy"].max()
    among = table[table["validation_accuracy"] == best]
    assert (chosen["technique"], chosen["network"]) in set(
        zip(among["technique"], among["network"], strict=True)
    )
    assert len(pd.read_csv(own / "07_model_output/unlabeled_predictions.csv")) == 12


def test_the_graph_has_a_box_in_a_box_for_each_network_and_no_tensorflow_is_needed() -> None:
    script = """
import sys
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from regbench.runs.config_loader import StudyConfigLoader, PROJECT
from regbench.settings import CONFIG_LOADER_ARGS
bootstrap_project(PROJECT)
given = {"protocol": {"network": "mlp cnn"}, "techniques": {"batch_normalization": None}}
StudyConfigLoader(str(PROJECT / "conf"), runtime_params=given, **CONFIG_LOADER_ARGS)
names = {node.namespace for node in pipelines["__default__"].nodes}
print(*sorted(str(name) for name in names if str(name).startswith("dropout.")))
print(sorted({"dropout", "dropout.mlp", "dropout.cnn"} & set(pipelines)))
print(sorted({"tensorflow", "keras", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        env=os.environ | {"KEDRO_DISABLE_TELEMETRY": "1"},
    )
    spaces, known, imported = done.stdout.splitlines()[-3:]
    seeds = [f"seed_{seed}" for seed in range(1, 6)]
    expected = [f"dropout.{of}{end}" for of in NETWORKS for end in ("", *(f".{s}" for s in seeds))]
    assert spaces.split() == sorted(expected)
    assert known == "['dropout', 'dropout.cnn', 'dropout.mlp']"
    assert imported == "[]"
