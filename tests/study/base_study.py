"""The study of conf/base, and changes to its settings, for tests."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from regbench.regularizers.augmentation import Augmentation
from regbench.study.problems import InvalidStudy, Problem
from regbench.study.reader import read_study
from regbench.study.schema import Study
from regbench.study.technique import Technique

CONF = Path(__file__).parents[2] / "conf"
SEVERAL = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

STUDY_KEYS = list(Study.model_fields)
TECHNIQUE_KEYS = [*Technique.model_fields, "combine", "networks"]
AUGMENTATION_KEYS = list(Augmentation.model_fields)


def _base() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in (CONF / "base/globals.yml", *sorted((CONF / "base").glob("parameters*.yml"))):
        merged |= yaml.safe_load(path.read_text())
    return merged


BASE = _base()


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the base study's settings with one value replaced, at a dotted path."""
    parameters = copy.deepcopy(BASE)
    *parents, last = path.split(".")
    place = parameters
    for key in parents:
        place = place[key]
    place[last] = value
    return parameters


def without(path: str) -> dict[str, Any]:
    parameters = copy.deepcopy(BASE)
    *parents, last = path.split(".")
    place = parameters
    for key in parents:
        place = place[key]
    del place[last]
    return parameters


def techniques(**entries: Any) -> dict[str, Any]:
    return {**BASE, "techniques": {"baseline": {}} | entries}


def given_again(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings among a study's parameters, without derived ones."""
    return {key: values[key] for key in STUDY_KEYS}


def problems(parameters: dict[str, Any]) -> list[Problem]:
    with pytest.raises(InvalidStudy) as caught:
        read_study(parameters)
    assert len(caught.value.problems) > 0
    return caught.value.problems


def outcome(parameters: dict[str, Any]) -> Study | list[Problem]:
    """Return the study or the problems; settings may lead to nothing else."""
    try:
        return read_study(parameters)
    except InvalidStudy as error:
        return error.problems


def problem(parameters: dict[str, Any]) -> Problem:
    found = problems(parameters)
    assert len(found) == 1, found
    return found[0]


def dotted(found: Problem) -> str:
    return ".".join(found.path)
