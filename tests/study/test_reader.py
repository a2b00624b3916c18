"""Validation of a study's settings, and the messages about wrong ones."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regbench.fields import MAX_SEED
from regbench.pipelines import training
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.base import Regularizer
from regbench.study.problems import InvalidStudy, Problem
from regbench.study.reader import read_study
from regbench.study.schema import RESERVED_NAMES, Study
from regbench.study.technique import Technique

CONF = Path(__file__).parents[2] / "conf"
SEVERAL = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

STUDY_KEYS = list(Study.model_fields)
TECHNIQUE_KEYS = [*Technique.model_fields, "combine"]
AUGMENTATION_KEYS = list(Augmentation.model_fields)


def _base() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in (CONF / "base/globals.yml", *sorted((CONF / "base").glob("parameters*.yml"))):
        merged |= yaml.safe_load(path.read_text())
    return merged


BASE = _base()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The base study with one value, at a dotted path, put in."""
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
    """The settings among a study's parameters, without what is worked out from them."""
    return {key: values[key] for key in STUDY_KEYS}


def problems(parameters: dict[str, Any]) -> list[Problem]:
    with pytest.raises(InvalidStudy) as caught:
        read_study(parameters)
    assert len(caught.value.problems) > 0
    return caught.value.problems


def outcome(parameters: dict[str, Any]) -> Study | list[Problem]:
    """The study, or the problems; nothing else may come of settings."""
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


class TestWhatIsGiven:
    def test_the_base_study_reads(self) -> None:
        study = read_study(BASE)
        assert study.protocol.seeds == [1, 2, 3, 4, 5]
        assert study.protocol.split.train == 0.7
        assert list(study.techniques) == list(BASE["techniques"])
        assert study.ingest.size == (28, 28)

    @pytest.mark.parametrize(
        ("seeds", "expected"),
        [
            (1, [1]),
            (3, [1, 2, 3]),
            (1000, list(range(1, 1001))),
            ([7], [7]),
            ([9, 0, 4], [9, 0, 4]),
        ],
    )
    def test_a_number_of_seeds_or_a_list_of_them(self, seeds: Any, expected: list[int]) -> None:
        assert read_study(changed("protocol.seeds", seeds)).protocol.seeds == expected

    @pytest.mark.parametrize(
        ("size", "expected"), [(14, (14, 14)), ("14", (14, 14)), ([20, 30], (20, 30))]
    )
    def test_one_number_is_a_square(self, size: Any, expected: tuple[int, int]) -> None:
        assert read_study(changed("ingest.size", size)).ingest.size == expected

    def test_numbers_as_yaml_gives_them(self) -> None:
        # PyYAML reads 1e-4, without a dot, as text.
        loaded = yaml.safe_load("rate: 1e-4")["rate"]
        assert isinstance(loaded, str)
        study = read_study(changed("protocol.optimizer.learning_rate", loaded))
        assert study.protocol.optimizer.learning_rate == 1e-4

    @pytest.mark.parametrize("shares", [(0.7, 0.3, 0), (0.1, 0.2, 0.7), (1 / 3, 1 / 3, 1 / 3)])
    def test_shares_that_sum_to_one_but_for_rounding(self, shares: tuple[float, ...]) -> None:
        split = BASE["protocol"]["split"] | dict(
            zip(("train", "validation", "test"), shares, strict=True)
        )
        read = read_study(changed("protocol.split", split)).protocol.split
        assert (read.train, read.validation, read.test) == shares

    def test_nothing_can_be_changed_afterwards(self) -> None:
        study = read_study(BASE)
        with pytest.raises(ValueError, match="frozen"):
            study.protocol.epochs = 1  # type: ignore[misc]


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("path", "allowed", "nearest"),
        [
            ("protocl", STUDY_KEYS, "protocol"),
            ("protocol.epoch", ["split", "network", "optimizer", "batch_size", "epochs"], "epochs"),
            ("protocol.split.valid", ["method", "train", "validation", "test"], "validation"),
            ("networks.mlp.hidden_unit", ["kind", "hidden_units", "activation"], "hidden_units"),
            ("protocol.optimizer.learn_rate", ["name", "learning_rate"], "learning_rate"),
            ("ingest.colour", ["layout", "mode", "background"], None),
            ("normalization.methode", ["method"], "method"),
            ("zca.eps", ["epsilon"], "epsilon"),
            ("augmentation.rotate", AUGMENTATION_KEYS, "rotation"),
            ("evaluation.robustness_image", ["robustness_images"], "robustness_images"),
            ("reporting.publish", ["equivalence_band", "published", "failed"], "published"),
            (
                "reporting.equivalence",
                ["equivalence_band", "published", "failed"],
                "equivalence_band",
            ),
            ("prediction.techniques", ["technique"], "technique"),
            ("techniques.l2.l3", TECHNIQUE_KEYS, None),
            ("techniques.batch_normalization.batchnormalization", TECHNIQUE_KEYS, "batch_norm"),
            ("techniques.early_stopping.early_stopping.patient", ["monitor"], "patience"),
        ],
    )
    def test_are_refused_with_the_allowed_ones(
        self, path: str, allowed: list[str], nearest: str | None
    ) -> None:
        found = problem(changed(path, 1))
        assert dotted(found) == path
        assert found.message.startswith("unknown key; allowed: ")
        assert all(key in found.message for key in allowed)
        assert ("did you mean" in found.message) == (nearest is not None)
        assert f"did you mean '{nearest or ''}" in found.message or nearest is None

    @pytest.mark.parametrize("path", ["images", "protocol.epochs", "zca", "augmentation.fill"])
    def test_a_key_that_is_missing(self, path: str) -> None:
        found = problem(without(path))
        assert dotted(found) == path
        assert found.message == "is missing"


