"""A regularizer, a kind of network or a figure is one file: dropped in, it is everywhere.

One study is of all three, as each whole run takes its time.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd
import pytest
from tests.additions import toys
from tests.additions.conftest import command_in, copy_project, docs_pages, settings

Kedro = Callable[..., "subprocess.CompletedProcess[str]"]
TECHNIQUES = "baseline,l2,noisy,everything"  # in the last one, what acts at every place
REGULARIZER, NETWORK, FIGURE = (
    f"src/regbench/{file}"
    for file in (
        "regularizers/noise.py",
        "networks/kinds/shortcut.py",
        "evaluation/figures/confidence.py",
    )
)


def add_toys(project: Path) -> Path:
    (project / REGULARIZER).write_text(toys.REGULARIZER)
    (project / NETWORK).write_text(toys.NETWORK)
    (project / FIGURE).write_text(toys.FIGURE)
    everything = {
        "combine": ["l2", "dropout", "batch_normalization", "zca", "augmentation"],
        "early_stopping": {"patience": 2},
        "noise": {"strength": 0.3, "darkness": 0.2},
    }
    settings(
        project,
        techniques={"noisy": {"noise": 0.3}, "everything": everything},
        networks={"small": {"kind": "shortcut", "filters": 4}},
        protocol={"epochs": 1, "seeds": 1, "batch_size": 32, "network": "small"},
    )
    return project


@pytest.fixture
def with_toys(project: Path) -> Path:
    return add_toys(project)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_set: Path) -> Path:
    """A copy of the project with the toys, and in ``results`` what the command has made there."""
    folder = tmp_path_factory.mktemp("additions")
    add_toys(copy_project(folder / "project"))
    run = command_in(folder / "project", small_set, folder / "results")
    done = run(f"--pipelines={TECHNIQUES},reporting")
    assert done.returncode == 0, done.stderr
    assert "confidence" in done.stdout
    return folder


@pytest.fixture(scope="module")
def results(trained: Path) -> Path:
    return trained / "results"


@pytest.fixture(scope="module")
def pages(trained: Path) -> Path:
    """The generated docs of the copy."""
    return docs_pages(trained / "project")


def compared(results: Path) -> pd.DataFrame:
    return pd.read_csv(results / "08_reporting/comparison.csv").set_index("technique")


def test_a_regularizer_is_read_trained_compared_and_told(results: Path, pages: Path) -> None:
    assert (compared(results).loc[TECHNIQUES.split(","), "status"] == "trained").all()
    page = (results / "08_reporting/report.html").read_text()
    assert "noise of the toy" in page
    assert "Nobody, Noise, 2026" in page
    history = pd.read_parquet(results / "09_history/history.parquet")
    assert {"noisy", "everything"} <= set(history["technique"])
    lines = (pages / "regularizers.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if "`noise`" in line)
    assert "layer" in line
    assert "input batch" in line
    assert "**`strength`** (number > 0 and ≤ 2) = 0.5" in line


def test_a_network_is_trained_with_every_regularizer_and_told(results: Path, pages: Path) -> None:
    assert "toy with a shortcut" in (results / "08_reporting/report.html").read_text()
    network = keras.models.load_model(results / "06_models/everything/seed_1.keras")
    assert network.get_layer("convolution_2").use_bias is False
    assert network.get_layer("dropout_2").rate == 0.25
    assert network.get_layer("noise_1").stddev == 0.3
    told = (pages / "networks.md").read_text(encoding="utf-8")
    assert "| `shortcut` | toy with a shortcut | `filters`" in told


def test_a_figure_is_measured_compared_told_and_kept(results: Path) -> None:
    folder = results / "07_model_output/baseline/seed_1"
    answers = pd.read_parquet(folder / "predictions.parquet")
    confidence = float(answers[answers["split"] == "test"]["confidence"].mean())
    measured = json.loads((folder / "metrics.json").read_text())["mean_confidence"]
    assert measured == pytest.approx(confidence)
    assert compared(results).at["baseline", "mean_confidence"] == pytest.approx(confidence)
    assert 0 < compared(results).at["l2", "mean_confidence"] < 1
    check_report((results / "08_reporting/report.html").read_text(), f"{100 * confidence:.1f}")
    check_markdown((results / "08_reporting/comparison.md").read_text(), f"{100 * confidence:.1f}%")
    history = pd.read_parquet(results / "09_history/history.parquet").set_index("technique")
    assert history.at["baseline", "mean_confidence"] == pytest.approx(confidence)
    page = (results / "09_history/history.html").read_text()
    assert '<th scope="col">confidence, %</th>' in page
    assert f"<td>{100 * confidence:.1f}</td>" in page


def check_report(page: str, figure: str) -> None:
    table = page.partition('id="techniques"')[2].partition("</section>")[0]
    headings = re.findall(r"<button type=\"button\">(.*?)</button>", table)
    assert headings[-1] == "confidence, %"  # behind all others
    (row,) = re.findall(r'<tr class="baseline">(.*?)</tr>', table, re.DOTALL)
    assert re.findall(r"<td.*?>(.*?)</td>", row)[-1] == figure
    assert (
        "<dt>confidence, %</dt><dd>the mean probability of the chosen class on the test images; "
        "lower is better</dd>" in table
    )
    further = page.partition('id="further"')[2].partition("</section>")[0]
    assert "<p>The mean probability of a class on the test images; means over seeds.</p>" in further
    assert len(re.findall(r'<th scope="col">', further)) == 11


def check_markdown(text: str, figure: str) -> None:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = {line[0].strip(): line for line in lines}
    column = [heading.strip() for heading in lines[0]].index("confidence")
    assert rows["baseline (reference)"][column].strip() == figure
    assert "confidence: the mean probability of the chosen class on the test images" in text


def test_changed_code_makes_stale_what_it_is_in(
    trained: Path, small_set: Path, tmp_path: Path
) -> None:
    project, results = tmp_path / "project", tmp_path / "results"
    shutil.copytree(trained / "project", project)
    shutil.copytree(trained / "results", results)
    run = command_in(project, small_set, results)
    again = run(f"--pipelines={TECHNIQUES}", "--only-missing-outputs")
    assert "up to date" in again.stderr, again.stderr
    of_code = toys.REGULARIZER.replace("1 - self.darkness", "1.0 - 1.01 * self.darkness")
    (project / REGULARIZER).write_text(of_code)
    done = run("--pipelines=reporting", "--to-outputs=comparison")
    assert done.returncode == 0, done.stderr
    status = compared(results)["status"]
    assert status[["noisy", "everything"]].eq("stale").all()
    assert status[["baseline", "l2"]].eq("trained").all()
    # A changed kind of network: every training; the resumed command trains with it.
    (project / NETWORK).write_text(toys.NETWORK.replace('"relu"', '"elu"'))
    record = results / "06_models/l2/seed_1_fingerprint.json"
    before = json.loads(record.read_text())
    options = ("--only-missing-outputs", "--to-outputs=comparison")
    changed = run("--pipelines=l2,reporting", *options)
    assert changed.returncode == 0, changed.stderr
    status = compared(results)["status"]
    assert status[["baseline", "noisy", "everything"]].eq("stale").all()
    assert status["l2"] == "trained"
    after = json.loads(record.read_text())
    assert {part for part in before if before[part] != after[part]} >= {"training", "weights"}
    assert after["protocol"] == before["protocol"]


def test_settings_of_a_new_regularizer_and_of_a_new_network_are_checked(
    with_toys: Path, kedro: Kedro
) -> None:
    techniques = {
        "strong": {"noise": 3},
        "on": {"noise": True},
        "misspelled": {"noise": {"strenght": 1}},
        "unknown": {"noize": 0.1},
        "elsewhere": {"krach": 0.1},
    }
    networks = {
        "less": {"kind": "shortcut"},
        "large": {"kind": "shortcut", "filters": 65},
        "more": {"kind": "shortcut", "filters": 4, "units": 3},
        "other": {"kind": "shortcat", "filters": 4},
    }
    settings(with_toys, techniques=techniques, networks=networks)
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "techniques.strong.noise: must be greater than 0 and at most 2, not 3" in told
    assert "techniques.on.noise: must be a number, not True" in told
    assert "unknown key; allowed: strength, darkness; did you mean 'strength'?" in told
    assert "techniques.unknown.noize: unknown key; allowed: " in told
    assert "did you mean 'noise'?" in told
    assert "; 'krach' is here noise (noise of the toy)" in told
    assert "parameters_techniques.yml" in told
    assert "networks.less.filters: is missing" in told
    assert "networks.large.filters: must be at most 64, not 65" in told
    assert "networks.more.units: unknown key; allowed: kind, filters" in told
    kinds = "cnn, mlp, own, pretrained, resnet, shortcut"
    assert f"networks.other.kind: 'shortcat' is no kind of network; allowed: {kinds}" in told


def test_a_new_network_must_be_there(with_toys: Path, kedro: Kedro) -> None:
    settings(with_toys, protocol={"network": "smal"})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    said = "protocol.network: 'smal' is not a network; allowed: mlp, cnn, resnet, mobilenet, small"
    assert f"{said}; did you mean 'small'?" in " ".join(done.stderr.split())


def test_a_new_regularizer_says_where_it_means_nothing(with_toys: Path, kedro: Kedro) -> None:
    settings(with_toys, ingest={"size": 3})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    assert "techniques.noisy.noise: means nothing for images as small as that" in " ".join(
        done.stderr.split()
    )
