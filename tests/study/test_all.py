"""``--env=all``: every regularizer has a technique of its own; what means nothing is left out."""

import copy
from typing import Any

import pytest
import yaml
from tests.study.base_study import BASE, CONF

from regbench.regularizers.registry import REGULARIZERS
from regbench.study.combine import combine_techniques
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_study


def of_all(**given: Any) -> dict[str, Any]:
    """The settings of ``--env=all``, merged with those of base as Kedro does; top keys given."""
    merged = copy.deepcopy(BASE)
    for path in sorted((CONF / "all").glob("*.yml")):
        for key, values in yaml.safe_load(path.read_text()).items():
            merged[key] = {**merged[key], **values} if isinstance(values, dict) else values
    return merged | given


@pytest.mark.parametrize("key", REGULARIZERS)
def test_every_regularizer_has_a_technique_of_its_own(key: str) -> None:
    entries, problems = combine_techniques(of_all()["techniques"])
    assert not problems
    alone = [name for name, entry in entries.items() if list(entry) == [key]]
    assert alone, f"conf/all/parameters_techniques.yml has no entry for {key}"


def test_results_and_seeds_are_its_own() -> None:
    study = read_study(of_all())
    assert study.data_root != BASE["data_root"]
    assert len(study.protocol.seeds) == 5
    assert not study.protocol.looks


def test_what_means_nothing_for_the_network_is_left_out_if_asked_for() -> None:
    given = of_all()
    given["protocol"]["network"] = "resnet"
    study = read_study(given)
    assert study.left_out["batch_normalization"] == (
        "a resnet with batch normalization has it already"
    )
    assert "batch_normalization" not in study.techniques
    assert "batch_normalization" not in study.as_parameters()["techniques"]
    with pytest.raises(InvalidStudy) as invalid:
        read_study(given | {"if_unfit": "stop"})
    assert {p.path[1] for p in invalid.value.problems} == set(study.left_out)


def test_other_problems_stop_a_study_that_leaves_out() -> None:
    given = of_all()
    given["protocol"]["network"] = "resnet"
    given["techniques"]["l2"] = {"l2": -1}
    with pytest.raises(InvalidStudy, match="greater than 0"):
        read_study(given)


def test_what_predicts_must_not_be_left_out() -> None:
    given = of_all(prediction={"technique": "batch_normalization"})
    given["protocol"]["network"] = "resnet"
    with pytest.raises(InvalidStudy, match="batch_normalization is no part of the study: a resnet"):
        read_study(given)