NOT_OF_THE_KIND: list[tuple[str, Any]] = [
    ("images", 5),
    ("images", None),
    ("data_root", ["data"]),
    ("ingest", 3),
    ("ingest", None),
    ("ingest.label_column", 0),
    ("ingest.size", 28.5),
    ("ingest.size", None),
    ("protocol", [1]),
    ("protocol.epochs", "many"),
    ("protocol.epochs", 2.5),
    ("protocol.epochs", None),
    ("protocol.epochs", [10]),
    ("protocol.seeds", True),
    ("protocol.seeds", "3"),
    ("protocol.seeds", None),
    ("protocol.seeds", {"first": 1}),
    ("networks.mlp.hidden_units", 500),
    ("protocol.optimizer.learning_rate", "fast"),
    ("protocol.optimizer.learning_rate", None),
    ("augmentation.rotation", "ten"),
    ("augmentation.horizontal_flip", "sometimes"),
    ("augmentation.horizontal_flip", 2),
    ("techniques.l2", 3),
    ("techniques.l2.l2", "strong"),
    ("techniques.batch_normalization.batch_normalization", "maybe"),
    ("techniques.early_stopping.early_stopping", 2),
    ("prediction.technique", 5),
    ("history.keep_networks", None),
    ("history.keep_networks", 1.5),
    ("alarms.drop", True),
    ("alarms.floor", "low"),
    ("alarms.technique", None),
    ("alarms.failed", "often"),
    ("evaluation", 1000),
    ("evaluation.robustness_images", "all"),
    ("reporting.equivalence_band", "narrow"),
    ("reporting.published", [0.97]),
    ("reporting.published.l2", 0.9739),
    ("reporting.published", None),
]

OUT_OF_RANGE: list[tuple[str, Any, str]] = [
    ("images", "", "1"),
    ("ingest.separator", "", "1"),
    ("ingest.separator", ";;", "1"),
    ("ingest.max_rejected", 1.5, "1"),
    ("ingest.duplicates", "delete", "'keep' or 'drop'"),
    ("ingest.max_pixels", 0, "1"),
    ("zca.epsilon", 0, "0"),
    ("history.keep_networks", 0, "1"),
    ("alarms.drop", -1, "0"),
    ("alarms.rejected", 101, "100"),
    ("alarms.floor", 90, "1"),
    ("augmentation.rotation", 181, "180"),
    ("augmentation.rotation", -1, "0"),
    ("augmentation.shift", 1, "1"),
    ("augmentation.shear", 90, "90"),
    ("augmentation.fill_value", 256, "255"),
    ("protocol.batch_size", 0, "1"),
    ("protocol.epochs", -3, "1"),
    ("protocol.seeds", 0, "1000"),
    ("protocol.seeds", -1, "1000"),
    ("protocol.seeds", 1001, "1000"),
    ("protocol.seeds", [], "1"),
    ("networks.mlp.hidden_units", [], "1"),
    ("protocol.optimizer.learning_rate", 0, "0"),
    ("protocol.split.train", 0, "0"),
    ("protocol.split.validation", 1, "1"),
    ("protocol.split.test", -0.1, "0"),
    ("protocol.split.seed", -1, "0"),
    ("techniques.l2.l2", 0, "0"),
    ("techniques.l1.l1", -1e-4, "0"),
    ("techniques.early_stopping.early_stopping", {"patience": -1}, "0"),
    ("evaluation.robustness_images", 0, "1"),
    ("reporting.equivalence_band", -0.1, "0"),
    ("reporting.equivalence_band", 101, "100"),
    ("reporting.published.l2", {"accuracy": 97.39}, "1"),
]

