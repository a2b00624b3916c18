"""Every image is in one part, every class in every part, and a seed decides which."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from regbench.errors import StudyError
from regbench.splitting import PARTS, split_rows
from regbench.study import Split

DEFAULTS: dict[str, Any] = {
    "method": "stratified",
    "train": 0.7,
    "validation": 0.15,
    "test": 0.15,
    "seed": 0,
}
COUNTS = {"ant": 700, "bee": 301, "cat": 53, "dog": 20}
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]


def images_of(counts: dict[str, int], shuffled: bool = True) -> pd.DataFrame:
    """An index with so many images of each class, mixed up."""
    classes = sorted(counts)
    labels = [label for label in classes for _ in range(counts[label])]
    if shuffled:
        labels = np.random.default_rng(3).permutation(labels).tolist()
    return pd.DataFrame(
        {
            "filename": [f"{number}.png" for number in range(len(labels))],
            "label": labels,
            "target": np.asarray([classes.index(label) for label in labels], dtype=np.int32),
        }
    )


def split(index: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    return split_rows(index, Split.model_validate(DEFAULTS | changes))


def table(index: pd.DataFrame) -> pd.DataFrame:
    """Images by label and part."""
    return index.groupby(["label", "split"]).size().unstack(fill_value=0)


class TestStratified:
    def test_shares_are_kept_in_every_class_within_one_image(self) -> None:
        found = table(split(images_of(COUNTS)))
        for label, count in COUNTS.items():
            for part, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
                assert abs(found.loc[label, part] - share * count) <= 1

    @pytest.mark.parametrize("shares", [(0.7, 0.15, 0.15), (0.34, 0.33, 0.33), (0.8, 0.2, 0)])
    def test_parts_have_the_size_asked_for(self, shares: tuple[float, float, float]) -> None:
        index = images_of(COUNTS)
        changes = dict(zip(("train", "validation", "test"), shares, strict=True))
        sizes = split(index, **changes)["split"].value_counts()
        for part, share in changes.items():
            assert abs(sizes.get(part, 0) - share * len(index)) <= 1
        assert sizes.sum() == len(index)

    def test_the_rows_stay_as_they_were(self) -> None:
        index = images_of(COUNTS)
        before = index.copy()
        made = split(index)
        pd.testing.assert_frame_equal(made[before.columns], before)
        pd.testing.assert_frame_equal(index, before)
        assert set(made["split"]) == set(PARTS)

    def test_train_rows_are_those_that_scikit_learn_draws(self) -> None:
        index = images_of(COUNTS)
        train, _ = train_test_split(
            np.arange(1074), train_size=752, stratify=index["label"], random_state=5
        )
        made = split(index, seed=5)
        assert np.flatnonzero(made["split"] == "train").tolist() == sorted(train)

    def test_the_same_seed_gives_the_same_parts_another_others(self) -> None:
        index = images_of(COUNTS)
        first, again, other = (split(index, seed=seed)["split"] for seed in (1, 1, 2))
        assert first.equals(again)
        # Chance alone would put 0.7² + 2 * 0.15² of the images into the same part.
        assert 0.4 < (first == other).mean() < 0.7

    def test_the_order_of_the_file_does_not_decide(self) -> None:
        made = split(images_of({"ant": 300, "bee": 300}, shuffled=False))
        positions = np.flatnonzero(made["split"] == "test")
        assert positions.min() < 60
        assert positions.max() > 540
        assert (np.diff(positions) > 1).any()

    def test_without_a_test_part(self) -> None:
        made = split(images_of(COUNTS), validation=0.3, test=0)
        assert set(made["split"]) == {"train", "validation"}

    def test_a_class_with_one_image_in_each_part_is_enough(self) -> None:
        found = table(
            split(images_of({"ant": 3, "bee": 3}), train=0.34, validation=0.33, test=0.33)
        )
        assert (found == 1).all(axis=None)


class TestSequential:
    def test_the_first_rows_train_and_the_last_test(self) -> None:
        made = split(images_of({"ant": 50, "bee": 50}), method="sequential")
        assert made["split"].tolist() == ["train"] * 70 + ["validation"] * 15 + ["test"] * 15

    def test_without_a_test_part(self) -> None:
        made = split(images_of({"ant": 50, "bee": 51}), method="sequential", validation=0.3, test=0)
        assert made["split"].tolist() == ["train"] * 71 + ["validation"] * 30

    def test_the_seed_is_of_no_account(self) -> None:
        index = images_of({"ant": 50, "bee": 50})
        one, other = (split(index, method="sequential", seed=seed) for seed in (1, 2))
        pd.testing.assert_frame_equal(one, other)


class TestSmallClasses:
    @pytest.mark.parametrize("count", [1, 2])
    @pytest.mark.parametrize("method", ["stratified", "sequential"])
    def test_too_small_to_share_out_are_named(self, method: str, count: int) -> None:
        index = images_of({"ant": 40, "bee": 40, "rare one": count})
        with pytest.raises(StudyError, match="'rare one'") as caught:
            split(index, method=method)
        assert "protocol.split" in caught.value.message
        assert "\n" not in caught.value.message

    def test_sorted_by_class_in_sequence(self) -> None:
        index = images_of({"ant": 50, "bee": 50}, shuffled=False)
        with pytest.raises(
            StudyError, match="class 'bee' has 50 images and none in train"
        ) as caught:
            split(index, method="sequential", train=0.5, validation=0.25, test=0.25)
        assert "2 more such gaps" in caught.value.message  # ant in validation and in test

    @pytest.mark.parametrize("method", ["stratified", "sequential"])
    @pytest.mark.parametrize("missing", ["validation", "test"])
    def test_a_part_that_rounding_leaves_empty(self, method: str, missing: str) -> None:
        shares = {"train": 0.5, "validation": 0.49, "test": 0.49} | {missing: 0.01}
        with pytest.raises(StudyError, match=missing):
            split(images_of({"ant": 6, "bee": 6}), method=method, **shares)

    @settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.integers(1, 25), min_size=2, max_size=6),
        st.integers(1, 98),
        st.integers(0, 98),
        st.sampled_from(["stratified", "sequential"]),
        st.integers(0, 5),
    )
    def test_either_stop_or_are_in_every_part(
        self, counts: list[int], train: int, test: int, method: str, seed: int
    ) -> None:
        test = min(test, 99 - train)
        shares = {
            "train": train / 100,
            "validation": (100 - train - test) / 100,
            "test": test / 100,
        }
        index = images_of(dict(zip(NAMES, counts, strict=False)))
        try:
            made = split(index, method=method, seed=seed, **shares)
        except StudyError:
            return
        found = table(made)
        assert set(found.columns) == {part for part, share in shares.items() if share}
        assert (found > 0).all(axis=None)
        assert found.to_numpy().sum() == len(index)
