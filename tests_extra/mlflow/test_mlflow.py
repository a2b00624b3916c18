"""What a study leaves in MLflow, asked through MLflow's own client."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient, artifacts
from mlflow.entities import Run
from PIL import Image

from regbench.datasets.results_dataset import ResultsDataset

# With --dist=loadgroup the other worker takes what has a study of its own.
pytestmark = pytest.mark.xdist_group("one study")

PROJECT = Path(__file__).parents[2]
SETTINGS = {
    "networks": {"mlp": {"hidden_units": [8]}},
    "protocol": {"batch_size": 16, "epochs": 2, "seeds": 2},
    "ingest": {"size": 8},
    "evaluation": {"robustness_images": 20},
}
OTHERS = (
    *("l1", "augmentation", "zca", "zca_dropout", "early_stopping", "batch_normalization"),
    "dropout_augmentation",
)


@dataclass(frozen=True)
class Study:
    """A small study of the techniques baseline, l2 and dropout."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def configure(self, name: str, **content: object) -> None:
        file = self.folder / "conf" / "local" / f"{name}.yml"
        file.write_text(yaml.safe_dump(content))

    def kedro(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "kedro", *arguments),
                f"--conf-source={self.folder / 'conf'}",
                f"--params=images={self.folder / 'images'},data_root={self.results}",
            ],
            cwd=PROJECT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "UserWarning" not in done.stderr, done.stderr
        return done

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = self.kedro("run", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.results / 'mlflow.db'}")

    def logged(self, asked: str = "") -> list[Run]:
        experiment = self.client().get_experiment_by_name("regbench")
        assert experiment is not None
        return list(self.client().search_runs([experiment.experiment_id], asked))