CHOICES = [
    ("ingest.layout", "autoo", ["auto", "label_file", "class_folders"]),
    ("ingest.mode", "grey", ["L", "RGB"]),
    ("ingest.background", "grey", ["black", "white"]),
    ("normalization.method", "minmax", ["min_max", "mean_std"]),
    ("augmentation.fill", "black", ["constant", "nearest", "reflect", "wrap"]),
    ("protocol.split.method", "random", ["stratified", "sequential"]),
    ("networks.mlp.activation", "relus", ["relu", "elu", "gelu", "tanh"]),
    ("protocol.optimizer.name", "sgd", ["adam"]),
    ("networks.mlp.activation", None, ["relu", "elu", "gelu", "tanh"]),
    ("reporting.published", {"l2": {"accuracy": 0.9, "says": "best"}}, ["better", "not better"]),
]


class TestWrongValues:
    @pytest.mark.parametrize(("path", "value"), NOT_OF_THE_KIND)
    def test_of_another_kind(self, path: str, value: Any) -> None:
        found = problem(changed(path, value))
        assert dotted(found) == path
        assert f"not {value!r}" in found.message

    @pytest.mark.parametrize(("path", "value", "bound"), OUT_OF_RANGE)
    def test_out_of_range(self, path: str, value: Any, bound: str) -> None:
        found = problem(changed(path, value))
        inner = next(iter(value)) if isinstance(value, dict) else None
        assert dotted(found) == (f"{path}.{inner}" if inner else path)
        own = value[inner] if inner else value
        said, _, given_value = found.message.rpartition("not ")
        assert given_value == repr(own)
        assert bound in said

    @pytest.mark.parametrize(("path", "value", "allowed"), CHOICES)
    def test_not_among_the_choices(self, path: str, value: Any, allowed: list[str]) -> None:
        found = problem(changed(path, value))
        given_value: Any = value
        while isinstance(given_value, dict):
            *_, key = given_value
            path, given_value = f"{path}.{key}", given_value[key]
        assert dotted(found) == path
        assert all(f"'{choice}'" in found.message for choice in allowed)
        assert f"not {given_value!r}" in found.message

    @pytest.mark.parametrize(
        ("path", "value", "where"),
        [
            ("networks.mlp.hidden_units", [500, 0], "networks.mlp.hidden_units.1"),
            ("networks.mlp.hidden_units", [500, "x"], "networks.mlp.hidden_units.1"),
            ("protocol.seeds", [1, -2, 3], "protocol.seeds.1"),
            ("protocol.seeds", [1.5], "protocol.seeds.0"),
            ("ingest.size", [28, 5000], "ingest.size.1"),
        ],
    )
    def test_inside_a_list_are_named_by_place(self, path: str, value: Any, where: str) -> None:
        assert dotted(problem(changed(path, value))) == where

    @pytest.mark.parametrize("size", [0, "large", 10_000])
    def test_one_number_for_a_square_is_one_problem(self, size: Any) -> None:
        found = problem(changed("ingest.size", size))
        assert found.path[:2] == ("ingest", "size")
        assert f"not {size!r}" in found.message

    @pytest.mark.parametrize("size", [[28], [28, 28, 3], []])
    def test_a_size_is_height_and_width(self, size: list[int]) -> None:
        found = problem(changed("ingest.size", size))
        assert dotted(found) == "ingest.size"
        assert f"not {size!r}" in found.message

    def test_seeds_given_twice(self) -> None:
        found = problem(changed("protocol.seeds", [3, 1, 3]))
        assert found == Problem(("protocol", "seeds"), "must name every seed once, not [3, 1, 3]")

    @pytest.mark.parametrize(
        ("shares", "total"), [((0.7, 0.2, 0.2), "1.1"), ((0.5, 0.2, 0.2), "0.9")]
    )
    def test_shares_that_do_not_sum_to_one(self, shares: tuple[float, ...], total: str) -> None:
        split = BASE["protocol"]["split"] | dict(
            zip(("train", "validation", "test"), shares, strict=True)
        )
        found = problem(changed("protocol.split", split))
        assert dotted(found) == "protocol.split"
        assert found.message == f"train + validation + test must sum to 1, not {total}"

    @pytest.mark.parametrize(
        ("path", "value", "where"),
        [
            ("techniques.l2.l2", True, "techniques.l2.l2"),
            ("protocol.epochs", True, "protocol.epochs"),
            ("protocol.seeds", [True], "protocol.seeds.0"),
            ("ingest.size", True, "ingest.size"),
            ("augmentation.rotation", True, "augmentation.rotation"),
        ],
    )
    def test_true_is_no_number(self, path: str, value: Any, where: str) -> None:
        # `l2: true`, by analogy with `zca: true`, must not train with a factor of 1.
        found = problem(changed(path, value))
        assert dotted(found) == where
        assert "not True" in found.message

    @pytest.mark.parametrize("value", [math.inf, math.nan, ".inf"])
    @pytest.mark.parametrize(
        "path",
        [
            "protocol.optimizer.learning_rate",
            "zca.epsilon",
            "techniques.l2.l2",
            "ingest.max_rejected",
        ],
    )
    def test_infinity_is_no_setting(self, path: str, value: Any) -> None:
        assert dotted(problem(changed(path, value))) == path

    @pytest.mark.parametrize(
        ("path", "value", "where"),
        [
            ("protocol.split.seed", 2**32, "protocol.split.seed"),
            ("protocol.seeds", [1, 2**64], "protocol.seeds.1"),
        ],
    )
    def test_seeds_too_large_for_the_generators(self, path: str, value: Any, where: str) -> None:
        found = problem(changed(path, value))
        assert dotted(found) == where
        assert str(MAX_SEED) in found.message

    def test_all_are_found_at_once(self) -> None:
        parameters = changed("protocol.epochs", 0)
        parameters["zca"]["epsilon"] = -1
        parameters["techniques"]["Bad"] = {}
        parameters["techniques"]["l2"]["l3"] = 1
        assert {dotted(found) for found in problems(parameters)} == {
            "protocol.epochs",
            "zca.epsilon",
            "techniques.Bad",
            "techniques.l2.l3",
        }

    def test_all_are_found_at_once_the_later_checks_too(self) -> None:
        parameters = changed("protocol.epochs", 0)
        parameters["techniques"]["augmentation"]["augmentation"] = {"rotation": 200}
        parameters["prediction"]["technique"] = "besst"
        parameters["techniques"].pop("dropout_augmentation")
        assert {dotted(found) for found in problems(parameters)} == {
            "protocol.epochs",
            "techniques.augmentation.augmentation.rotation",
            "prediction.technique",
        }

    def test_the_exception_says_all_of_it(self) -> None:
        parameters = changed("protocol.epochs", 0) | {"protocl": {}}
        with pytest.raises(InvalidStudy) as caught:
            read_study(parameters)
        for found in caught.value.problems:
            assert f"{dotted(found)}: {found.message}" in str(caught.value)

    def test_messages_speak_the_readers_language(self) -> None:
        terms = {
            *("input should", "instance of", "dictionary", "tuple", "string", "boolean"),
            *("after validation", "unable to", "fractional part"),
        }
        wrong: list[tuple[str, Any]] = [
            *NOT_OF_THE_KIND,
            *((path, value) for path, value, _ in (*OUT_OF_RANGE, *CHOICES)),
            ("ingest.size", [1, 2, 3]),
            ("protocol.seeds", [1, "x"]),
            ("techniques.augmentation.augmentation", 3),
            ("techniques.l2", {1: 2}),
            ("reporting.published", {1: 0.5}),
        ]
        messages = {
            found.message for path, value in wrong for found in problems(changed(path, value))
        }
        assert not {text for text in messages if any(term in text for term in terms)}


