"""Messages about unknown keys and wrong values of a study."""

import math
from typing import Any

import pytest
from tests.study.base_study import (
    AUGMENTATION_KEYS,
    BASE,
    STUDY_KEYS,
    TECHNIQUE_KEYS,
    changed,
    dotted,
    problem,
    problems,
    without,
)

from regbench.fields import MAX_SEED
from regbench.study.problems import InvalidStudy, Problem
from regbench.study.reader import read_study


@pytest.mark.parametrize("value", ["some", 1.5, -1, True])
def test_a_number_or_a_word_is_told_in_one_line(value: object) -> None:
    found = problem(changed("verify.trainings", value))
    assert found.path == ("verify", "trainings")
    assert found.message.startswith("must be a whole number from 0 to 1000000000, or all, not ")


class TestUnknownKeys:
    def test_of_a_regularizer_without_settings(self) -> None:
        found = problem(changed("techniques.unit", {"unit_norm": {"axis": 0}}))
        assert found.path == ("techniques", "unit", "unit_norm", "axis")
        assert found.message == "unknown key; it has no settings"

    @pytest.mark.parametrize(
        ("path", "allowed", "nearest"),
        [
            ("protocl", STUDY_KEYS, "protocol"),
            ("protocol.epoch", ["split", "network", "optimizer", "batch_size", "epochs"], "epochs"),
            ("protocol.split.valid", ["method", "train", "validation", "test"], "validation"),
            ("networks.mlp.hidden_unit", ["kind", "hidden_units", "activation"], "hidden_units"),
            ("protocol.optimizer.learn_rate", ["name", "learning_rate"], "learning_rate"),
            ("protocol.optimizer.beta1", ["name", "learning_rate", "beta_1"], "beta_1"),
            ("protocol.optimizer.momentum", ["name", "learning_rate", "beta_1", "beta_2"], None),
            ("protocol.schedule.warm_up", ["name", "warmup", "unit", "final"], "warmup"),
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

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("BatchNorm2d", "; 'BatchNorm2d' is here batch_normalization (batch normalization)"),
            ("torch.nn.Dropout", "; did you mean 'dropout'?"),
            ("EarlyStopping", "; did you mean 'early_stopping'?"),
            ("lasso", "; 'lasso' is here l1 (L1 penalty)"),
            ("AdamW", "; 'AdamW' is here weight_decay (decoupled weight decay)"),
            ("SpatialDropout2D", "; 'SpatialDropout2D' is here spatial_dropout (spatial dropout)"),
            ("clipnorm", "; 'clipnorm' is here gradient_clipping (gradient clipping)"),
            ("MaxNorm", "; did you mean 'max_norm'?"),
            ("class-weight", "; 'class-weight' is here class_weights (class weights)"),
            ("dropuot", "; did you mean 'dropout'?"),
        ],
    )
    def test_names_of_other_libraries_are_known(self, name: str, hint: str) -> None:
        entry = {"baseline": {}, "own": {name: 0.1}}
        message = problem(changed("techniques", entry)).message
        assert message.endswith(hint)

    def test_a_name_of_several_regularizers_names_them(self) -> None:
        entry = {"baseline": {}, "own": {"kernel_regularizer": 0.1}}
        message = problem(changed("techniques", entry)).message
        assert "is here " in message
        assert "l1 (L1 penalty) or l2 (L2 penalty)" in message

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
    ("protocol.network", {"hidden_units": [500]}),
    ("protocol.network", 3),
    ("protocol.optimizer", 0.1),
    ("protocol.optimizer.learning_rate", "fast"),
    ("protocol.schedule", "cosine"),
    ("protocol.schedule.final", "none"),
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
    ("ingest.label_pattern", "(?P<label>.*", "unterminated subpattern"),
    ("ingest.label_pattern", "[a-z]+", "a group (?P<label>...)"),
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
    ("protocol.checkpoint_minutes", -1, "0"),
    ("protocol.seeds", 0, "1000"),
    ("protocol.seeds", -1, "1000"),
    ("protocol.seeds", 1001, "1000"),
    ("protocol.seeds", [], "1"),
    ("networks.mlp.hidden_units", [], "1"),
    ("protocol.optimizer.learning_rate", 0, "0"),
    ("protocol.optimizer.beta_2", 1, "1"),
    ("protocol.schedule.final", 1.1, "1"),
    ("protocol.schedule.warmup", -1, "0"),
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
    ("reporting.equivalence_band_nats", -0.1, "0"),
    ("reporting.published.l2", {"accuracy": 97.39}, "1"),
]

