"""Groups stay in one split part, with shares as near to the wanted ones as groups allow."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from regbench.errors import StudyError
from regbench.images.groups import grouped_parts, groups_of
from regbench.images.split import split_rows
from regbench.images.suspected_groups import warnings_of_groups
from regbench.study.split import Split

SETTINGS: dict[str, Any] = {
    "method": "stratified",
    "train": 0.7,
    "validation": 0.15,
    "test": 0.15,
    "seed": 0,
    "group_column": "patient",
}


def images_of(groups: list[str], targets: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "filename": [f"{group}_{row}.png" for row, group in enumerate(groups)],
            "label": [f"class {target}" for target in targets],
            "target": np.array(targets, np.int32),
            "digest": [f"{row:032x}" for row in range(len(groups))],
            "column:patient": groups,
        }
    )


def a_set(groups: int, images: int, classes: int, seed: int = 0) -> pd.DataFrame:
    """Return images in random groups of unequal sizes, each mostly of one class."""
    random = np.random.default_rng(seed)
    of = np.concatenate([np.arange(groups), random.geometric(3 / groups, images) % groups])
    usual = random.integers(0, classes, groups)
    targets = np.where(
        random.random(len(of)) < 0.8, usual[of], random.integers(0, classes, len(of))
    )
    return images_of([f"p{group}" for group in of], targets.tolist())


def split(index: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    return split_rows(index, Split.model_validate(SETTINGS | changes))


def deviation(parts: np.ndarray, targets: np.ndarray, shares: dict[str, float]) -> float:
    """Return the mean deviation of the parts' shares of each class from the wanted ones."""
    found = pd.crosstab(targets, parts, normalize="index").reindex(columns=list(shares))
    return float((found.fillna(0) - pd.Series(shares)).abs().to_numpy().mean())


class TestGroupedParts:
    @settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=200),
        st.integers(0, 3),
    )
    def test_no_group_is_in_two_parts_and_every_image_in_one(
        self, images: list[tuple[int, int]], seed: int
    ) -> None:
        groups = np.array([f"p{group}" if group else "" for group, _ in images], dtype=object)
        targets = np.array([target for _, target in images])
        counts = {"train": 70, "validation": 15, "test": 15}
        parts = grouped_parts(targets, groups, counts, seed)
        assert len(parts) == len(images)
        assert set(parts) <= set(counts)
        named = groups != ""
        assert (pd.Series(parts[named]).groupby(groups[named]).nunique() == 1).all()
        assert parts.tolist() == grouped_parts(targets, groups, counts, seed).tolist()

    @settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.integers(12, 80), st.integers(200, 1000), st.integers(2, 5), st.integers(0, 99))
    def test_a_parts_size_is_off_by_less_than_the_largest_group(
        self, groups: int, images: int, classes: int, seed: int
    ) -> None:
        index = a_set(groups, images, classes, seed)
        targets, of = index["target"].to_numpy(), index["column:patient"].to_numpy(dtype=object)
        shares = {"train": 0.7, "validation": 0.15, "test": 0.15}
        counts = {part: round(share * 1000) for part, share in shares.items()}
        parts = pd.Series(grouped_parts(targets, of, counts, seed))
        largest = index["column:patient"].value_counts().max()
        for part, share in shares.items():
            assert abs((parts == part).sum() - share * len(index)) < largest

    @pytest.mark.parametrize("seed", range(6))
    def test_classes_are_as_even_as_with_scikit_learn(self, seed: int) -> None:
        index = a_set(60, 900, 4, seed)
        targets, groups = index["target"].to_numpy(), index["column:patient"].to_numpy(dtype=object)
        folds = np.zeros(len(index), dtype=object)
        splitter = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
        for fold, (_, rows) in enumerate(splitter.split(targets, targets, groups)):
            folds[rows] = str(fold)
        shares = dict.fromkeys("012", 1 / 3)
        ours = grouped_parts(targets, groups, dict.fromkeys("012", 100), seed)
        assert deviation(ours, targets, shares) <= deviation(folds, targets, shares) + 0.005

    def test_ten_patients_of_six_images_each(self) -> None:
        index = images_of([f"p{row // 6}" for row in range(60)], [row % 2 for row in range(60)])
        sizes = split(index)["split"].value_counts()
        assert sizes["train"] == 42
        assert sorted([sizes["validation"], sizes["test"]]) == [6, 12]

    def test_every_part_gets_a_group_of_each_class_if_there_are_enough(self) -> None:
        # A class of three groups, beside one of many small ones.
        groups = [f"a{row // 20}" for row in range(60)] + [f"b{row // 3}" for row in range(300)]
        index = images_of(groups, [0] * 60 + [1] * 300)
        for seed in range(5):
            assert (pd.crosstab(*split(index, seed=seed)[["label", "split"]].T.to_numpy()) > 0).all(
                axis=None
            )

    def test_too_few_groups_of_a_class_are_named(self) -> None:
        index = images_of(
            ["x"] * 9 + ["y"] * 9 + [f"b{row // 3}" for row in range(60)], [0] * 18 + [1] * 60
        )
        with pytest.raises(StudyError, match="class 'class 0' has 18 images and none in") as caught:
            split(index)
        assert "its images are of too few groups" in caught.value.message

    def test_another_seed_gives_other_parts(self) -> None:
        index = a_set(40, 400, 3)
        assert not split(index, seed=1)["split"].equals(split(index, seed=2)["split"])