class TestTechniqueNames:
    @pytest.mark.parametrize("name", ["a", "l2", "zca_dropout_2", "x" * 60])
    def test_that_are_allowed(self, name: str) -> None:
        assert name in read_study(techniques(**{name: {}})).techniques

    @pytest.mark.parametrize(
        "name",
        [
            *("../x", "..", "a/b", "L2", "two words", "é", "2x", "_x", "a-b", "a.b", "a\n", ""),
            *("x" * 61, "__default__", "a:b", "{x}", "params:x"),
        ],
    )
    def test_that_are_no_folder_and_no_namespace(self, name: str) -> None:
        found = problem(techniques(**{name: {"dropout": 0.5}}))
        assert found.path == ("techniques", name)
        assert "letters, digits and underscores" in found.message

    @pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
    def test_that_mean_something_else(self, name: str) -> None:
        found = problem(techniques(**{name: {}}))
        assert found.path == ("techniques", name)
        assert "reserved" in found.message
        assert name in found.message
        assert {"data", "reporting", "prediction", "best"} <= set(
            found.message.replace(",", " ").split()
        )

    @pytest.mark.parametrize("name", ["nan", "null"])
    def test_that_a_csv_file_gives_back_as_missing(self, name: str) -> None:
        # comparison.csv is read again for the Markdown and the plot.
        assert problem(techniques(**{name: {}})).path == ("techniques", name)

    @pytest.mark.parametrize("name", [1, 2.5, True, None])
    def test_that_yaml_does_not_read_as_text(self, name: Any) -> None:
        parameters = techniques()
        parameters["techniques"][name] = {"l2": 0.1}
        assert problem(parameters).path == ("techniques", str(name))

    @pytest.mark.parametrize("name", [1, True])
    def test_that_are_no_text_and_combine(self, name: Any) -> None:
        parameters = techniques()
        parameters["techniques"][name] = {"combine": 5}
        assert ("techniques", str(name)) in [found.path for found in problems(parameters)]


