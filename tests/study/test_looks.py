"""Looks: how they are given, what is wrong with some, and the stages that they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.study.base_study import BASE, changed

from regbench.errors import SettingsError
from regbench.runs.config_loader import StudyConfigLoader
from regbench.study import fingerprints
from regbench.study.looks import (
    Stage,
    arm_of_namespace,
    is_needed,
    namespaces_of,
    stage_namespace,
    stage_results,
    stages,
)
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_study


@pytest.mark.parametrize("looks", [[5, 8, 12], "5 8 12"])  # --params takes no lists
def test_seeds_go_up_to_the_last_look(looks: Any) -> None:
    study = read_study(changed("protocol.seeds", {"looks": looks}))
    assert study.protocol.seeds == list(range(1, 13))
    assert study.protocol.looks == [5, 8, 12]
    assert study.stages == [
        Stage(0, [1, 2, 3, 4, 5], 5),
        Stage(5, [6, 7, 8], 8),
        Stage(8, [9, 10, 11, 12], 12),
    ]
    parameters = study.as_parameters()
    assert parameters["looks"] == {"look_5": 5, "look_8": 8, "look_12": 12}
    assert study.protocol.model_validate(parameters["protocol"]) == study.protocol  # as nodes do


@pytest.mark.parametrize(("seeds", "of_study"), [(3, [1, 2, 3]), ([7, 4], [7, 4])])
def test_a_number_or_a_list_is_one_stage(seeds: Any, of_study: list[int]) -> None:
    study = read_study(changed("protocol.seeds", seeds))
    assert study.stages == [Stage(0, of_study, len(of_study))]
    assert "looks" not in study.as_parameters()
    assert "looks" not in study.as_parameters()["protocol"]


def test_looks_make_no_training_stale() -> None:
    found = [
        fingerprints.fingerprints_of_techniques(read_study(changed("protocol.seeds", seeds)))
        for seeds in (3, {"looks": [3, 5]}, {"looks": [4, 5]})
    ]
    assert found[0] == found[1] == found[2]


RISING = "must be rising numbers of seeds, such as [5, 8, 12]"


@pytest.mark.parametrize(
    ("looks", "fault"),
    [
        ([8, 5], RISING),
        ([5, 5], RISING),
        ([5, 8.5], RISING),
        ("five eight", RISING),
        (5, RISING),
        ([5], "must be two looks or more; for a single one give the number of seeds alone"),
        ([2, 8], "must begin at 3 seeds or more: the spread of fewer differences says too little"),
        ([5, 101], "must end at 100 seeds or fewer"),
    ],
)
def test_what_is_wrong_is_said(looks: Any, fault: str) -> None:
    with pytest.raises(InvalidStudy) as invalid:
        read_study(changed("protocol.seeds", {"looks": looks}))
    (problem,) = invalid.value.problems
    assert problem.path == ("protocol", "seeds", "looks")
    assert problem.message.startswith(fault)


@pytest.mark.parametrize(
    "seeds", [{"look": [3, 5]}, {"looks": []}, {"looks": [3, 5], "more": 1}, "x"]
)
def test_other_seeds_are_refused_with_what_is_allowed(seeds: Any) -> None:
    with pytest.raises(InvalidStudy, match=r"a list of seeds, or looks: \{looks: \[5, 8, 12\]\}"):
        read_study(changed("protocol.seeds", seeds))


def test_looks_beside_seeds_are_refused() -> None:
    given = {**BASE, "protocol": {**BASE["protocol"], "seeds": 5, "looks": [3, 6]}}
    with pytest.raises(InvalidStudy, match=r"looks stand under seeds: seeds: \{looks: \[5, 8\]\}"):
        read_study(given)


def test_a_technique_does_not_take_the_name_of_a_look() -> None:
    entries = {"baseline": {}, "after_5": {"l2": 0.1}, "look_8": {"l1": 0.1}}
    given = changed("protocol.seeds", {"looks": [5, 8]}) | {"techniques": entries}
    with pytest.raises(InvalidStudy) as invalid:
        read_study(given)
    (problem,) = invalid.value.problems  # the look at 8 is the report's
    assert problem.path == ("techniques", "after_5")
    assert "taken by protocol.seeds.looks, like all of: after_5, look_5" in problem.message


SEEDS: dict[str, Any] = {
    "a number": 2,
    "a list": [4, 7],
    "looks": {"looks": [3, 5]},
    "looks in words": {"looks": "3 4 6"},
}


def loader(conf: Path, **protocol: Any) -> StudyConfigLoader:
    return StudyConfigLoader(
        str(conf),
        base_env="base",
        default_run_env="local",
        runtime_params={"protocol": protocol} if protocol else {},
        merge_strategy={"parameters": "soft"},
    )


@pytest.mark.parametrize("below", SEEDS)
@pytest.mark.parametrize("above", SEEDS)
@pytest.mark.parametrize("by", ["a file", "a command"])
def test_one_kind_takes_the_place_of_another(
    own_conf: Callable[..., Path], below: str, above: str, by: str
) -> None:
    conf = own_conf()
    base = conf / "base/parameters_protocol.yml"
    settings = yaml.safe_load(base.read_text())
    settings["protocol"]["seeds"] = SEEDS[below]
    base.write_text(yaml.safe_dump(settings))
    if by == "a file":
        own = {"protocol": {"seeds": SEEDS[above]}}
        (conf / "local/parameters_own.yml").write_text(yaml.safe_dump(own))
        found = loader(conf).study().protocol
    else:
        found = loader(conf, seeds=SEEDS[above]).study().protocol
    expected = read_study(changed("protocol.seeds", SEEDS[above])).protocol
    assert (found.seeds, found.looks) == (expected.seeds, expected.looks)


def test_the_next_command_has_the_looks_of_this_one(own_conf: Callable[..., Path]) -> None:
    command = loader(own_conf(), seeds={"looks": "3 4 6"})["parameters"]["command"]
    assert command.endswith(" '--params=protocol.seeds.looks=3 4 6'")


def test_the_message_names_the_file(own_conf: Callable[..., Path]) -> None:
    conf = own_conf(parameters_own={"protocol": {"seeds": {"looks": [1, 5]}}})
    with pytest.raises(SettingsError) as refused:
        loader(conf).study()
    message = refused.value.message
    assert f"{conf}/local/parameters_own.yml: protocol.seeds.looks: must begin at 3" in message


def test_names_of_stages() -> None:
    first, then, last = stages(list(range(1, 13)), [5, 8, 12])
    assert [stage_namespace("l2.cnn", of) for of in (first, then)] == ["l2.cnn", "after_5.l2.cnn"]
    assert [stage_results("l2", of, last) for of in (first, then, last)] == [
        *("l2_results_to_5", "l2_results_to_8", "l2_results")
    ]
    assert namespaces_of([5, 8, 12]) == {"look_5", "after_5", "look_8", "after_8"}
    assert namespaces_of([]) == set()
    assert arm_of_namespace("after_5.l2.cnn") == "l2.cnn"
    assert arm_of_namespace("after_all.l2") == "after_all.l2"
    assert arm_of_namespace("l2") == "l2"


def test_what_a_look_calls_for() -> None:
    record = {"due": {"l2": 8}}
    assert [is_needed(record, "l2", seed) for seed in (8, 9)] == [True, False]
    assert not is_needed(record, "unknown", 1)
