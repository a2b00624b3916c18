"""Whole studies with looks: trained, resumed, changed, in parts, and listed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import COMPARED
from tests.looks import small_study
from tests.looks.small_study import (
    AT_4,
    AT_6,
    Run,
    comparison,
    look,
    networks,
    spared,
    trained,
)

from regbench.runs.runner import StudyRunner


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looks") / "images"
    small_study.draw_images(folder)
    return folder


@pytest.fixture(scope="module")
def finished(run_in: Run, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of a whole study, trained by the project's runner."""
    root = tmp_path_factory.mktemp("finished") / "data"
    run_in(root, runner=StudyRunner(), **small_study.study(images))
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """A copy of its results."""
    shutil.copytree(finished, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def resume(run: Run, images: Path) -> Callable[..., dict[str, Any]]:
    def resume_study(*pipelines: str, report: bool = False, **settings: Any) -> dict[str, Any]:
        selection = {} if report else {"selection": COMPARED}
        of_study = small_study.study(images, **settings)
        return run(*pipelines, only_missing_outputs=True, **selection, **of_study)

    return resume_study


def test_what_is_decided_trains_no_further(finished: Path) -> None:
    table = comparison(finished)
    assert table.loc["l1", "verdict"] == "worse"
    assert table.loc["twin", "verdict"] == "equivalent"
    assert trained(finished) == {
        "baseline": [1, 2, 3, 4],
        "l1": [1, 2, 3],
        "twin": [1, 2, 3, 4],
    }
    assert spared(finished) == {"baseline": [5, 6], "l1": [4, 5, 6], "twin": [5, 6]}
    assert table["trainings"].to_dict() == {"baseline": 4, "l1": 3, "twin": 4}
    assert table["saved_trainings"].sum() == 7
    assert (table["missing_trainings"] == 0).all()
    assert (table["failed_trainings"] == 0).all()
    assert table.loc[["l1", "twin"], "stopped_at"].to_dict() == {"l1": 3, "twin": 4}
    assert look(finished, 3)["due"] == {"baseline": 4, "l1": 3, "twin": 4}
    assert look(finished, 4)["due"] == {"baseline": 4, "l1": 3, "twin": 4}


def test_a_finished_study_is_up_to_date(
    root: Path, resume: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = networks(root)
    resume(report=True)  # the report, as the folder is another one
    assert "look at" not in caplog.text
    resume(report=True)
    assert "up to date: images" in caplog.text
    assert "3 techniques x at most 6 seeds, report" in caplog.text
    assert networks(root) == before


def test_a_study_that_was_killed_goes_on_to_the_same_verdicts(
    root: Path, resume: Callable[..., Any]
) -> None:
    before, made = comparison(root), networks(root)
    shutil.rmtree(root / "08_reporting")
    # Killed while the metrics of seed 4 of the twin were written, before the look after it.
    for file in (
        "07_model_output/twin/seed_4/metrics.json",
        "07_model_output/twin/results_to_4.zip",
        "07_model_output/look_4.json",
    ):
        (root / file).unlink()
    of_another = (root / "07_model_output/twin/seed_3/metrics.json").read_text()
    for arm in small_study.ARMS:
        (root / "07_model_output" / arm / "results.zip").unlink()
        for seed in (5, 6):
            (root / "06_models" / arm / f"seed_{seed}.not_needed.json").unlink()
            shutil.rmtree(root / "07_model_output" / arm / f"seed_{seed}")
    # Killed while a training of before the looks was replaced by its mark.
    (root / "07_model_output/l1/seed_4/metrics.json").write_text(of_another)
    resume()
    assert networks(root) == made
    assert spared(root) == {"baseline": [5, 6], "l1": [4, 5, 6], "twin": [5, 6]}
    timed = ["seconds", "inference_seconds"]
    assert comparison(root).drop(columns=timed).equals(before.drop(columns=timed))


def test_a_lost_training_of_the_first_look_is_made_again_and_the_looks_follow(
    root: Path, resume: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = networks(root)
    lost = root / "06_models/twin/seed_2.keras"
    lost.unlink()
    resume()
    assert {path for path, time in networks(root).items() if made[path] != time} == {str(lost)}
    assert "look at 3 seeds: l1 worse; 1 of 2 undecided, these train on: twin" in caplog.text
    assert "look at 4 seeds: twin equivalent" in caplog.text
    assert "decided 2 of 2 with 11 of 18 trainings" in caplog.text


def test_a_narrower_band_trains_on_and_a_wider_one_trains_nothing(
    root: Path, resume: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = networks(root)
    resume("reporting", band=AT_6)  # alone it trains nothing, and says what is missing
    assert networks(root) == made
    table = comparison(root)
    assert table.loc["twin", "verdict"] == "undecided"
    assert table["missing_trainings"].to_dict() == {"baseline": 2, "l1": 0, "twin": 2}
    resume(band=AT_6)
    assert made.items() < networks(root).items()
    assert trained(root) == {
        "baseline": [1, 2, 3, 4, 5, 6],
        "l1": [1, 2, 3],
        "twin": [*range(1, 7)],
    }
    assert comparison(root).loc["twin", "stopped_at"] == 6
    made = networks(root)
    resume(report=True, band=AT_4)  # trainings that are there stay, and count for nothing
    assert networks(root) == made
    table = comparison(root)
    assert table.loc["twin", "stopped_at"] == 4
    assert table["trainings"].to_dict() == {"baseline": 4, "l1": 3, "twin": 4}
    caplog.clear()
    resume(report=True, band=AT_4)
    assert "up to date" in caplog.text


def test_other_looks_take_over_what_is_trained(
    root: Path, resume: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = networks(root)
    resume(seeds={"looks": "4 6"})
    assert networks(root).items() >= made.items()
    assert trained(root)["l1"] == [1, 2, 3, 4]
    assert comparison(root).loc["l1", "stopped_at"] == 4  # the report is of the new looks
    made = networks(root)
    resume(seeds=4)  # a fixed number: looks and their marks count for nothing
    assert networks(root) == made
    assert "verdict" in comparison(root)
    assert "stopped_at" not in comparison(root)
    resume()
    assert networks(root) == made
    assert comparison(root).loc["l1", "trainings"] == 3


def test_other_figures_evaluate_again_and_train_nothing(
    root: Path, resume: Callable[..., Any]
) -> None:
    made = networks(root)
    resume(evaluation={"robustness_images": 9})
    assert networks(root) == made
    assert spared(root) == {"baseline": [5, 6], "l1": [4, 5, 6], "twin": [5, 6]}
    assert comparison(root)["trainings"].to_dict() == {"baseline": 4, "l1": 3, "twin": 4}


def test_a_technique_alone_trains_to_the_first_look_and_on_with_a_baseline(
    run: Run, images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_study = small_study.study(images)
    run("twin", **of_study)
    root = tmp_path / "data"
    assert trained(root)["twin"] == [1, 2, 3]
    assert "look at 3 seeds: nothing to compare" in caplog.text
    run("baseline", **of_study)  # as far as what is there needs it
    assert trained(root)["baseline"] == [1, 2, 3, 4]
    assert trained(root)["twin"] == [1, 2, 3]
    caplog.clear()
    run("baseline", "twin", only_missing_outputs=True, **of_study)
    assert trained(root) == {"baseline": [1, 2, 3, 4], "l1": [], "twin": [1, 2, 3, 4]}
    assert "look at 4 seeds: twin equivalent" in caplog.text


def test_several_networks_have_looks_and_baselines_of_their_own(
    run: Run, images: Path, tmp_path: Path
) -> None:
    of_study = small_study.study(images, seeds={"looks": [3, 4]})
    of_study["protocol"]["network"] = "mlp small"
    of_study["networks"]["small"] = {"kind": "mlp", "hidden_units": [4], "activation": "relu"}
    of_study["techniques"] = small_study.TECHNIQUES | {"twin": None}
    run(selection=COMPARED, **of_study)
    record = look(tmp_path / "data", 3)
    assert record["due"].keys() == {"baseline.mlp", "baseline.small", "l1.mlp", "l1.small"}
    for network in ("mlp", "small"):
        assert record["due"][f"baseline.{network}"] == record["due"][f"l1.{network}"]
    table = pd.read_csv(tmp_path / "data/08_reporting/comparison.csv").set_index("technique")
    assert table.loc["l1", "trainings"].tolist() == [
        record["due"][f"l1.{network}"] for network in table.loc["l1", "network"]
    ]
