"""Whole searches of the real project, and the study that they lead to."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.conftest import PROJECT, REPORTED

from regbench.errors import StudyError
from regbench.pipelines.tuning import nodes
from regbench.tuning.images import without_test

Run = Callable[..., dict[str, Any]]
OTHERS = ("l1", "dropout", "augmentation", "zca", "early_stopping", "batch_normalization")
TECHNIQUES = dict.fromkeys((*OTHERS, "zca_dropout", "dropout_augmentation"))
COCKTAIL = {"search": True, "candidates": "l2 dropout mixup cutmix"}
TUNING = {"budget": {"epochs": 3}, "cocktail": COCKTAIL}
ONE_EPOCH = {"epochs": 1}


@pytest.fixture
def tuned(run: Run, own_conf: Callable[..., Path]) -> Path:
    """The configuration after a search of the baseline and l2, three trials each."""
    conf = own_conf()
    run("tuning", conf=conf, protocol=ONE_EPOCH, techniques=TECHNIQUES, tuning=TUNING)
    return conf


def test_a_search_and_the_comparison_of_tuned_and_fixed(
    run: Run, tuned: Path, tmp_path: Path, small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    # The test part is not there to be loaded: 45 of 300 images.
    assert np.load(data / "05_tuning/images.npy").shape[0] == 255
    parts = pd.read_parquet(data / "05_tuning/split_index.parquet")["split"]
    assert set(parts) == {"train", "validation"}

    entries = yaml.safe_load((tuned / "tuned/parameters_techniques.yml").read_text())["techniques"]
    assert list(entries)[:4] == ["baseline", "baseline_fixed", "l2", "l2_fixed"]
    assert all(entries[name] is None for name in OTHERS)
    assert entries["l2_fixed"] == {"l2": 0.0001}
    found = json.loads((data / "05_tuning/l2.json").read_text())
    best = found["best"]["regularizers"]
    assert entries["l2"] == {"learning_rate": {"factor": 1.0, "schedule": "protocol"}} | best
    assert [trial["epochs"] for trial in found["trials"]] == [1, 1, 1]
    for picture in ("strengths", "budget", "importance"):
        assert (data / f"08_reporting/tuning/{picture}.png").read_bytes().startswith(b"\x89PNG")

    # All together: the first trial is the baseline, and the outcome a technique that is valid.
    joint = json.loads((data / "05_tuning/cocktail.json").read_text())
    assert joint["candidates"] == ["cutmix", "dropout", "l2", "mixup"]
    assert [trial["epochs"] for trial in joint["trials"]] == [1, 1, 1]
    alone = json.loads((data / "05_tuning/baseline.json").read_text())
    assert joint["own_score"] == alone["own_score"]
    assert entries["cocktail"].items() >= joint["best"]["regularizers"].items()
    assert "cocktail_fixed" not in entries
    assert (
        "4 regularizers searched together"
        in (tuned / "tuned/parameters_techniques.yml").read_text()
    )

    # Again: nothing is trained, and nothing changes.
    database = (data / "05_tuning/l2.json").read_text()
    options = {"conf": tuned, "protocol": ONE_EPOCH, "techniques": TECHNIQUES, "tuning": TUNING}
    run("tuning", only_missing_outputs=True, **options)
    assert (data / "05_tuning/l2.json").read_text() == database

    assert yaml.safe_load((tuned / "tuned/globals.yml").read_text())["images"] == str(small_set)
    run(
        *("baseline", "baseline_fixed", "l2", "l2_fixed", "reporting"),
        env="tuned",
        conf=tuned,
        protocol=ONE_EPOCH | {"seeds": 1},
        selection=REPORTED,
        data_root=data / "tuned",
    )
    settings = yaml.safe_load((tuned / "tuned/parameters_study.yml").read_text())
    assert settings["tuning"]["fixed"] == {"baseline": "baseline_fixed", "l2": "l2_fixed"}
    page = (data / "tuned/08_reporting/report.html").read_text()
    assert "Budget of the search: 3 epochs for every technique; sampler: quasi_random" in page
    assert re.search(r"<svg[^>]*aria-label=\"The score of every trial of the search", page)
    comparison = pd.read_csv(data / "tuned/08_reporting/comparison.csv")
    assert set(comparison["technique"]) == set(entries) - {
        name for name in entries if entries[name] is None
    }


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"protocol": {"split": {"resample": True}}}, "tuning takes a study with one split"),
        ({"protocol": {"split": {"test": 0, "train": 0.8, "validation": 0.2}}}, "set protocol.spl"),
        ({"protocol": {"network": "mlp cnn"}}, "--params=protocol.network=mlp tunes on the first"),
        ({"tuning": {"seeds": [2]}}, "tuning.seeds: 2 of protocol.seeds"),
        ({"tuning": {"budget": {"epochs": 1}}}, "1 are fewer than the 2 epochs of one trial"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_trained(
    run: Run, tmp_path: Path, own_conf: Callable[..., Path], changed: dict[str, Any], what: str
) -> None:
    with pytest.raises(StudyError, match=what):
        run("tuning", techniques=TECHNIQUES, conf=own_conf(), **changed)
    assert not (tmp_path / "data/05_tuning/trials.db").exists()


def test_the_images_taken_are_those_of_train_and_validation_in_their_order() -> None:
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2, 1)
    split = ["test", "train", "validation", "test", "train", "train"]
    index = pd.DataFrame({"split": split, "target": range(6)}, index=range(10, 16))
    taken, rows = without_test(images, index)
    np.testing.assert_array_equal(taken, images[[1, 2, 4, 5]])
    assert rows["target"].tolist() == [1, 2, 4, 5]
    assert rows.index.tolist() == [0, 1, 2, 3]


def test_where_nothing_was_found_the_reasons_are_told() -> None:
    nothing = {"technique": "l2", "trials": [], "best": None, "reason": "killed twice"}
    with pytest.raises(StudyError, match="no trial of any technique was completed: killed twice"):
        nodes.conclude({}, nothing)


def test_nothing_is_written_into_the_project() -> None:
    assert not (PROJECT / "conf/tuned").exists()