class TestBaseline:
    @pytest.mark.parametrize("entry", [{}, {"combine": []}])
    def test_has_no_regularizers(self, entry: dict[str, Any]) -> None:
        study = read_study(techniques(baseline=entry))
        assert study.techniques["baseline"] == Technique()

    @pytest.mark.parametrize("entry", [{"l2": 0.1}, {"combine": ["l2"]}, {"zca": True}])
    def test_with_regularizers(self, entry: dict[str, Any]) -> None:
        found = problem(techniques(baseline=entry, l2={"l2": 0.1}))
        assert dotted(found) == "techniques.baseline"
        assert "must have no regularizers" in found.message

    def test_is_missing(self) -> None:
        parameters = techniques(l2={"l2": 0.1})
        del parameters["techniques"]["baseline"]
        found = problem(parameters)
        assert dotted(found) == "techniques"
        assert "'baseline' is missing" in found.message
        assert "baseline: {}" in found.message

    def test_is_taken_out(self) -> None:
        assert "'baseline' is missing" in problem(techniques(baseline=None)).message


class TestCombine:
    def test_merges_the_settings_of_techniques(self) -> None:
        study = read_study(
            techniques(
                a={"l2": 0.1},
                b={"dropout": 0.5, "batch_normalization": True},
                both={"combine": ["a", "b"]},
            )
        )
        assert study.techniques["both"] == Technique(l2=0.1, dropout=0.5, batch_normalization=True)

    def test_reaches_through_combined_techniques(self) -> None:
        study = read_study(
            techniques(
                all={"combine": ["two", "zca"]},
                two={"combine": ["l1", "l2"]},
                zca={"zca": True},
                l1={"l1": 0.1},
                l2={"l2": 0.2},
            )
        )
        assert study.techniques["all"] == Technique(l1=0.1, l2=0.2, zca=True)

    def test_own_keys_win(self) -> None:
        study = read_study(
            techniques(
                a={"dropout": 0.5, "l2": 0.1},
                b={"dropout": 0.2},
                c={"combine": ["a", "b"], "dropout": 0.3},
            )
        )
        assert study.techniques["c"] == Technique(dropout=0.3, l2=0.1)

    def test_own_null_takes_a_regularizer_out(self) -> None:
        study = read_study(
            techniques(a={"dropout": 0.5, "l2": 0.1}, b={"combine": ["a"], "l2": None})
        )
        assert study.techniques["b"] == Technique(dropout=0.5)

    def test_techniques_may_agree(self) -> None:
        study = read_study(
            techniques(a={"l2": 0.1}, b={"l2": 0.1, "l1": 1}, c={"combine": ["a", "b", "a"]})
        )
        assert study.techniques["c"] == Technique(l1=1, l2=0.1)

    def test_of_nothing_is_what_it_says_itself(self) -> None:
        assert read_study(techniques(a={"combine": [], "l1": 1})).techniques["a"] == Technique(l1=1)

    def test_takes_augmentation_as_one_value(self) -> None:
        study = read_study(
            techniques(
                a={"augmentation": {"rotation": 5}},
                b={"combine": ["a"], "augmentation": {"shift": 0.2}},
            )
        )
        assert study.techniques["b"].augmentation == {"shift": 0.2}

    def test_two_values_are_a_conflict(self) -> None:
        found = problem(
            techniques(a={"dropout": 0.5}, b={"dropout": 0.2}, c={"combine": ["a", "b"]})
        )
        assert dotted(found) == "techniques.c.combine"
        assert "two values for dropout" in found.message

    @pytest.mark.parametrize(
        ("entries", "places"),
        [
            ({"a": {"combine": ["a"]}}, {"techniques.a.combine"}),
            (
                {"a": {"combine": ["b"]}, "b": {"combine": ["a"]}},
                {"techniques.a.combine", "techniques.b.combine"},
            ),
            (
                {"a": {"combine": ["b"]}, "b": {"combine": ["b"]}},
                {"techniques.b.combine"},
            ),
        ],
    )
    def test_cycles_are_found(self, entries: dict[str, Any], places: set[str]) -> None:
        found = problems(techniques(**entries))
        assert {dotted(one) for one in found} == places
        assert len(found) == len(places)
        assert all("contains itself" in one.message for one in found)

    def test_names_that_do_not_exist(self) -> None:
        found = problem(techniques(dropout={"dropout": 0.5}, a={"combine": ["dropuot"]}))
        assert dotted(found) == "techniques.a.combine"
        assert "'dropuot' is not a technique" in found.message
        assert "did you mean 'dropout'?" in found.message

    def test_a_technique_that_was_taken_out(self) -> None:
        found = problem(techniques(gone=None, a={"combine": ["gone"]}))
        assert dotted(found) == "techniques.a.combine"
        assert "'gone' is not a technique" in found.message

    @pytest.mark.parametrize("value", ["l2", {"l2": 1}, 3, True])
    def test_is_a_list(self, value: Any) -> None:
        found = problem(techniques(l2={"l2": 1}, a={"combine": value}))
        assert dotted(found) == "techniques.a.combine"
        assert "a list of techniques" in found.message

    @pytest.mark.parametrize("name", [1, None, True, ["l2"], {"l2": 0.1}])
    def test_of_something_else_than_names(self, name: Any) -> None:
        found = problem(techniques(l2={"l2": 1}, a={"combine": [name]}))
        assert dotted(found) == "techniques.a.combine"
        assert "is not a technique" in found.message

    @pytest.mark.parametrize(
        ("entry", "where"),
        [
            ({"dropuot": 0.5}, "techniques.dropout.dropuot"),
            ({"dropout": 25}, "techniques.dropout.dropout"),
            ({"augmentation": {"rotate": 5}}, "techniques.dropout.augmentation.rotate"),
            ({"early_stopping": {"patience": -1}}, "techniques.dropout.early_stopping.patience"),
        ],
    )
    def test_a_wrong_value_is_reported_where_it_stands_only(
        self, entry: dict[str, Any], where: str
    ) -> None:
        combined = {"combine": ["dropout"], "zca": True}
        assert dotted(problem(techniques(dropout=entry, zca_dropout=combined))) == where

    def test_null_takes_a_technique_out(self) -> None:
        study = read_study(changed("techniques.l1", None))
        assert set(study.techniques) == set(BASE["techniques"]) - {"l1"}

    @pytest.mark.parametrize("value", [None, [], ["baseline"], "baseline", 3])
    def test_techniques_are_a_mapping(self, value: Any) -> None:
        found = problem(changed("techniques", value))
        assert dotted(found) == "techniques"
        assert "a mapping of technique names" in found.message


