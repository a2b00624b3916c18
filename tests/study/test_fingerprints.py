"""Fingerprints: what makes a result stale changes them, and nothing else does."""

import copy
import importlib.metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from tests.study.base_study import BASE

from regbench.storage import arrays
from regbench.study import fingerprints
from regbench.study.fingerprints import (
    COMPONENTS,
    changed_components,
    current_fingerprints,
    description_of_machine,
    digests_of_preparation,
    fingerprint_of_data,
    fingerprints_of_techniques,
)
from regbench.study.reader import read_study
from regbench.study.schema import Study


def study(**values: Any) -> Study:
    """The base study with some values, at paths with __ for dots, put in."""
    parameters = copy.deepcopy(BASE)
    for path, value in values.items():
        *parents, last = path.split("__")
        place = parameters
        for key in parents:
            place = place[key]
        place[last] = value
    return read_study(parameters)


def different(one: Study, other: Study) -> dict[str, set[str]]:
    """The components in which techniques' fingerprints differ, of techniques that have any."""
    before, after = (
        {
            name: digests["training"] | {"evaluation": digests["evaluation"]}
            for name, digests in fingerprints_of_techniques(made).items()
        }
        for made in (one, other)
    )
    components = set(COMPONENTS) - {"data", "split"}
    assert all(set(found) == {*components, "protocol_but_schedule"} for found in before.values())
    found = {
        name: {key for key in components if before[name][key] != after[name][key]}
        for name in before.keys() & after.keys()
    }
    return {name: components for name, components in found.items() if components}


def every_technique(component: str) -> dict[str, set[str]]:
    return {name: {component} for name in BASE["techniques"]}


def only(*techniques: str) -> dict[str, set[str]]:
    return {name: {"technique"} for name in techniques}


