"""A split for every seed: of the wanted sizes, reproducible, and no two seeds' the same."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from regbench.errors import StudyError
from regbench.evaluation.resampling import column_of, split_of_seed
from regbench.images.duplicates import (
    count_duplicates,
    find_duplicates,
    summarize_duplicates,
)
from regbench.images.near_duplicates import find_near_duplicates
from regbench.images.resample import resample_rows
from regbench.images.split import split_rows
from regbench.study.split import Split

SETTINGS: dict[str, Any] = {
    "method": "auto",
    "train": 0.7,
    "validation": 0.15,
    "test": 0.15,
    "seed": 0,
    "resample": True,
}
SEEDS = range(1, 6)


def images_of(counts: dict[str, int], groups: int = 0) -> pd.DataFrame:
    """Return an index with so many images of each class, in random order, and random groups."""
    classes = sorted(counts)
    labels = np.repeat(classes, [counts[label] for label in classes])
    random = np.random.default_rng(3)
    labels = random.permutation(labels)
    index = pd.DataFrame(
        {
            "filename": [f"{number}.png" for number in range(len(labels))],
            "label": labels.astype(object),
            "target": np.searchsorted(classes, labels).astype(np.int32),
            "digest": [f"{number:032x}" for number in range(len(labels))],
        }
    )
    if groups:
        drawn = random.choice(groups, len(labels), p=random.dirichlet(np.ones(groups) * 3))
        index["column:patient"] = [f"p{group}" for group in drawn]
    return index


IMAGES = images_of({"ant": 203, "bee": 60, "cat": 40})


def resampled(index: pd.DataFrame = IMAGES, seeds: Any = SEEDS, **changes: Any) -> pd.DataFrame:
    return resample_rows(index, Split.model_validate(SETTINGS | changes), list(seeds))


def parts(index: pd.DataFrame, seed: int) -> np.ndarray:
    return split_of_seed(index, seed)["split"].to_numpy(dtype=object)


def judged(index: pd.DataFrame, seed: int, part: str = "test") -> set[int]:
    return set(np.flatnonzero(parts(index, seed) == part).tolist())


class TestAtRandom:
    def test_every_seed_has_its_own_of_the_sizes_of_a_single_split(self) -> None:
        single = split_rows(IMAGES, Split.model_validate(SETTINGS | {"resample": False}))
        index = resampled()
        wanted = pd.crosstab(single["label"], single["split"])
        for seed in SEEDS:
            own = split_of_seed(index, seed)
            assert own["split"].value_counts().to_dict() == (
                single["split"].value_counts().to_dict()
            )
            images = pd.crosstab(own["label"], own["split"])
            assert (images - wanted).abs().to_numpy().max() <= 1
        assert len({parts(index, seed).tobytes() for seed in SEEDS}) == len(SEEDS)

    def test_a_seeds_split_does_not_depend_on_the_other_seeds(self) -> None:
        alone, among = resampled(seeds=[4]), resampled(seeds=[9, 4, 2])
        assert parts(alone, 4).tolist() == parts(among, 4).tolist()
        assert alone["split"].tolist() == among["split"].tolist()  # that of no seed

    def test_the_splits_seed_gives_others(self) -> None:
        one, other = resampled(), resampled(seed=1)
        own = {parts(one, seed).tobytes() for seed in SEEDS}
        assert not own & {parts(other, seed).tobytes() for seed in SEEDS}

    def test_images_are_judged_alike_often(self) -> None:
        index = resampled(seeds=range(1, 201))
        times = np.zeros(len(IMAGES))
        for seed in range(1, 201):
            times[list(judged(index, seed))] += 1
        # Binomial with 200 draws: nobody more than 5 standard deviations from the mean.
        spread = np.sqrt(200 * 0.15 * 0.85)
        assert np.abs(times - times.mean()).max() < 5 * spread
        assert times.std() == pytest.approx(spread, rel=0.2)

    def test_a_line_says_so(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        resampled()
        [record] = caplog.records
        assert record.getMessage() == (
            "split: 212 train, 45 validation, 46 test, drawn anew for each of the 5 seeds "
            "(stratified by class)"
        )


class TestGiven:
    GIVEN = images_of({"ant": 60, "bee": 60}).assign(
        given_split=["train"] * 70 + ["validation"] * 20 + ["test"] * 30
    )

    def test_test_images_stay_and_the_others_are_drawn(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        index = resampled(self.GIVEN)
        for seed in SEEDS:
            own = split_of_seed(index, seed)["split"]
            assert (own == "test").tolist() == (self.GIVEN["given_split"] == "test").tolist()
            assert own.value_counts().to_dict() == {"train": 70, "validation": 20, "test": 30}
        assert len({parts(index, seed).tobytes() for seed in SEEDS}) == len(SEEDS)
        assert "the 30 test images as the set gives them" in caplog.text

    def test_a_test_part_that_is_not_given_is_drawn(self) -> None:
        index = resampled(self.GIVEN.replace({"given_split": {"test": "train"}}))
        assert len({frozenset(judged(index, seed)) for seed in SEEDS}) == len(SEEDS)

    def test_folds_are_refused_with_the_way_out(self) -> None:
        with pytest.raises(StudyError) as raised:
            resampled(self.GIVEN, folds=5)
        assert "protocol.split.folds=null" in str(raised.value)
        assert "protocol.split.method=stratified" in str(raised.value)
        resampled(self.GIVEN, folds=5, method="stratified")


class TestGroups:
    SET = images_of({"ant": 300, "bee": 300}, groups=40)

    @pytest.mark.parametrize("changes", [{}, {"folds": 4}, {"method": "hashed"}])
    def test_each_is_in_one_part_with_every_seed(self, changes: dict[str, Any]) -> None:
        index = resampled(self.SET, range(1, 9), group_column="patient", **changes)
        for seed in range(1, 9):
            own = split_of_seed(index, seed)
            assert (own.groupby("column:patient")["split"].nunique() == 1).all()
        assert len({parts(index, seed).tobytes() for seed in range(1, 9)}) == 8

    def test_sizes_are_near_the_wanted_ones(self) -> None:
        index = resampled(self.SET, group_column="patient")
        for seed in SEEDS:
            shares = split_of_seed(index, seed)["split"].value_counts(normalize=True)
            assert shares["train"] == pytest.approx(0.7, abs=0.07)
            assert shares["test"] == pytest.approx(0.15, abs=0.07)

    def test_few_of_them_are_warned_of(self, caplog: pytest.LogCaptureFixture) -> None:
        resampled(images_of({"ant": 60, "bee": 60}, groups=4), range(1, 31), group_column="patient")
        assert "the 30 seeds have only" in caplog.text
        assert "few groups" in caplog.text

    def test_a_single_possible_split_is_refused(self) -> None:
        only_two = {"train": 0.9, "validation": 0.1, "test": 0}
        index = images_of({"ant": 40, "bee": 40}).assign(
            **{"column:patient": ["p0"] * 70 + ["p1"] * 10}
        )
        with pytest.raises(StudyError, match="all have the same split") as raised:
            resampled(index, group_column="patient", **only_two)
        assert "protocol.split.resample=false" in str(raised.value)


class TestFolds:
    @pytest.mark.parametrize("changes", [{}, {"method": "hashed"}])
    def test_every_image_is_judged_once_in_a_cut(self, changes: dict[str, Any]) -> None:
        index = resampled(seeds=range(1, 11), folds=5, resample=False, **changes)
        for cut in (range(1, 6), range(6, 11)):
            folds = [judged(index, seed) for seed in cut]
            assert sorted(row for fold in folds for row in fold) == list(range(len(IMAGES)))
        first, second = ({frozenset(judged(index, s)) for s in cut} for cut in ((1, 2), (6, 7)))
        assert not first & second

    def test_folds_have_equal_sizes_and_class_shares(self) -> None:
        index = resampled(folds=5)
        for seed in SEEDS:
            own = split_of_seed(index, seed)
            images = pd.crosstab(own["label"], own["split"])
            for label, count in IMAGES["label"].value_counts().items():
                assert abs(images.loc[label, "test"] - count / 5) <= 1
            rest = (own["split"] != "test").sum()
            assert (own["split"] == "validation").sum() == round(rest * 0.15 / 0.85)

    def test_without_a_test_part_the_fold_is_validation(self) -> None:
        index = resampled(folds=4, train=0.8, validation=0.2, test=0)
        folds = [judged(index, seed, "validation") for seed in range(1, 5)]
        assert sorted(row for fold in folds for row in fold) == list(range(len(IMAGES)))
        assert set(parts(index, 1)) == {"train", "validation"}

    def test_a_line_says_which_seeds_have_which(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        resampled(seeds=range(1, 8), folds=5)
        assert "test is one of 5 folds, another with each seed; 7 seeds in 2 cuts" in caplog.text

    def test_a_class_with_fewer_images_than_folds_is_named(self) -> None:
        with pytest.raises(StudyError) as raised:
            resampled(images_of({"ant": 60, "bee": 4}), folds=5)
        assert str(raised.value) == (
            "class 'bee' has 4 images, and protocol.split.folds=5 needs 5 of each class, one for "
            "every fold; set fewer folds, or ingest.min_images_per_class=5 leaves small classes out"
        )

    def test_a_hashed_fold_stays_while_the_set_grows(self) -> None:
        images = images_of({"ant": 200, "bee": 200})
        whole = resampled(images, folds=5, method="hashed")
        some = resampled(images.iloc[:200], folds=5, method="hashed")
        for seed in SEEDS:
            assert parts(whole, seed)[:200].tolist() == parts(some, seed).tolist()


class TestDuplicates:
    # The pixels of the images: a, b and c are there twice, d once.
    SET = pd.DataFrame(
        {
            "filename": [f"{number}.png" for number in range(7)],
            "label": ["x"] * 7,
            "digest": list("aabbccd"),
            "split": ["train"] * 6 + ["test"],
            "split_seed_1": pd.Categorical(
                ["train", "train", "train", "test", "test", "test", "validation"]
            ),
            "split_seed_2": pd.Categorical(
                ["train", "train", "train", "train", "validation", "validation", "test"]
            ),
        }
    )

    def test_they_leak_if_any_seed_parts_them(self) -> None:
        found = find_duplicates(self.SET).set_index("filename")
        assert found["split"].tolist() == [
            *("train", "train", "train"),
            *("varies", "varies", "varies"),
        ]
        leaking = found.index[found["finding"] == "in several parts"]
        assert leaking.tolist() == ["2.png", "3.png"]  # b, by seed 1
        assert summarize_duplicates(count_duplicates(find_duplicates(self.SET))) == (
            "6 images in 3 groups have the same pixels as another; 1 group in several parts of the "
            "split of one seed or more; ingest.duplicates=drop leaves them out"
        )

    def test_so_do_near_ones(self) -> None:
        random = np.random.default_rng(0)
        images = random.integers(0, 200, (7, 32, 32, 1), dtype=np.uint8)
        images[1], images[3] = images[0] + 20, images[2] + 20  # brightened
        index = self.SET.assign(digest=list("abcdefg"))
        found = find_near_duplicates(images, index)
        assert found["filename"].tolist() == ["2.png", "3.png"]
        assert found["split"].tolist() == ["train", "varies"]


@settings(max_examples=25)
@given(
    counts=st.lists(st.integers(12, 40), min_size=2, max_size=4),
    folds=st.none() | st.integers(2, 6),
    seed=st.integers(0, 2**31 - 1),
    test=st.sampled_from([0.0, 0.15]),
)
def test_every_seed_gives_every_part_every_class(
    counts: list[int], folds: int | None, seed: int, test: float
) -> None:
    images = images_of({"abcd"[at]: count for at, count in enumerate(counts)})
    index = resampled(images, [seed], folds=folds, train=0.7, validation=0.3 - test, test=test)
    wanted = {"train", "validation", "test"} if test else {"train", "validation"}
    own = split_of_seed(index, seed)
    found = pd.crosstab(own["label"], own["split"])
    assert set(found) == wanted
    assert (found > 0).all(axis=None)
    assert column_of(seed) not in own


def test_a_class_that_a_seeds_split_lacks_is_named_with_the_seed() -> None:
    images = images_of({"ant": 200, "bee": 3})
    with pytest.raises(StudyError, match=r"^with seed \d+ class 'bee' has 3 images and none in"):
        resampled(images, range(1, 30), method="hashed")


@pytest.mark.parametrize("changes", [{"resample": True}, {"resample": False, "folds": 5}])
def test_the_order_of_rows_cannot_be_drawn_anew(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="method=sequential goes by the order of rows"):
        Split.model_validate(SETTINGS | {"method": "sequential"} | changes)
