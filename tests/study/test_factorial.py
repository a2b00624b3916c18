"""Which techniques are two, and both of them, by their regularizers."""

import json
from typing import Any

import pytest
from tests.study.base_study import BASE

from regbench.study.factorial import Factorial, factorials_in, factorials_of_arms
from regbench.study.reader import read_study

DROPOUT, AUGMENTATION = {"dropout": 0.25}, {"augmentation": True}


def found(**techniques: Any) -> list[tuple[str, ...]]:
    study = read_study({**BASE, "techniques": {"baseline": {}, **techniques}})
    return [tuple(of) for of in factorials_in(study.techniques, study.shared)]


def test_the_study_of_the_first_command_has_two() -> None:
    study = read_study(BASE)
    assert factorials_in(study.techniques, study.shared) == [
        Factorial("baseline", "dropout", "augmentation", "dropout_augmentation"),
        Factorial("baseline", "dropout", "zca", "zca_dropout"),
    ]


@pytest.mark.parametrize(("network", "single"), [("mlp", "alike"), ("cnn", "one")])
def test_of_several_networks_each_has_its_own(network: str, single: str) -> None:
    techniques = {
        "baseline": {},
        "alike": {**DROPOUT, "networks": ["mlp"]},
        "one": {**DROPOUT, "networks": ["cnn"]},
        "other": AUGMENTATION,
        "both": {"combine": ["one", "other"], "networks": [network]},
    }
    protocol = {**BASE["protocol"], "network": ["mlp", "cnn"]}
    study = read_study({**BASE, "protocol": protocol, "techniques": techniques})
    arms = [arm.name for arm in study.arms]
    assert factorials_of_arms(arms, study.techniques, study.shared) == [
        Factorial("baseline", single, "other", "both")
    ]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (DROPOUT, AUGMENTATION, {"combine": ["one", "other"]}),
        (DROPOUT, {"early_stopping": {"patience": 2}}, {"dropout": 0.25, "early_stopping": {}}),
        ({**DROPOUT, "l2": 0.1}, AUGMENTATION, {"combine": ["one", "other"]}),
    ],
)
def test_settings_count_and_names_do_not(one: Any, other: Any, both: Any) -> None:
    assert found(one=one, other=other, both=both) == [("baseline", "one", "other", "both")]


@pytest.mark.parametrize(
    "both",
    [
        {"dropout": 0.1, **AUGMENTATION},  # another strength
        {**DROPOUT, **AUGMENTATION, "l2": 0.1},  # one more regularizer
        {**DROPOUT, "augmentation": {"rotation": 1}},  # a setting of its own
        {**DROPOUT, **AUGMENTATION, "learning_rate": {"factor": 2}},  # another rate
    ],
)
def test_what_is_not_both_is_no_such_design(both: Any) -> None:
    assert found(one=DROPOUT, other=AUGMENTATION, both=both) == []


def test_all_four_have_the_same_learning_rate_of_their_own() -> None:
    rate, none = {"learning_rate": {"factor": 2}}, {"learning_rate": {}}
    techniques = {
        "slow": {**DROPOUT, **none},  # as without
        "augmentation": AUGMENTATION,
        "both": {**DROPOUT, **AUGMENTATION},
        "fast": rate,
        "fast_dropout": {**DROPOUT, **rate},
        "fast_augmentation": {**AUGMENTATION, **rate},
        "fast_both": {**DROPOUT, **AUGMENTATION, **rate},
    }
    designs = found(**techniques)
    assert ("baseline", "slow", "augmentation", "both") in designs
    assert ("fast", "fast_dropout", "fast_augmentation", "fast_both") in designs
    assert json.dumps(designs).count("fast_both") == sum("fast_both" in of for of in designs)
