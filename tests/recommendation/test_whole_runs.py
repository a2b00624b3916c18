"""A whole recommendation of the real project, and what of it is the study's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regbench.errors import StudyError
from regbench.evaluation.results_file import read_tables
from regbench.recommendation import plan
from regbench.storage.stored_file import LocalFile
from regbench.study.fingerprints import changed_components

Run = Callable[..., dict[str, Any]]
OTHERS = ("l1", "dropout", "zca", "early_stopping", "augmentation")
TECHNIQUES = {
    **dict.fromkeys((*OTHERS, "zca_dropout", "dropout_augmentation")),
    "l2": {"l2": 0.0001},
}
# The baseline hardly learns, so that four seeds show the others to be better.
SLOW = {"baseline": {"learning_rate": {"factor": 0.001}}}
SHOWN = {"to_outputs": ["recommendation", "report"]}
BOTH = {"both": {"combine": ["batch_normalization", "l2"]}}


def test_a_recommendation_and_the_same_combination_in_configuration(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    options = {
        "techniques": {**TECHNIQUES, **SLOW},
        "protocol": {"epochs": 4, "seeds": {"looks": [4, 5]}},
        "recommend": {"workers": 1, "fresh_seeds": False},
    }
    run("baseline", **options)
    before = sorted((data / "07_model_output").rglob("*"))
    run("recommend", **options)
    found = json.loads((data / "08_reporting/recommendation.json").read_text())
    assert found["is_finished"]
    assert found["test"]["verdict"] == "better"
    assert f"Recommended: {found['sentence']}" in " ".join(capsys.readouterr().out.split())
    entry = yaml.safe_load((data / "08_reporting/recommendation.yml").read_text())
    assert entry == {"techniques": {"recommended": found["regularizers"]}}
    # Nothing of it is the study's, and the baseline's trainings were used.
    assert sorted((data / "07_model_output").rglob("*")) == before
    assert not list((data / "05_recommend").glob("baseline_*/seed_[1234].zip"))
    assert not list((data / "05_recommend").rglob("*.lock"))

    # Again: what is there is used, and nothing is trained.
    run("recommend", "reporting", selection=SHOWN, **options)
    again = json.loads((data / "08_reporting/recommendation.json").read_text())
    assert again["trainings"] == 0
    assert again["sentence"] == found["sentence"]
    page = (data / "08_reporting/report.html").read_text()
    assert found["sentence"] in page.replace("\u00a0", " ").replace("&#43;", "+")

    # The bits are those of a technique of the configuration.
    [folder] = (data / "05_recommend").glob("batch_normalization+l2_*")
    [trainings] = read_tables(LocalFile(folder / "seed_2.zip"), ["trainings"])
    run(
        "both",
        data_root=tmp_path / "other",
        techniques={**TECHNIQUES, **BOTH},
        protocol={"epochs": 4, "seeds": [2]},
    )
    metrics = json.loads((tmp_path / "other/07_model_output/both/seed_2/metrics.json").read_text())
    [training] = trainings.to_dict("records")
    recorded = {key: training[f"fingerprint_{key}"] for key in metrics["fingerprint"]}
    assert recorded["weights"] == metrics["fingerprint"]["weights"]
    assert recorded["predictions"] == metrics["fingerprint"]["predictions"]
    assert not changed_components(recorded, metrics["fingerprint"])


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"protocol": {"split": {"resample": True}}}, "takes a study with one split"),
        ({"protocol": {"split": {"test": 0, "train": 0.8, "validation": 0.2}}}, "with test images"),
        (
            {"protocol": {"network": "mlp cnn"}, "techniques": {"batch_normalization": None}},
            "--params=protocol.network=mlp takes the first",
        ),
        ({}, "nothing is decided with 2 seeds"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_trained(
    run: Run, tmp_path: Path, changed: dict[str, Any], what: str
) -> None:
    with pytest.raises(StudyError, match=what):
        run("recommend", **{**changed, "techniques": TECHNIQUES | changed.get("techniques", {})})
    assert not list((tmp_path / "data").glob("05_recommend/*/*"))


def test_the_limit_counts_from_the_beginning_of_the_run() -> None:
    import pandas as pd
    from tests.study.base_study import BASE

    parameters = {**BASE, "network": {}, "recommend": {**BASE["recommend"], "minutes": 1.5}}
    parameters["protocol"] = {**BASE["protocol"], "seeds": list(range(5))}
    found = plan.begin(
        parameters, pd.DataFrame({"split": ["train", "test"]}), "2026-01-01T00:00:00+00:00"
    )
    assert found["until"] == "2026-01-01T00:01:30+00:00"