class TestTechniques:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"techniques__l2__l2": 0.002}, only("l2")),
            ({"techniques__l1__l1": 0.5}, only("l1")),
            # What combines a technique changes with it.
            (
                {"techniques__dropout__dropout": 0.5},
                only("dropout", "zca_dropout", "dropout_augmentation"),
            ),
            ({"techniques__zca_dropout__dropout": 0.5}, only("zca_dropout")),
            ({"techniques__early_stopping__early_stopping__patience": 3}, only("early_stopping")),
            (
                {"techniques__augmentation__augmentation": {"rotation": 45}},
                only("augmentation", "dropout_augmentation"),
            ),
            # Shared settings, of the techniques that use them.
            ({"zca__epsilon": 0.1}, only("zca", "zca_dropout")),
            ({"augmentation__rotation": 20}, only("augmentation", "dropout_augmentation")),
            # The protocol is everybody's.
            ({"protocol__epochs": 11}, every_technique("protocol")),
            ({"protocol__batch_size": 64}, every_technique("protocol")),
            ({"networks__mlp__hidden_units": [500]}, every_technique("protocol")),
            ({"networks__mlp__activation": "elu"}, every_technique("protocol")),
            ({"protocol__optimizer__learning_rate": 0.01}, every_technique("protocol")),
            ({"protocol__optimizer__beta_1": 0.8}, every_technique("protocol")),
            ({"protocol__schedule__name": "constant"}, every_technique("protocol")),
            ({"protocol__precision": "mixed_bfloat16"}, every_technique("protocol")),
            ({"protocol__schedule__warmup": 1}, every_technique("protocol")),
            ({"normalization__method": "mean_std"}, every_technique("protocol")),
            # Evaluation has to be done again, training not.
            ({"evaluation__robustness_images": 10}, every_technique("evaluation")),
            # No training depends on any of these; data and split have fingerprints of their own.
            ({"protocol__seeds": [1, 2, 3, 4, 5, 6]}, {}),
            ({"protocol__checkpoint_minutes": None}, {}),
            ({"protocol__split__train": 0.6, "protocol__split__test": 0.25}, {}),
            ({"ingest__size": 14}, {}),
            ({"images": "mine.zip", "data_root": "elsewhere", "mnist_source": "x"}, {}),
            ({"reporting__equivalence_band": 5, "reporting__equivalence_band_nats": 1}, {}),
            # Early stopping monitors the metric, if it names no other figure.
            ({"reporting__metric": "macro_f1"}, only("early_stopping")),
            ({"reporting__published": {"l2": {"accuracy": 0.9}}}, {}),
            ({"prediction__technique": "l2"}, {}),
            ({"techniques__mine": {"l2": 0.0001}}, {}),
            ({"techniques__l1": None}, {}),
        ],
    )
    def test_change_with_what_their_trainings_are_made_from(
        self, values: dict[str, Any], expected: dict[str, set[str]]
    ) -> None:
        assert different(study(), study(**values)) == expected

    @pytest.mark.parametrize(
        "values",
        [
            {"techniques__zca_dropout": {"zca": True, "dropout": 0.25}},
            {"techniques__l2": {"l2": "1e-4", "dropout": None}},
            {"techniques__augmentation__augmentation": {}},
            {"techniques__augmentation__augmentation": {"rotation": 10, "fill": "constant"}},
            {"techniques__early_stopping__early_stopping": {"patience": 2}},
            {"techniques__early_stopping__early_stopping__monitor": "validation_accuracy"},
            {"networks__mlp__hidden_units": [500.0] * 5},
            {"protocol__seeds": [1, 2, 3, 4, 5]},
        ],
    )
    def test_are_the_same_for_the_same_settings_written_differently(
        self, values: dict[str, Any]
    ) -> None:
        assert different(study(), study(**values)) == {}

    def test_with_the_same_regularizers_are_alike_whatever_their_name(self) -> None:
        found = fingerprints_of_techniques(study(techniques__mine={"l2": 0.0001}))
        assert found["mine"] == found["l2"]
        fingerprints_now = fingerprints_of_techniques(study()).values()
        digests = [fingerprint["training"]["technique"] for fingerprint in fingerprints_now]
        assert len(set(digests)) == len(BASE["techniques"])

    def test_augmenting_alike_by_own_values_and_by_the_studys_is_the_same(self) -> None:
        own = study(techniques__augmentation__augmentation={"rotation": 20})
        shared = study(augmentation__rotation=20)
        assert different(own, shared) == {}


class TestPreparation:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"ingest__size": 14}, {"ingest"}),
            ({"protocol__split__seed": 1}, {"split"}),
            ({"normalization__method": "mean_std"}, {"normalization"}),
            ({"zca__epsilon": 0.1}, {"zca"}),
            ({"augmentation__zoom": 0.3}, {"augmentation"}),
            ({"evaluation__robustness_images": 10}, {"evaluation"}),
            (
                {"protocol__epochs": 3, "protocol__seeds": 1, "reporting__equivalence_band": 1},
                set(),
            ),
            ({"techniques__augmentation__augmentation": {"zoom": 0.3}}, set()),
        ],
    )
    def test_changes_with_the_settings_of_what_all_techniques_share(
        self, values: dict[str, Any], expected: set[str]
    ) -> None:
        before, after = digests_of_preparation(study()), digests_of_preparation(study(**values))
        assert {key for key in before if before[key] != after[key]} == expected


IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4, 1), dtype=np.uint8)
CLASSES = ["cat", "dog"]
INDEX = pd.DataFrame(
    {
        "filename": [f"{number:02}.png" for number in range(30)],
        "label": ["cat", "dog"] * 15,
        "target": [0, 1] * 15,
        "split": ["train"] * 20 + ["validation"] * 5 + ["test"] * 5,
    }
)


def indexed(column: str, row: int, value: str) -> pd.DataFrame:
    made = INDEX.copy()
    made.loc[row, column] = value
    return made


