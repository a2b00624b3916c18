"""Techniques: their names, the baseline, combining, and own values of augmentation."""

from typing import Any

import pytest
from tests.study.base_study import (
    AUGMENTATION_KEYS,
    BASE,
    changed,
    dotted,
    problem,
    problems,
    techniques,
)

from regbench.pipelines import training
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.base import Regularizer
from regbench.study.looks import stages
from regbench.study.reader import read_study
from regbench.study.schema import RESERVED_NAMES
from regbench.study.technique import Technique


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
        pipeline = training.create_pipeline("a", technique, stages([1], []))
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