class TestAugmentation:
    shared = Augmentation.model_validate(BASE["augmentation"])

    def made(self, technique: Technique) -> list[Regularizer]:
        return technique.regularizers({"augmentation": BASE["augmentation"]})

    def test_off_is_none(self) -> None:
        assert self.made(Technique()) == []

    def test_on_is_the_studys(self) -> None:
        assert self.made(Technique(augmentation=True)) == [self.shared]

    def test_own_values_replace_the_studys(self) -> None:
        technique = Technique(augmentation={"rotation": 45, "fill": "nearest"})
        expected = Augmentation.model_validate(
            BASE["augmentation"] | {"rotation": 45, "fill": "nearest"}
        )
        assert self.made(technique) == [expected]

    @pytest.mark.parametrize("own", [False, True, {}, {"shear": 3}])
    def test_the_pipeline_and_the_technique_agree(self, own: Any) -> None:
        technique = read_study(techniques(a={"augmentation": own})).techniques["a"]
        pipeline = training.create_pipeline("a", technique, [1])
        assert bool(self.made(technique)) == (own is not False)
        assert ("augmentation" in pipeline.inputs()) == (own is not False)

    @pytest.mark.parametrize(
        ("own", "key", "words"),
        [
            ({"rotate": 5}, "rotate", [*AUGMENTATION_KEYS, "did you mean 'rotation'?"]),
            ({"rotation": 200}, "rotation", ["180", "not 200"]),
            ({"fill": "mirror"}, "fill", ["'reflect'", "not 'mirror'"]),
            ({"shift": None}, "shift", ["not None"]),
        ],
    )
    def test_wrong_own_values(self, own: dict[str, Any], key: str, words: list[str]) -> None:
        found = problem(techniques(a={"augmentation": own}))
        assert dotted(found) == f"techniques.a.augmentation.{key}"
        assert all(word in found.message for word in words)

    @pytest.mark.parametrize("value", [3, "strong", [1], None, {1: 2}, 0.5])
    def test_neither_true_nor_values(self, value: Any) -> None:
        found = problem(techniques(a={"augmentation": value}))
        assert found.path[:3] == ("techniques", "a", "augmentation")
        assert "bool" not in found.path

    def test_wrong_shared_values_are_named_there(self) -> None:
        assert dotted(problem(changed("augmentation.zoom", 2))) == "augmentation.zoom"