class TestHashed:
    def test_a_group_keeps_its_part_while_the_set_grows(self) -> None:
        index = a_set(200, 3000, 2)
        before = split(index[:2000], method="hashed")
        after = split(index, method="hashed")
        pd.testing.assert_series_equal(after["split"][:2000], before["split"])
        assert (after.groupby("column:patient")["split"].nunique() == 1).all()
        assert after["split"].value_counts(normalize=True)["train"] == pytest.approx(0.7, abs=0.15)

    def test_images_without_a_group_go_by_their_pixels(self) -> None:
        index = a_set(100, 1500, 2).assign(**{"column:patient": ""})
        index.loc[:9, "column:patient"] = "p1"
        alone = split(index, method="hashed", group_column=None)
        assert split(index, method="hashed")["split"][10:].equals(alone["split"][10:])


class TestGroupsOf:
    def test_a_pattern_on_the_file_name(self) -> None:
        index = images_of(["a", "a", "b"], [0, 1, 0])
        for pattern in ("^([^_]+)_", "^(?P<group>[^_]+)_", "()(?P<group>^[a-z])"):
            changes = {"group_column": None, "group_pattern": pattern}
            groups = groups_of(index, Split.model_validate(SETTINGS | changes))
            assert groups is not None
            assert groups.tolist() == ["a", "a", "b"]

    def test_values_are_taken_without_blanks_and_empty_ones_are_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        index = images_of(["a ", " a", ""], [0, 1, 0])
        groups = groups_of(index, Split.model_validate(SETTINGS))
        assert groups is not None
        assert groups.tolist() == ["a", "a", ""]
        assert "1 of 3 images have no group (patient): each is a group of its own" in caplog.text

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"group_column": "eye"}, r"group_column='eye': .*it has only 'patient'"),
            (
                {"group_column": None, "group_pattern": r"^b(\d+)"},
                r"does not fit 3 of 3 file names, for example 'a_0\.png'",
            ),
            (
                {"group_column": None, "group_pattern": r"^(z)?"},
                "no image has a group: group by the pattern",
            ),
        ],
    )
    def test_what_gives_no_groups_is_named(self, changes: dict[str, Any], said: str) -> None:
        with pytest.raises(StudyError, match=said):
            groups_of(images_of(["a"] * 3, [0, 1, 0]), Split.model_validate(SETTINGS | changes))

    def test_a_set_without_further_columns(self) -> None:
        index = images_of(["a"] * 3, [0, 1, 0]).drop(columns="column:patient")
        with pytest.raises(StudyError, match="has none besides"):
            groups_of(index, Split.model_validate(SETTINGS))
        assert groups_of(index, Split.model_validate(SETTINGS | {"group_column": None})) is None


ROWS = 300
RANDOM = np.random.default_rng(4)


def index_with(name: str, values: Any) -> pd.DataFrame:
    """Return a stratified split of 300 images of three classes, with a further column."""
    index = images_of(["x"] * ROWS, (np.arange(ROWS) % 3).tolist()).drop(columns="column:patient")
    index[f"column:{name}"] = [str(value) for value in values]
    return split(index, group_column=None)


