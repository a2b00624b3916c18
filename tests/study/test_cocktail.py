"""Which regularizers the cocktail may have, and wrong names of them."""

import copy
from typing import Any

import pytest
from tests.study.base_study import BASE, problem

from regbench.regularizers.registry import NUISANCE, REGULARIZERS
from regbench.study.cocktail import all_candidates, cocktail_parameters, searched_techniques
from regbench.study.reader import read_study

ENSEMBLES = {key for key, kind in REGULARIZERS.items() if kind.family() == "ensemble"}


def parameters(candidates: Any = "all", **changes: Any) -> dict[str, Any]:
    found = copy.deepcopy({**BASE, **changes})
    found["tuning"]["cocktail"] = {"search": True, "candidates": candidates}
    return found


def candidates(*given: Any, **changes: Any) -> set[str]:
    return set(all_candidates(read_study(parameters(*given, **changes))).entries())


def test_all_are_those_of_the_registry_that_mean_something_but_ensembles() -> None:
    found = candidates()
    meaningless = {"dropblock", "spatial_dropout", "stochastic_depth"}  # on dense layers
    assert found == set(REGULARIZERS) - ENSEMBLES - NUISANCE - meaningless
    on_feature_maps = {**BASE["protocol"], "network": "cnn"}
    found = candidates(protocol=on_feature_maps, techniques={"baseline": {}})
    assert {"dropblock", "spatial_dropout"} <= found
    assert "batch_normalization" not in found  # the network has its own


def test_what_the_protocol_or_the_data_lack_is_left_out() -> None:
    decaying = {**BASE["protocol"], "optimizer": {"name": "adamw", "learning_rate": 0.001}}
    assert "weight_decay" not in candidates(protocol=decaying)
    techniques = {"baseline": {}}  # nothing whitens, and no whitening is fitted
    assert "zca" not in candidates(techniques=techniques)


def test_those_of_the_study_or_those_that_are_named() -> None:
    own = {"l2", "l1", "dropout", "augmentation", "zca", "early_stopping", "batch_normalization"}
    assert candidates("study") == own
    assert candidates("mixup l2") == candidates(["l2", "mixup", "l2"]) == {"l2", "mixup"}
    assert "seed_ensemble" in candidates(["seed_ensemble", "l2"])


def test_it_starts_from_a_technique_of_its_name() -> None:
    techniques = {"baseline": {}, "cocktail": {"dropout": 0.4, "learning_rate": {"factor": 2}}}
    study = read_study(parameters(["l2"], techniques=techniques))
    found = all_candidates(study).model_dump(mode="json", exclude_defaults=True)
    assert found == {"dropout": 0.4, "l2": 0.0001}


def test_it_is_searched_if_that_is_set() -> None:
    study = read_study(BASE)
    assert searched_techniques(study) == study.techniques
    assert cocktail_parameters(study) == {}
    study = read_study(parameters(["l2", "augmentation"]))
    assert list(searched_techniques(study)) == [*study.techniques, "cocktail"]
    found = cocktail_parameters(study)["cocktail"]
    assert found["candidates"] == {"augmentation": True, "l2": 0.0001}
    stronger = {**BASE["augmentation"], "rotation": 20}
    other = read_study(parameters(["l2", "augmentation"], augmentation=stronger))
    assert cocktail_parameters(other)["cocktail"]["fingerprint"] != found["fingerprint"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["mixupp"], "'mixupp' is no regularizer; allowed: all, study, "),
        (["mixupp"], "did you mean 'mixup'?"),
        (["learning_rate"], "'learning_rate' is no regularizer"),
        (["dropblock"], "dropblock: a network of kind mlp has no feature maps"),
        (["stacking"], "stacking: is fitted on the validation images, which score the search"),
        (5, "must be all, study, or a list of regularizers"),
        ([], "must be all, study, or a list of regularizers"),
    ],
)
def test_a_wrong_name_is_one_line(given: Any, message: str) -> None:
    found = problem(parameters(given))
    assert found.path == ("tuning", "cocktail", "candidates")
    assert message in found.message


def test_a_study_without_any_is_told_so() -> None:
    found = problem(parameters("study", techniques={"baseline": {}}))
    assert found.message == "names no regularizer that this study can have"


def test_whitening_is_asked_for_where_it_is_not_fitted() -> None:
    found = problem(parameters(["zca"], techniques={"baseline": {}}))
    assert found.message.startswith("zca: needs what is prepared for techniques that have it (zca)")


def test_ranges_of_its_own() -> None:
    given = parameters("all")
    given["tuning"]["search"] = {"cocktail": {"mixup": {"alpha": [0.1, 0.4]}}}
    assert read_study(given).tuning.search["cocktail"]
    given["tuning"]["cocktail"]["search"] = False
    assert "'cocktail' is not a technique" in problem(given).message