CHOICES = [
    ("reporting.metric", "f1", ["accuracy", "macro_f1", "log_likelihood_per_class"]),
    ("reporting.metric", None, ["accuracy", "balanced_accuracy", "cross_entropy"]),
    ("ingest.layout", "autoo", ["auto", "label_file", "class_folders"]),
    ("ingest.mode", "grey", ["auto", "L", "RGB"]),
    ("ingest.background", "grey", ["black", "white"]),
    ("normalization.method", "minmax", ["min_max", "mean_std"]),
    ("augmentation.fill", "black", ["constant", "nearest", "reflect", "wrap"]),
    ("protocol.split.method", "random", ["auto", "given", "stratified", "sequential", "hashed"]),
    ("networks.mlp.activation", "relus", ["relu", "elu", "gelu", "tanh"]),
    ("protocol.precision", "float16", ["float32", "mixed_float16", "mixed_bfloat16"]),
    ("protocol.optimizer.name", "adma", ["adam", "adamw", "sgd", "rmsprop", "lion"]),
    ("protocol.schedule.name", "cosin", ["constant", "cosine", "step", "one_cycle", "plateau"]),
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

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            ("techniques.dropout.dropout", 1.5, "must be greater than 0 and less than 1, not 1.5"),
            ("ingest.max_rejected", -1, "must be at least 0 and at most 1, not -1"),
            ("protocol.batch_size", 0, "must be at least 1 and at most 1000000, not 0"),
            ("alarms.drop", -1, "must be at least 0, not -1"),
        ],
    )
    def test_out_of_range_are_told_of_both_bounds(self, path: str, value: Any, said: str) -> None:
        assert problem(changed(path, value)).message == said

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

    @pytest.mark.parametrize(
        ("changes", "where", "said"),
        [
            ({"group_pattern": "(a"}, ".group_pattern", "must be a regular expression (missing )"),
            ({"group_pattern": "a"}, ".group_pattern", "must have a group in parentheses, such as"),
            ({"group_column": ""}, ".group_column", "must have at least 1 character"),
            ({"group_column": "a", "group_pattern": "(a)"}, "", "exclude each other"),
            ({"group_column": "a", "method": "sequential"}, "", "keeps no group together"),
        ],
    )
    def test_groups_that_cannot_be_found_or_kept(
        self, changes: dict[str, str], where: str, said: str
    ) -> None:
        found = problem(changed("protocol.split", BASE["protocol"]["split"] | changes))
        assert dotted(found) == f"protocol.split{where}"
        assert said in found.message

    @pytest.mark.parametrize("entry", ["optimizer", "schedule"])
    def test_an_entry_without_its_name(self, entry: str) -> None:
        found = problem(without(f"protocol.{entry}.name"))
        assert found == Problem(("protocol", entry, "name"), "is missing")

    def test_keys_of_another_optimizer_or_schedule(self) -> None:
        sgd = {"name": "sgd", "learning_rate": 0.1, "beta_1": 0.9}
        found = problem(changed("protocol.optimizer", sgd))
        assert dotted(found) == "protocol.optimizer.beta_1"
        assert "allowed: learning_rate, name, momentum, nesterov, weight_decay" in found.message
        found = problem(changed("protocol.schedule", {"name": "one_cycle", "warmup": 1}))
        assert dotted(found) == "protocol.schedule.warmup"

    def test_settings_of_an_optimizer_or_schedule_that_contradict_one_another(self) -> None:
        sgd = {"name": "sgd", "learning_rate": 0.1, "nesterov": True}
        found = problem(changed("protocol.optimizer", sgd))
        assert dotted(found) == "protocol.optimizer"
        assert found.message.startswith("nesterov needs a momentum above 0")
        found = problem(changed("protocol.schedule.warmup", 15))
        assert dotted(found) == "protocol.schedule.warmup"
        assert found.message == "must be less than the 15 epochs, not 15"

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