class TestPrediction:
    @pytest.mark.parametrize("technique", ["best", "baseline", "zca_dropout"])
    def test_by_a_technique_or_the_best(self, technique: str) -> None:
        study = read_study(changed("prediction.technique", technique))
        assert study.prediction.technique == technique

    def test_by_one_that_does_not_exist(self) -> None:
        found = problem(changed("prediction.technique", "dropuot"))
        assert dotted(found) == "prediction.technique"
        assert all(name in found.message for name in ["best", *BASE["techniques"]])
        assert "did you mean 'dropout'?" in found.message

    def test_by_one_that_was_taken_out(self) -> None:
        parameters = changed("prediction.technique", "l1")
        parameters["techniques"]["l1"] = None
        assert dotted(problem(parameters)) == "prediction.technique"


class TestAlarms:
    @pytest.mark.parametrize("technique", ["best", "l2"])
    def test_may_watch_a_technique_or_the_best(self, technique: str) -> None:
        study = read_study(changed("alarms.technique", technique))
        assert study.alarms.technique == technique

    def test_watch_no_other(self) -> None:
        found = problem(changed("alarms.technique", "dropuot"))
        assert dotted(found) == "alarms.technique"
        assert "did you mean 'dropout'?" in found.message


def test_failed_techniques_are_listed_or_words() -> None:
    for listed in (["l2", "gone"], "l2 gone"):
        assert read_study(changed("reporting.failed", listed)).reporting.failed == ["l2", "gone"]
    assert problem(changed("reporting.failed", 2)).message == "must be a list, not 2"


class TestPublications:
    def test_may_say_more_than_an_accuracy(self) -> None:
        entry = {"accuracy": 0.97, "claim": "it helps", "says": "better", "not_comparable": "why"}
        study = read_study(changed("reporting.published", {"l2": entry, "l1": {"accuracy": 1}}))
        assert study.reporting.published["l2"].model_dump() == entry
        assert study.reporting.published["l1"].model_dump() == {
            "accuracy": 1,
            "claim": None,
            "says": None,
            "not_comparable": None,
        }

    def test_are_of_techniques(self) -> None:
        published = {"dropuot": {"accuracy": 0.9}, "l2": {"accuracy": 0.9}}
        found = problem(changed("reporting.published", published))
        assert dotted(found) == "reporting.published.dropuot"
        assert all(name in found.message for name in BASE["techniques"])
        assert "did you mean 'dropout'?" in found.message

    def test_of_a_technique_that_was_taken_out(self) -> None:
        parameters = changed("reporting.published", {"l1": {"accuracy": 0.9}})
        parameters["techniques"]["l1"] = None
        assert dotted(problem(parameters)) == "reporting.published.l1"

    def test_without_an_accuracy(self) -> None:
        found = problem(changed("reporting.published", {"l2": {"claim": "it helps"}}))
        assert found == Problem(("reporting", "published", "l2", "accuracy"), "is missing")

    @pytest.mark.parametrize("key", ["clam", "accurcy"])
    def test_with_an_unknown_key(self, key: str) -> None:
        published = {"l2": {"accuracy": 0.9, key: "it helps"}}
        found = problem(changed("reporting.published", published))
        assert dotted(found) == f"reporting.published.l2.{key}"
        assert found.message.startswith("unknown key; allowed: accuracy, claim, says")
        assert "did you mean" in found.message