def write_set(folder: Path) -> None:
    """Bright images are of one class, dark ones of the other."""
    random = np.random.default_rng(1)
    for label, level in (("dark", 60), ("bright", 190)):
        (folder / label).mkdir(parents=True)
        for place in range(40):
            pixels = random.normal(level, 25, (8, 8)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{place}.png")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One that was run: first a technique alone, then all."""
    made = Study(tmp_path_factory.mktemp("study"))
    shutil.copytree(PROJECT / "conf", made.folder / "conf", ignore=shutil.ignore_patterns("local"))
    (made.folder / "conf" / "local").mkdir()
    write_set(made.folder / "images")
    for key, values in SETTINGS.items():
        made.configure(f"parameters_{key}", **{key: values})
    made.configure("parameters_techniques", techniques=dict.fromkeys(OTHERS))
    made.run("--pipelines=dropout")
    made.run("--only-missing-outputs")
    return made


def test_a_parent_and_a_child_per_technique_and_seed(study: Study) -> None:
    (parent,) = study.logged("tags.kind = 'study'")
    children = study.logged(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert sorted(run.info.run_name or "" for run in children) == [
        f"{technique} seed {seed}" for technique in ("baseline", "dropout", "l2") for seed in (1, 2)
    ]
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    assert {run.data.tags["status"] for run in children} == {"trained"}
    assert len(study.logged()) == 7


def test_every_epoch_is_as_in_the_history(study: Study) -> None:
    (run,) = study.logged("tags.technique = 'dropout' and tags.seed = '2'")
    history = pd.read_csv(study.results / "07_model_output/dropout/seed_2/history.csv")
    for figure in ("train_cross_entropy", "train_accuracy", "validation_accuracy"):
        logged = study.client().get_metric_history(run.info.run_id, f"epoch/{figure}")
        assert [metric.step for metric in logged] == [1, 2]
        assert [metric.value for metric in logged] == list(history[figure])
    assert "epoch/kept" not in run.data.metrics  # a yes or no is no curve


def test_final_figures_and_settings_have_names_of_their_own(study: Study) -> None:
    (run,) = study.logged("tags.technique = 'dropout' and tags.seed = '1'")
    stored = study.results / "07_model_output/dropout/seed_1/metrics.json"
    metrics = json.loads(stored.read_text())
    assert run.data.metrics["test_accuracy"] == metrics["test_accuracy"]
    pruned = metrics["accuracy_after_pruning"]["0.5"]
    assert run.data.metrics["accuracy_after_pruning/0.5"] == pruned
    expected = {
        "technique": "dropout",
        "seed": "1",
        "technique.dropout": "0.25",
        "technique.l2": "off",
        "protocol.epochs": "2",
        "network.hidden_units": "8",
        "protocol.optimizer.learning_rate": "0.001",
        "protocol.split.method": "auto",
    }
    assert expected.items() <= run.data.params.items()
    assert run.data.tags["fingerprint.weights"] == metrics["fingerprint"]["weights"]


def test_techniques_have_colours_of_their_own_and_the_headline_is_compared_first(
    study: Study,
) -> None:
    runs = study.logged("tags.kind = 'run'")
    colours = {(run.data.tags["technique"], run.data.tags["mlflow.runColor"]) for run in runs}
    assert len(colours) == len({colour for _, colour in colours}) == 3
    for run in runs:
        assert next(iter(run.data.metrics)) == "test_accuracy"


def test_a_study_took_as_long_as_its_trainings(study: Study) -> None:
    def milliseconds(run: Run) -> int:
        return run.info.end_time - run.info.start_time

    study.run("--pipelines=reporting")  # later on
    (parent,) = study.logged("tags.kind = 'study'")
    of_trainings = sum(milliseconds(run) for run in study.logged("tags.kind = 'run'"))
    assert milliseconds(parent) == pytest.approx(of_trainings, abs=5)


def test_the_network_predicts_what_is_stored(study: Study, tmp_path: Path) -> None:
    (run,) = study.logged("tags.technique = 'l2' and tags.seed = '1'")
    uri = f"{run.info.artifact_uri}/network/seed_1.keras"
    file = artifacts.download_artifacts(artifact_uri=uri, dst_path=str(tmp_path))
    network = keras.models.load_model(file, compile=False, safe_mode=True)
    images = np.load(study.results / "02_intermediate/images.npy")
    split = pd.read_parquet(study.results / "03_primary/split_index.parquet")
    answers = network.predict(images[split["split"] == "test"], verbose=0).argmax(axis=1)
    stored = ResultsDataset(filepath=str(study.results / "07_model_output/l2/results.zip")).load()
    of_training = stored.predictions.query("seed == 1 and split == 'test'")
    classes = sorted(split["label"].unique())
    assert [classes[answer] for answer in answers] == list(of_training["predicted"])


def test_the_parent_holds_the_comparison(study: Study) -> None:
    (parent,) = study.logged("tags.kind = 'study'")
    names = {file.path for file in study.client().list_artifacts(parent.info.run_id)}
    assert {"report.html", "comparison.csv", "comparison.png"} <= names
    assert "| baseline (reference) |" in parent.data.tags["mlflow.note.content"]
    compared = pd.read_csv(study.results / "08_reporting/comparison.csv").set_index("technique")
    assert parent.data.metrics["test_accuracy/l2"] == compared.loc["l2", "test_accuracy"]


def test_a_changed_technique_stands_beside_the_old_one(study: Study) -> None:
    changed = dict.fromkeys(OTHERS) | {"l2": {"l2": 0.01}}
    study.configure("parameters_techniques", techniques=changed)
    done = study.run("--only-missing-outputs")
    assert "MLflow: 2 new runs logged in sqlite:" in done.stderr
    runs = study.logged("tags.technique = 'l2'")
    up_to_date = {(run.data.params["technique.l2"], run.data.tags["up_to_date"]) for run in runs}
    assert up_to_date == {("0.0001", "no"), ("0.01", "yes")}
    assert len(study.logged("tags.kind = 'study'")) == 1


def test_a_locked_database_is_a_warning_and_the_next_run_makes_up_for_it(study: Study) -> None:
    for run in study.logged("tags.technique = 'dropout'"):
        study.client().delete_run(run.info.run_id)
    database = sqlite3.connect(study.results / "mlflow.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    done = study.run("--pipelines=reporting")
    (warning,) = [line for line in done.stderr.splitlines() if "MLflow" in line]
    assert "WARNING not logged in MLflow: " in warning
    assert "the next run logs it" in warning
    database.execute("ROLLBACK")
    database.close()
    assert "MLflow: 2 new runs logged" in study.run("--pipelines=reporting").stderr


def test_a_server_that_is_down_is_a_warning(study: Study) -> None:
    study.configure("mlflow", server={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    done = study.run("--pipelines=reporting")
    (warning,) = [line for line in done.stderr.splitlines() if "MLflow" in line]
    assert "WARNING not logged in MLflow: " in warning


def test_a_wrong_key_is_named_before_anything_runs(study: Study) -> None:
    study.configure("mlflow", server={"tracking": 1})
    done = study.kedro("run", "--pipelines=reporting")
    assert done.returncode == 2
    assert "mlflow.yml: server.tracking: " in done.stderr


def test_logging_can_be_turned_off(study: Study) -> None:
    study.configure("mlflow", tracking={"disable_tracking": {"pipelines": ["reporting"]}})
    assert "MLflow" not in study.run("--pipelines=reporting").stderr


@pytest.mark.xdist_group("several networks")
def test_each_of_several_networks_is_a_study_of_its_own(tmp_path: Path) -> None:
    made = Study(tmp_path)
    shutil.copytree(PROJECT / "conf", made.folder / "conf", ignore=shutil.ignore_patterns("local"))
    (made.folder / "conf" / "local").mkdir()
    write_set(made.folder / "images")
    networks = {"mlp": {"hidden_units": [8]}, "cnn": {"filters": [4], "convolutions_per_stage": 1}}
    protocol = {"batch_size": 16, "epochs": 1, "seeds": 1, "network": ["mlp", "cnn"]}
    given = SETTINGS | {"networks": networks, "protocol": protocol}
    for key, values in given.items():
        made.configure(f"parameters_{key}", **{key: values})
    made.configure("parameters_techniques", techniques=dict.fromkeys((*OTHERS, "l2")))
    made.run()
    parents = made.logged("tags.kind = 'study'")
    table = pd.read_csv(made.results / "08_reporting/comparison.csv")
    table = table.set_index(["network", "technique"])
    assert {run.data.params["protocol.network"] for run in parents} == {"mlp", "cnn"}
    for parent in parents:
        network = parent.data.params["protocol.network"]
        assert f" {network} " in (parent.info.run_name or "")
        assert parent.data.metrics["difference/dropout"] == pytest.approx(
            table.loc[(network, "dropout"), "difference"]
        )
        children = made.logged(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
        assert sorted(run.info.run_name or "" for run in children) == [
            "baseline seed 1",
            "dropout seed 1",
        ]
        for child in children:
            technique = child.data.tags["technique"]
            accuracy = table.loc[(network, technique), "test_accuracy"]
            assert child.data.metrics["test_accuracy"] == pytest.approx(accuracy)
            files = made.client().list_artifacts(child.info.run_id, "network")
            assert [file.path for file in files] == ["network/seed_1.keras"]
    made.run("--only-missing-outputs")
    assert len(made.logged()) == 2 + 4  # nothing is logged twice
