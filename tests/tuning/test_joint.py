"""The joint search: its conditional space, its points, and what it finds."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import optuna
import pytest
import yaml
from tests.study.base_study import BASE

from regbench.errors import StudyError
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.cocktail import cocktail_parameters, searched_techniques
from regbench.study.reader import read_study
from regbench.tuning import conf, plan, told
from regbench.tuning.search import Plan, Scored, search

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
GREY = (28, 28, 1)
EXCLUDING = [
    {"mixup", "cutmix"},
    {"batch_normalization", "layer_normalization", "group_normalization"},
    {"ema", "swa"},
    {"spectral_norm", "weight_standardization"},
    {"max_norm", "unit_norm"},
    {"elastic_net", "l1"},
    {"elastic_net", "l2"},
    {"early_stopping", "swa"},
]


def parameters(techniques: Any = None, **cocktail: Any) -> dict[str, Any]:
    given = copy.deepcopy(BASE)
    given["techniques"] = {"baseline": {}, "zca": {"zca": True}, **(techniques or {})}
    given["protocol"]["epochs"] = 5
    given["tuning"]["cocktail"] = {"search": True, **cocktail}
    study = read_study(given)
    found = study.as_parameters() | cocktail_parameters(study)
    names = {name: name for name in searched_techniques(study)}
    return found | {"searched": names, "command": "uv run kedro run", "without": []}


def planned(train: Any = None, shape: Any = GREY, **cocktail: Any) -> Plan:
    return plan.of_technique(parameters(**cocktail), "cocktail", train, shape)


def on(values: Mapping[str, Any]) -> set[str]:
    return {label for label, value in values.items() if "." not in label and value}


def test_points_are_valid_techniques_with_settings_of_what_is_on_alone() -> None:
    found = planned()
    assert found.joint
    together = [found.joint.values(found.joint.drawn(point)) for point in range(1, 120)]
    for values in together:
        settings = found.settings(values)
        assert set(settings) == on(values) | {"learning_rate"}
        for group in EXCLUDING:
            assert len(group & set(settings)) <= 1, group
        of_settings = {label.partition(".")[0] for label in values if "." in label}
        assert of_settings <= set(settings)
        if "weight_standardization" in settings:
            assert set(settings) & EXCLUDING[1]
        # The outcome has to be a study that can be read.
        read_study({**BASE, "techniques": {**BASE["techniques"], "cocktail": settings}})
    tried = set().union(*map(on, together))
    assert tried == set(found.joint.candidates)  # none is shut out by another
    assert 2 < sum(len(on(values)) for values in together) / len(together) < 3.5


def test_settings_that_mean_nothing_for_the_images_are_left_out() -> None:
    grey, colour = ({of.label for of in planned(shape=(28, 28, c)).searched} for c in (1, 3))
    assert {label.partition(".")[0] for label in colour - grey} == {"colour_jitter"}
    tiny = {of.label for of in planned(shape=(4, 4, 1)).searched}
    assert grey - tiny >= {"cutout.side"}  # a tenth of 4 pixels is none; half of them are 2
    assert "cutout" in tiny


def test_colour_jitter_alone_is_searched_without_colours_on_grey_images() -> None:
    given = parameters({"jitter": {"colour_jitter": True}})
    grey, colour = (plan.of_technique(given, "jitter", None, (28, 28, c)) for c in (1, 3))
    labels = {of.label for of in grey.searched}
    assert {of.label for of in colour.searched} - labels == {
        "colour_jitter.saturation",
        "colour_jitter.hue",
    }
    values = {"colour_jitter.brightness": 0.2, "colour_jitter.contrast": 0.3}
    found = grey.settings(values)["colour_jitter"]
    assert found == {"brightness": 0.2, "contrast": 0.3}
    kind = REGULARIZERS["colour_jitter"].model_validate(found)
    assert kind.problem("cnn", GREY) is None  # its trials can be trained
    assert colour.settings(values)["colour_jitter"]["saturation"] == 0.5


def test_it_starts_from_the_technique_of_its_name() -> None:
    own = {"dropout": 0.4, "learning_rate": {"factor": 2}}
    found = plan.of_technique(parameters({"cocktail": own}), "cocktail", None, GREY)
    assert found.settings({}) == {**own, "learning_rate": {"factor": 2.0}}
    assert found.joint
    start = found.joint.values(found.joint.start())
    assert on(start) == {"dropout"}
    assert (start["dropout.rate"], start["learning_rate.factor"]) == (0.4, 2.0)
    assert found.settings(start)["learning_rate"]["factor"] == 2.0
    assert planned().settings({}) == {}


def test_the_budget_is_that_of_a_technique_times_the_factor() -> None:
    assert planned().tuning.budget.epochs == 300
    found = planned(budget_factor=2.5, sampler="quasi_random")
    assert found.tuning.budget.epochs == 750
    assert found.tuning.sampler == "quasi_random"
    ordinary = plan.of_technique(parameters(budget_factor=2.5), "zca")
    assert (ordinary.tuning.budget.epochs, ordinary.joint) == (300, None)


def test_what_cannot_be_together_with_its_settings_is_told() -> None:
    found = planned()
    with pytest.raises(StudyError, match="cutmix and mixup both mix images"):
        found.settings({"mixup": True, "cutmix": True})


def test_another_candidate_or_sampler_begins_a_new_search() -> None:
    data = {"data": "d", "split": "s"}

    def name(**cocktail: Any) -> str:
        given = parameters(**cocktail)
        return plan.study_name(plan.of_technique(given, "cocktail", None, GREY), given, data)

    names = [name(), name(candidates="study"), name(sampler="quasi_random")]
    assert len(set(names)) == 3
    assert name(budget_factor=3) == names[0]  # a larger budget goes on from there


def by_formula(settings: Mapping[str, Any]) -> float:
    """Half of the regularizers help by 1, the others take 1."""
    keys = sorted(REGULARIZERS)
    return sum(1 if keys.index(key) % 2 else -1 for key in settings if key != "learning_rate")


def trained(made: list[Any]) -> Callable[..., Scored]:
    def train(settings: Mapping[str, Any], *_: Any) -> Scored:
        made.append(settings)
        return Scored(by_formula(settings), 5, 1.0)

    return train


def in_memory() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize")


@pytest.mark.parametrize("sampler", ["tpe", "quasi_random"])
def test_a_search_that_goes_on_makes_the_same_trials(sampler: str) -> None:
    def of(study: Any, factor: float, made: list[Any]) -> dict[str, Any]:
        return search(planned(trained(made), sampler=sampler, budget_factor=factor), study)

    whole = of(in_memory(), 0.3, [])
    begun, made = in_memory(), []  # type: ignore[var-annotated]
    of(begun, 0.2, [])
    found = of(begun, 0.3, made)
    assert found["trials"] == whole["trials"]
    assert (len(whole["trials"]), len(made)) == (18, 6)
    assert found["own_score"] == 0
    assert found["best"]["score"] == max(trial["score"] for trial in found["trials"])
    assert {trial["state"] for trial in found["trials"]} == {"complete"}
    assert set(found["importance"]) <= {of["setting"] for of in found["searched"]}


def test_tpe_learns_what_helps() -> None:
    means = {}
    for sampler in ("tpe", "quasi_random"):
        found = search(planned(trained([]), sampler=sampler), in_memory())
        scores = [trial["score"] for trial in found["trials"]]
        assert len(scores) == 60
        means[sampler] = sum(scores[11:]) / 49
    assert means["tpe"] > means["quasi_random"] + 0.5


def test_the_outcome_is_a_technique_of_the_tuned_study() -> None:
    given = parameters(budget_factor=0.1)
    found = {}
    for name in given["searched"]:
        of_one = plan.of_technique(given, name, trained([]), GREY)
        few = of_one.tuning.budget.model_copy(update={"epochs": 30})
        of_one = replace(of_one, tuning=of_one.tuning.model_copy(update={"budget": few}))
        found[name] = search(of_one, in_memory())
    text = conf.techniques(given, found)
    entries = yaml.safe_load(text)["techniques"]
    assert list(entries) == ["baseline", "baseline_fixed", "zca", "zca_fixed", "cocktail"]
    best = found["cocktail"]["best"]["regularizers"]
    assert entries["cocktail"] == {"learning_rate": entries["baseline"]["learning_rate"]} | best
    said = f"{len(found['cocktail']['candidates'])} regularizers searched together"
    assert f"  # {said}" in text
    [line] = [line for line in told.lines(found, "tuning.html") if line.startswith("  cocktail:")]
    assert said in line
    assert "by tpe, 30 epochs" in line
    assert "False" not in line

    nothing = {**found, "cocktail": found["cocktail"] | {"best": None}}
    assert "cocktail" not in yaml.safe_load(conf.techniques(given, nothing))["techniques"]