class TestData:
    before = fingerprint_of_data(IMAGES, INDEX, CLASSES)

    def different(self, images: np.ndarray, index: pd.DataFrame, classes: list[str]) -> set[str]:
        after = fingerprint_of_data(images, index, classes)
        assert set(after) == {"data", "split"}
        return {key for key, digest in after.items() if digest != self.before[key]}

    @pytest.mark.parametrize("place", [(0, 0, 0, 0), (7, 2, 1, 0), (29, 4, 3, 0)])
    def test_one_pixel_counts(self, place: tuple[int, ...]) -> None:
        images = IMAGES.copy()
        images[place] ^= 1
        assert self.different(images, INDEX, CLASSES) == {"data"}

    def test_of_more_images_than_are_read_at_once_each_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrays, "_CHUNK_BYTES", 7 * IMAGES[0].nbytes)
        assert self.different(IMAGES, INDEX, CLASSES) == set()  # however they are read
        for row in range(30):
            images = IMAGES.copy()
            images[row, 0, 0] ^= 255
            assert self.different(images, INDEX, CLASSES) == {"data"}

    def test_the_pictures_shape_counts(self) -> None:
        assert self.different(IMAGES.reshape(30, 4, 5, 1), INDEX, CLASSES) == {"data"}

    def test_one_label_counts(self) -> None:
        assert self.different(IMAGES, indexed("label", 3, "cat"), CLASSES) == {"data"}

    def test_one_file_name_counts_for_both(self) -> None:
        found = self.different(IMAGES, indexed("filename", 3, "x.png"), CLASSES)
        assert found == {"data", "split"}

    def test_one_image_in_another_split_part_counts(self) -> None:
        assert self.different(IMAGES, indexed("split", 3, "test"), CLASSES) == {"split"}

    def test_the_order_of_the_images_counts(self) -> None:
        assert self.different(IMAGES[::-1], INDEX[::-1], CLASSES) == {"data", "split"}

    def test_the_order_of_the_classes_counts(self) -> None:
        assert self.different(IMAGES, INDEX, CLASSES[::-1]) == {"data"}

    def test_where_an_array_lies_does_not(self, tmp_path: Path) -> None:
        np.save(tmp_path / "images.npy", IMAGES)
        mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
        spread = np.repeat(IMAGES, 2, axis=2)[:, :, ::2]
        assert not spread.flags["C_CONTIGUOUS"]
        index = INDEX.set_index(pd.Index(range(100, 130)))
        for images in (mapped, spread, np.asfortranarray(IMAGES)):
            assert self.different(images, index, CLASSES) == set()

    def test_no_images_have_one_too(self) -> None:
        assert self.different(IMAGES[:0], INDEX[:0], CLASSES) == {"data", "split"}


NOW = fingerprints_of_techniques(study())
PREPARED = digests_of_preparation(study())
STORED = {"data": "d", "split": "s", "made_from": {"files": "f", **PREPARED}}


class TestCurrent:
    def test_is_what_a_training_would_record(self) -> None:
        found = current_fingerprints(STORED, PREPARED, NOW)
        assert list(found) == list(BASE["techniques"])
        for name, fingerprint in found.items():
            assert set(fingerprint) == {*COMPONENTS, "protocol_but_schedule"}
            assert (fingerprint["data"], fingerprint["split"]) == ("d", "s")
            recorded = {**NOW[name]["training"], "evaluation": NOW[name]["evaluation"]}
            assert changed_components(recorded | {"data": "d", "split": "s"}, fingerprint) == []

    @pytest.mark.parametrize(
        ("values", "component"),
        [({"ingest__size": 14}, "data"), ({"protocol__split__seed": 3}, "split")],
    )
    def test_of_data_made_with_other_settings_is_nothing_that_a_training_has(
        self, values: dict[str, Any], component: str
    ) -> None:
        found = current_fingerprints(STORED, digests_of_preparation(study(**values)), NOW)["l2"]
        recorded = current_fingerprints(STORED, PREPARED, NOW)["l2"]
        assert changed_components(recorded, found) == [COMPONENTS[component]]

    @pytest.mark.parametrize("stored", [{}, {"data": "d", "split": "s"}])
    def test_of_data_of_unknown_origin_too(self, stored: dict[str, Any]) -> None:
        found = current_fingerprints(stored, PREPARED, NOW)["l2"]
        for recorded in (current_fingerprints(STORED, PREPARED, NOW)["l2"], found | {"data": None}):
            assert COMPONENTS["data"] in changed_components(recorded, found)


