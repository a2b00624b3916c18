"""A split that the set gives is used as it is; what it lacks is taken from train, and said."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.images.split import method_of, split_rows
from regbench.study.split import Split

SETTINGS: dict[str, Any] = {
    "method": "auto",
    "train": 0.7,
    "validation": 0.15,
    "test": 0.15,
    "seed": 0,
}
THREE = {"train": 20, "validation": 4, "test": 6}


def given(images: dict[str, int], classes: tuple[str, ...] = ("ant", "bee")) -> pd.DataFrame:
    """Return an index with so many images of each class in each part of a given split."""
    rows = [
        (f"{part}/{label}/{number}.png", label, classes.index(label), part)
        for part, count in images.items()
        for label in classes
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=["filename", "label", "target", "given_split"])


def split(index: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    return split_rows(index, Split.model_validate(SETTINGS | changes))


@pytest.mark.parametrize("method", ["auto", "given"])
def test_it_is_used_as_it_is(method: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    index = given(THREE).sample(frac=1, random_state=1).reset_index(drop=True)
    assigned = split(index, method=method, train=0.2, validation=0.4, test=0.4)
    assert assigned["split"].tolist() == index["given_split"].tolist()
    [record] = caplog.records
    assert record.getMessage() == "split: 40 train, 8 validation, 12 test (as the set gives it)"


def test_auto_is_stratified_where_the_set_gives_none() -> None:
    index = given({"train": 40}).drop(columns="given_split")
    assert method_of(Split.model_validate(SETTINGS), index) == "stratified"
    pd.testing.assert_frame_equal(split(index), split(index, method="stratified"))


def test_another_method_leaves_it_aside() -> None:
    index = given(THREE)
    assigned = split(index, method="stratified")
    pd.testing.assert_series_equal(
        assigned["split"], split(index.drop(columns="given_split"), method="stratified")["split"]
    )


@pytest.mark.parametrize(
    ("images", "taken", "expected"),
    [
        # 0.15 of 0.85 of 34 images a class, and so on
        ({"train": 34, "test": 6}, ["validation"], {"train": 28, "validation": 6, "test": 6}),
        ({"train": 34, "validation": 5}, ["test"], {"train": 28, "validation": 5, "test": 6}),
        ({"train": 40}, ["validation", "test"], {"train": 28, "validation": 6, "test": 6}),
    ],
)
def test_a_missing_part_is_taken_from_train_in_equal_class_shares(
    images: dict[str, int],
    taken: list[str],
    expected: dict[str, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    index = given(images)
    assigned = split(index)
    found = pd.crosstab(assigned["label"], assigned["split"])
    for part, count in expected.items():
        assert found[part].tolist() == [count, count]
    was_given = ~index["given_split"].isin(["train"])
    assert (assigned["split"] == index["given_split"])[was_given].all()
    assert set(assigned["split"][index["given_split"] == "train"]) == {"train", *taken}
    said = caplog.records[-1].getMessage()
    assert f"{' and '.join(taken)} taken from its train part, stratified by class, seed 0" in said
    assert assigned["split"].equals(split(index)["split"])
    assert not assigned["split"].equals(split(index, seed=1)["split"])


def test_a_test_part_is_not_taken_if_none_is_asked_for() -> None:
    assigned = split(given({"train": 20, "validation": 5}), validation=0.3, test=0)
    assert set(assigned["split"]) == {"train", "validation"}


@pytest.mark.parametrize(
    ("index", "changes", "said"),
    [
        (
            given(THREE).drop(columns="given_split"),
            {"method": "given"},
            r"the set gives no split.*set protocol\.split\.method=stratified",
        ),
        (
            given(THREE).replace({"given_split": {"test": ""}}),
            {},
            r"none for 12 of 60 images, for example 'test/ant/0\.png'",
        ),
        (
            given({"validation": 4, "test": 5}),
            {},
            r"without a train part \(it has test, validation\)",
        ),
        (
            pd.concat([given(THREE), given({"test": 3}, ("cow",)).assign(target=2)]),
            {},
            "class 'cow' has 3 images and none in train .*so the set gives it",
        ),
        (
            pd.concat([given(THREE), given({"train": 3, "test": 1}, ("cow",)).assign(target=2)]),
            {},
            "class 'cow' has 4 images and none in validation; so the set gives it",
        ),
        (
            pd.concat([given({"train": 9, "test": 2}), given({"test": 2}, ("cow",))]),
            {},
            "class 'cow' has 2 images and none in train",
        ),
        (
            pd.concat([given({"train": 9, "test": 2}), given({"train": 1}, ("cow",))]),
            {},
            r"class .cow. has 1 of the 2 images .* validation; ingest\.min_images_per_class=2",
        ),
    ],
)
def test_what_it_lacks_is_named_in_one_line(
    index: pd.DataFrame, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=said) as caught:
        split(index.reset_index(drop=True), **changes)
    assert "\n" not in caught.value.message


class TestGroups:
    def test_one_in_several_parts_is_named_and_left_as_it_is(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        index = given(THREE)
        index["column:patient"] = np.where(
            index["filename"].str.contains("/ant/0"), "p 1", index["filename"]
        )
        assigned = split(index, group_column="patient")
        assert assigned["split"].tolist() == index["given_split"].tolist()
        [warning] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert warning == (
            "1 of 58 groups (patient) are in several parts of the split that the set gives: "
            "'p 1'; protocol.split.method=stratified keeps each in one"
        )

    def test_a_missing_part_is_taken_by_whole_groups(self) -> None:
        index = given({"train": 60, "test": 6})
        index["column:patient"] = [f"p{row // 5}" for row in range(len(index))]
        assigned = split(index, group_column="patient")
        train = assigned[index["given_split"] == "train"]
        assert (train.groupby("column:patient")["split"].nunique() == 1).all()
        share = (train["split"] == "validation").mean()
        assert share == pytest.approx(0.15 / 0.85, abs=0.05)