class TestAsParameters:
    def test_names_every_training(self) -> None:
        parameters = read_study(changed("protocol.seeds", [4, 2])).as_parameters()
        assert list(parameters["trainings"]) == list(BASE["techniques"])
        assert parameters["seeds"] == {"seed_4": 4, "seed_2": 2}
        assert parameters["trainings"]["zca_dropout"] == {
            "technique": "zca_dropout",
            "regularizers": {"zca": True, "dropout": 0.25},
        }
        assert parameters["techniques"]["baseline"] == {}

    @pytest.mark.parametrize(
        "parameters",
        [
            BASE,
            changed("techniques.mine", {"augmentation": {"rotation": 3}}),
            changed("techniques.mine", {"combine": ["l2", "early_stopping"], "dropout": 0.9}),
            changed("ingest.size", 9),
            changed("protocol.seeds", 17),
            changed("reporting.published", {"l2": {"accuracy": 0.9, "says": "not better"}}),
        ],
    )
    def test_reads_back_as_the_same_study(self, parameters: dict[str, Any]) -> None:
        study = read_study(parameters)
        values = study.as_parameters()
        regularizers = {k: v["regularizers"] for k, v in values["trainings"].items()}
        assert {k: Technique.model_validate(v) for k, v in regularizers.items()} == study.techniques
        assert list(values["seeds"].values()) == study.protocol.seeds
        assert read_study(given_again(values)) == study

    def test_is_plain(self) -> None:
        values = read_study(changed("techniques.x", {"augmentation": {"zoom": 0.3}}))
        assert yaml.safe_load(yaml.safe_dump(values.as_parameters())) == values.as_parameters()


KEYS = st.sampled_from(
    [*STUDY_KEYS, *TECHNIQUE_KEYS, *AUGMENTATION_KEYS, *BASE["techniques"], "split", "seeds"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.dates()
    | st.binary(max_size=4)
    | st.text(max_size=8)
    | KEYS
)
YAML_KEYS = KEYS | st.text(max_size=5) | st.integers(0, 3) | st.none() | st.booleans()
YAML_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(YAML_KEYS, inner, max_size=5),
    max_leaves=12,
)
PATHS = [
    *STUDY_KEYS,
    *(f"{key}.{inner}" for key in STUDY_KEYS if isinstance(BASE[key], dict) for inner in BASE[key]),
    *(f"protocol.{key}.{i}" for key in ("split",) for i in BASE["protocol"][key]),
    *(f"networks.mlp.{key}" for key in BASE["networks"]["mlp"]),
    *(f"techniques.l2.{key}" for key in TECHNIQUE_KEYS),
    "techniques.early_stopping.early_stopping.patience",
    "reporting.published.l2",
]


class TestAnythingElse:
    """Whatever stands in a YAML file, the reader gets an ``InvalidStudy`` or a study."""

    @SEVERAL
    @given(st.dictionaries(YAML_KEYS, YAML_VALUES, max_size=6))
    def test_any_mapping(self, parameters: dict[Any, Any]) -> None:
        found = outcome(parameters)
        assert isinstance(found, list)  # a whole study never comes about by chance
        assert len(found) > 0

    @SEVERAL
    @given(st.sampled_from(PATHS), YAML_VALUES)
    @example("techniques.l2", {False: None})
    @example("techniques.l2", {"l2": [1], 3: {}})
    @example("techniques", {"baseline": {}, 3: {"combine": [3]}})
    @example("techniques.l2", {"combine": [["l1"]]})
    @example("reporting.published", {"l2": {"accuracy": 0.5}, 3: {}})
    def test_any_value(self, path: str, value: Any) -> None:
        found = outcome(changed(path, value))
        if isinstance(found, Study):
            assert read_study(given_again(found.as_parameters())) == found
        else:
            assert len(found) > 0

    @SEVERAL
    @given(
        st.dictionaries(
            st.sampled_from("abcd") | YAML_KEYS,
            st.dictionaries(
                st.sampled_from(["combine", "l1", "dropout", "augmentation"]),
                st.lists(st.sampled_from("abcde") | YAML_VALUES, max_size=3) | SCALARS,
            )
            | SCALARS,
            max_size=5,
        )
    )
    def test_any_techniques(self, entries: dict[Any, Any]) -> None:
        found = outcome({**BASE, "techniques": {"baseline": {}} | entries})
        if isinstance(found, Study):
            assert set(found.techniques) == {
                name for name in entries if entries[name] is not None
            } | {"baseline"}
        else:
            assert len(found) > 0


def test_the_example_of_the_readme_is_valid() -> None:
    readme = (CONF.parent / "README.md").read_text()
    example = yaml.safe_load(readme.partition("```yaml\n")[2].partition("```")[0])
    study = read_study({**BASE, "techniques": BASE["techniques"] | example["techniques"]})
    assert study.techniques["strong_dropout"] == Technique(dropout=0.5)
    assert "l1" not in study.techniques