class TestChanged:
    def test_are_every_component_that_differs(self) -> None:
        one = dict.fromkeys(COMPONENTS, "a")
        assert changed_components(one, one) == []
        for component, words in COMPONENTS.items():
            assert changed_components(one | {component: "b"}, one) == [words]
        assert changed_components(dict.fromkeys(COMPONENTS, "b"), one) == list(COMPONENTS.values())

    def test_a_missing_component_differs(self) -> None:
        one = dict.fromkeys(COMPONENTS, "a")
        assert changed_components({}, one) == list(COMPONENTS.values())
        assert changed_components(one | {"data": float("nan")}, one) == [COMPONENTS["data"]]

    def test_what_no_result_depends_on_does_not(self) -> None:
        one = dict.fromkeys(COMPONENTS, "a")
        recorded = one | {"weights": "x", "trained_on": "y", "technique_name": "z"}
        assert changed_components(recorded, one) == []


def test_the_machine_is_named_with_its_libraries() -> None:
    said = description_of_machine()["trained_on"]
    assert set(description_of_machine()) == {"trained_on"}
    for library in ("keras", "numpy", "tensorflow"):
        assert f"{library} {importlib.metadata.version(library)}" in said


class TestTwoStudiesOfTheSameImages:
    @pytest.mark.parametrize(
        ("values", "alike"),
        [
            ({"protocol__schedule__name": "constant"}, True),
            ({"protocol__epochs": 3}, False),
            ({"protocol__optimizer__name": "sgd"}, False),
        ],
    )
    def test_a_schedule_is_all_of_the_protocol_that_may_differ(
        self, values: dict[str, Any], alike: bool
    ) -> None:
        one, other = (
            {
                "fingerprints": {"l2": fingerprints_of_techniques(made)["l2"]["training"]},
                "equivalence_band": 0.1,
            }
            for made in (study(), study(**values))
        )
        found = fingerprints.techniques_in_both_protocols(one, other)
        assert found == ({"l2"} if alike else set())

    fingerprint: ClassVar = {
        "data": "a",
        "split": "b",
        "protocol": "c",
        "protocol_but_schedule": "e",
        "technique": "d",
    }
    one: ClassVar = {
        "fingerprints": {"l2": fingerprint, "l1": fingerprint},
        "equivalence_band": 0.1,
    }

    def test_may_split_otherwise_and_have_another_schedule(self) -> None:
        otherwise = self.fingerprint | {"split": "x", "protocol": "y"}
        split = {"l2": otherwise, "l1": self.fingerprint}
        other = {"fingerprints": split, "equivalence_band": 0.1}
        assert fingerprints.techniques_in_both_protocols(self.one, other) == {"l2", "l1"}

    @pytest.mark.parametrize("component", ["data", "protocol_but_schedule", "technique"])
    def test_differ_in_a_technique_by_anything_else(self, component: str) -> None:
        other = {
            "fingerprints": {"l2": self.fingerprint | {component: "x"}, "l1": self.fingerprint}
        }
        assert fingerprints.techniques_in_both_protocols(
            self.one, other | {"equivalence_band": 0.1}
        ) == {"l1"}

    def test_differ_altogether_by_the_band_or_if_there_is_no_other(self) -> None:
        assert fingerprints.techniques_in_both_protocols(self.one, {}) == set()
        other = self.one | {"equivalence_band": 2.0}
        assert fingerprints.techniques_in_both_protocols(self.one, other) == set()
