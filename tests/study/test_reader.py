"""Reading a study's settings: any settings give a study or ``InvalidStudy``."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from tests.study.base_study import (
    AUGMENTATION_KEYS,
    BASE,
    CONF,
    SEVERAL,
    STUDY_KEYS,
    TECHNIQUE_KEYS,
    changed,
    dotted,
    given_again,
    outcome,
    problem,
)

from regbench.study.problems import Problem
from regbench.study.reader import read_study
from regbench.study.schema import Study
from regbench.study.technique import Technique


class TestWhatIsGiven:
    def test_the_base_study_reads(self) -> None:
        study = read_study(BASE)
        assert study.protocol.seeds == list(range(1, 21))
        assert study.protocol.split.train == 0.7
        assert list(study.techniques) == list(BASE["techniques"])
        assert study.ingest.size == "auto"

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
        ("size", "expected"),
        [(14, (14, 14)), ("14", (14, 14)), ([20, 30], (20, 30)), ("auto", "auto")],
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
    *(
        f"{key}.{inner}"
        for key in STUDY_KEYS
        if isinstance(BASE.get(key), dict)
        for inner in BASE[key]
    ),
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


def test_the_network_of_the_readme_is_valid() -> None:
    readme = (CONF.parent / "README.md").read_text()
    networks = yaml.safe_load(readme.partition("```yml\n")[2].partition("```")[0])["networks"]
    study = read_study(
        {
            **BASE,
            "networks": BASE["networks"] | networks,
            "protocol": BASE["protocol"] | {"network": "small"},
        }
    )
    assert study.network.as_entry() == {**networks["small"], "initializer": "glorot"}
