"""Where a report's figures come from."""

import datetime
import importlib.metadata
import platform
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from regbench.evaluation.results import Results
from regbench.report import provenance
from regbench.study.fingerprints import description_of_machine

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
DATA = {"data": "0123abcd", "split": "4567ef01", "made_from": {"files": "x"}}
FINGERPRINTS = {
    name: {
        "training": {"protocol": "the protocol's", "training": "the code's", "technique": name},
        "evaluation": "e",
    }
    for name in ("baseline", "l2")
}


def trained_on(*machines: str) -> Results:
    none = Results.none()
    trainings = pd.DataFrame(
        {"seed": range(len(machines)), "status": "trained", "fingerprint_trained_on": machines}
    )
    return Results(trainings, none.epochs, none.predictions, none.measurements)


def study_provenance(**results: Results) -> dict[str, str]:
    return provenance.study_provenance(DATA, FINGERPRINTS, results)


def test_fingerprints_are_told() -> None:
    found = study_provenance(baseline=Results.none())
    assert "0123abcd" in found["data fingerprint"]
    assert "4567ef01" in found["data fingerprint"]
    assert found["protocol fingerprint"] == "the protocol's"
    assert found["training code fingerprint"] == "the code's"


def test_machines_that_trained_are_each_named_once() -> None:
    here = description_of_machine()["trained_on"]
    found = study_provenance(
        baseline=trained_on(here, "a laptop"), l2=trained_on(here), zca=Results.none()
    )["trained on"]
    assert found in (f"{here} and a laptop", f"a laptop and {here}")
    assert platform.python_version() in found


@pytest.mark.parametrize("results", [{}, {"baseline": Results.none()}])
def test_nothing_trained_is_said(results: dict[str, Results]) -> None:
    assert study_provenance(**results)["trained on"] == "nothing yet"


def test_software_is_named_with_its_versions() -> None:
    found = study_provenance()["compiled with"]
    for package in ("regbench", "kedro", "tensorflow", "keras", "numpy", "scipy", "pandas"):
        assert f"{package} {importlib.metadata.version(package)}" in found


def test_software_is_what_a_user_has_installed() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    required = [re.match(r"[\w-]+", line)[0] for line in project["dependencies"]]
    named = [part.split()[0] for part in study_provenance()["compiled with"].split(", ")]
    assert set(named) <= {project["name"], *required}


def test_the_time_is_now_and_universal() -> None:
    said = study_provenance()["compiled at"]
    then = datetime.datetime.strptime(said, "%Y-%m-%d %H:%M UTC").replace(tzinfo=datetime.UTC)
    assert abs(datetime.datetime.now(datetime.UTC) - then) < datetime.timedelta(minutes=5)


def test_everything_is_text() -> None:
    found = study_provenance(baseline=trained_on("a laptop"))
    assert all(type(value) is str and value and "\n" not in value for value in found.values())
