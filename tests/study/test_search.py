"""What is searched of a technique, and what is wrong with ranges."""

from typing import Any

import pytest
from tests.study.base_study import BASE, changed, dotted, problem, techniques

from regbench.regularizers.base import Choice, Range
from regbench.study.reader import read_study
from regbench.study.schema import SHARED
from regbench.study.search import Searched, beside_of, space, with_values
from regbench.study.technique import Technique
from regbench.study.tuning import Tuning
from regbench.text.redaction import without_secrets

FACTOR = "learning_rate.factor"
SCHEDULE = "learning_rate.schedule"


def searched(entry: dict[str, Any], search: dict[str, Any] | None = None) -> dict[str, Searched]:
    study = read_study(techniques(one=entry))
    tuning = Tuning.model_validate({**BASE["tuning"], "search": search or {}})
    one = study.techniques["one"]
    found = space("one", one, study.shared, tuning, beside_of(study.protocol))
    return {of.label: of for of in found}


def test_the_ranges_that_regularizers_declare_and_the_learning_rate() -> None:
    found = searched({"l2": 0.01, "dropout": 0.5})
    assert list(found) == ["dropout.rate", "l2.factor", FACTOR, SCHEDULE]
    assert found["l2.factor"].over == Range(1e-6, 1e-2, log=True)
    assert found["l2.factor"].own == 0.01
    assert found[FACTOR].own == 1
    assert list(searched({})) == [FACTOR, SCHEDULE]  # the baseline's


def test_whole_numbers_are_of_settings_that_are_whole_numbers() -> None:
    range_of_whole = {"one": {"early_stopping": {"patience": {"low": 0, "high": 9}}}}
    found = searched({"early_stopping": {"patience": 2}}, range_of_whole)
    assert found["early_stopping.patience"].whole
    assert not searched({"l2": 0.01})["l2.factor"].whole


def test_ranges_are_widened_to_hold_the_techniques_own_value() -> None:
    assert searched({"l2": 0.5})["l2.factor"].over == Range(1e-6, 0.5, log=True)
    assert searched({"ema": 0.5})["ema.decay"].over.values[-1] == 0.5  # type: ignore[union-attr]


def test_the_studys_settings_are_the_own_values_of_who_inherits_them() -> None:
    found = searched({"augmentation": {"rotation": 5}})
    assert found["augmentation.rotation"].own == 5
    assert found["augmentation.shift"].own == BASE["augmentation"]["shift"]


def test_a_variant_that_is_named_stays() -> None:
    assert "gradient_clipping.by" not in searched({"gradient_clipping": {"by": "value"}})
    assert "gradient_clipping.by" not in searched({"gradient_clipping": 1})
    asked = {"one": {"gradient_clipping": {"by": ["norm", "value"]}}}
    found = searched({"gradient_clipping": {"by": "value"}}, asked)
    assert found["gradient_clipping.by"].over == Choice(("norm", "value"))


def test_a_variant_has_a_range_of_its_own() -> None:
    for kinds, narrow in (({}, (0.01, 10)), ({"by": "adaptive"}, (0.003, 0.3))):
        over = searched({"gradient_clipping": kinds})["gradient_clipping.limit"].over
        assert over == Range(*narrow, log=True)
    adaptive = searched({"sam": {"adaptive": True}})["sam.rho"]
    assert adaptive.over == Range(0.1, 5, log=True)
    assert adaptive.own == 0.5
    assert searched({"sam": 0.05})["sam.rho"].over == Range(0.01, 0.5, log=True)


def test_what_is_fitted_on_validation_images_is_not_chosen_by_them() -> None:
    assert list(searched({"stacking": {"members": 2}})) == [FACTOR, SCHEDULE]


def test_values_that_clash_are_left_out() -> None:
    assert searched({"snapshot_ensemble": 2})[SCHEDULE].over == Choice(("protocol",))


def test_settings_replace_ranges_of_a_technique_and_of_every_one() -> None:
    every = {"every": {"learning_rate": {"schedule": None, "factor": [1, 2]}}}
    found = searched({"l2": 0.01}, {**every, "one": {"learning_rate": {"factor": [1, 3]}}})
    assert list(found) == ["l2.factor", FACTOR]
    assert found[FACTOR].over == Choice((1, 3))


def test_values_stand_on_top_of_all_others_of_their_regularizer() -> None:
    shared = {key: kind.model_validate(BASE[key]) for key, kind in SHARED.items()}
    technique = Technique(l2=0.01, early_stopping={"patience": 3}, augmentation={"rotation": 5})
    values = {"l2.factor": 0.5, "augmentation.shift": 0.3, FACTOR: 2}
    found = with_values(technique, shared, values)
    assert found["l2"] == {"factor": 0.5}
    assert found["augmentation"] == {**BASE["augmentation"], "rotation": 5, "shift": 0.3}
    assert found["learning_rate"] == {"factor": 2, "schedule": "protocol"}
    kept = technique.model_dump(mode="json", exclude_defaults=True)
    assert found["early_stopping"] == kept["early_stopping"]
    assert with_values(technique, shared, {}) == kept
    Technique.model_validate(found)


@pytest.mark.parametrize(
    ("search", "where", "what"),
    [
        ({"l3": {}}, "l3", "'l3' is not a technique; allowed: every, baseline, l2"),
        ({"l2": {"l1": {}}}, "l2.l1", "'l1' is no regularizer of it; allowed: l2, learning_rate"),
        ({"l2": 3}, "l2", "must be a mapping of regularizers to settings"),
        ({"l2": {"l2": 3}}, "l2.l2", "must be a mapping of settings to ranges"),
        (
            {"l2": {"l2": {"factr": [1]}}},
            "l2.l2.factr",
            "'factr' is no setting of l2; allowed: factor; did you mean 'factor'?",
        ),
        ({"l2": {"l2": {"factor": 3}}}, "l2.l2.factor", "must be {low: ..., high: ..., log: tr"),
        ({"l2": {"l2": {"factor": []}}}, "l2.l2.factor", "must be {low: ..., high: ..., log: t"),
        (
            {"l2": {"l2": {"factor": {"low": 1, "high": 1}}}},
            "l2.l2.factor",
            "low must be less than high, not 1 and 1",
        ),
        (
            {"l2": {"l2": {"factor": {"low": 0, "high": 1, "log": True}}}},
            "l2.l2.factor",
            "low must be greater than 0 where log is true, not 0",
        ),
        (
            {"l2": {"l2": {"factor": {"low": -1, "high": 1}}}},
            "l2.l2.factor",
            "-1: must be greater than 0 and at most 1e+38, not -1",
        ),
    ],
)
def test_wrong_ranges_are_named(search: dict[str, Any], where: str, what: str) -> None:
    study = techniques(l2={"l2": 0.1})
    found = problem({**study, "tuning": {**BASE["tuning"], "search": search}})
    assert dotted(found) == f"tuning.search.{where}"
    assert found.message.startswith(what)


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("tuning.storage", "postgresql://me:secret@host/db", "must not hold a password"),
        ("tuning.seeds", [1, 1], "must name every seed once"),
        ("tuning.sampler", "random", "must be"),
        ("tuning.budget.epochs", 0, "must be"),
    ],
)
def test_other_wrong_settings_are_named(path: str, value: Any, what: str) -> None:
    found = problem(changed(path, value))
    assert found.path[: len(path.split("."))] == tuple(path.split("."))
    assert found.message.startswith(what)
    assert "secret" not in without_secrets(found.message)  # as it is shown