def named(name: str) -> pd.DataFrame:
    """Return such a split without the column; file names tell row, group of six, and class."""
    index = index_with("x", [""] * ROWS)
    order = index["digest"].map(lambda digest: int(digest, 16))
    index["filename"] = [
        name.format(row=row, group=row // 6, label="abc"[row % 3], target=row % 3, within=row // 3)
        for row in order
    ]
    return index.drop(columns="column:x")


class TestSuspicion:
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("patient", np.arange(ROWS) // 6),
            ("Patient ID", np.arange(ROWS) // 3),
            ("lesion_id", np.where(np.arange(ROWS) < 200, np.arange(ROWS), np.arange(ROWS) // 2)),
            ("scene", [f"street {row // 10}" for row in range(ROWS)]),
            ("ref", [f"p{row // 5:03}" for row in range(ROWS)]),  # by content: identifiers
            (
                "nest",
                [f"{'abc'[row % 3]}{'xyzuvw'[row // 50]}" for row in range(ROWS)],
            ),  # one class
        ],
    )
    def test_a_column_that_looks_like_groups_is_named(self, name: str, values: Any) -> None:
        [warning] = warnings_of_groups(index_with(name, values))
        assert warning.startswith(f"column {name} looks like groups: ")
        assert f"protocol.split.group_column={name}" in warning

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("patient", ["p1"] * ROWS),  # one value
            ("patient", np.arange(ROWS)),  # one image each
            ("patient", np.arange(ROWS) % 2),  # too few to keep apart
            ("split", RANDOM.choice(["train", "val", "test", "a1", "b2", "c3"], ROWS)),
            ("age", RANDOM.integers(20, 90, ROWS)),
            ("weight", RANDOM.normal(70, 5, ROWS).round()),
            ("species", [f"class{row % 3}" for row in range(ROWS)]),  # the label once more
            ("weather", RANDOM.choice(["sun", "rain", "snow", "fog", "wind", "hail"], ROWS)),
            ("mask", [f"mask_{row}.png" for row in range(ROWS)]),
            ("comment", [""] * ROWS),
        ],
    )
    def test_another_column_is_not(self, name: str, values: Any) -> None:
        assert warnings_of_groups(index_with(name, values)) == []

    @pytest.mark.parametrize(
        ("name", "begin", "digits"),
        [
            ("patient_{group:03}_img{row}.png", "patient_", 3),
            ("a/Subject-{group} ({row}).png", "Subject-", 1),
            ("a/Case {group}/{row}.png", "Case ", 1),
            ("run 7/slides{group}x{row}.png", "slides", 1),
        ],
    )
    def test_file_names_that_look_like_groups_are_named(
        self, name: str, begin: str, digits: int
    ) -> None:
        index = named(name)
        [warning] = warnings_of_groups(index)
        assert f"look like groups, {begin + '0' * digits!r}: 50 values, 6 images each" in warning
        found = re.search("group_pattern='(.+)' keeps", warning)
        assert found
        settings = SETTINGS | {"group_column": None, "group_pattern": found[1]}
        groups = groups_of(index, Split.model_validate(settings))
        assert groups is not None
        assert groups.tolist() == [f"{begin}{row // 6:0{digits}}" for row in range(ROWS)]
        assert warnings_of_groups(split(index.drop(columns="split"), **settings)) == []

    @pytest.mark.parametrize(
        "name",
        [
            "patient_{row:03}.png",  # one picture each
            "{label}/scan_{within}.png",  # the number is the picture's
            "site_{label}/{row}_x.png",  # no number
            "object_{target}/{row}.png",  # the label once more
            "staircase_{group}_{row}.png",  # another word
            "patient_{target}_{row}.png",  # too few to keep apart
            "img{row}.png",
        ],
    )
    def test_other_file_names_are_not(self, name: str) -> None:
        assert warnings_of_groups(named(name)) == []

    def test_file_names_some_of_which_are_without_groups_are_not(self) -> None:
        index = named("patient_{group:03}_img{row}.png")
        index.loc[17, "filename"] = "other.png"
        assert warnings_of_groups(index) == []

    def test_groups_that_the_split_keeps_are_not(self) -> None:
        index = index_with("patient", np.arange(ROWS) // 6)
        given = index.assign(given_split=split(index)["split"]).drop(columns="split")
        assert warnings_of_groups(split(given, method="given", group_column=None)) == []
