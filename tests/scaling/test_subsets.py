"""Subsets of the train images: nested, stratified, with an image of every class."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.errors import StudyError
from regbench.scaling.subsets import (
    order_of_draw,
    planned_sizes,
    repeats,
    sizes_for_a_curve,
    subset_rows,
    with_subset,
)


def split_index(counts: dict[int, int]) -> pd.DataFrame:
    targets = np.repeat(list(counts), list(counts.values()))
    train = pd.DataFrame({"target": targets, "split": "train"})
    others = pd.DataFrame({"target": [0, 1, 0], "split": ["test", "validation", "test"]})
    shuffled = pd.concat([train, others]).sample(frac=1, random_state=0)
    return shuffled.reset_index(drop=True).astype({"split": "category"})


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(1, 99))
def test_subsets_are_nested_stratified_and_have_every_class(counts: list[int], draw: int) -> None:
    index = split_index(dict(enumerate(counts)))
    images, classes = sum(counts), len(counts)
    before: set[int] = set()
    for size in range(classes, images + 1, max(1, images // 7)):
        rows = subset_rows(index, draw, size)
        assert len(set(rows)) == size
        assert before <= set(rows)
        assert set(index["split"].iloc[rows]) == {"train"}
        taken = np.bincount(index["target"].iloc[rows], minlength=classes)
        assert taken.min() >= 1
        shares = size * np.array(counts) / images
        assert np.all(np.abs(taken - shares) <= classes + 1)
        before = set(rows)


def test_draws_differ_and_a_draw_does_not() -> None:
    targets = np.repeat([0, 1, 2], 50)
    one, again, other = (order_of_draw(targets, draw) for draw in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one[:30], other[:30])


def test_only_train_images_are_left_out() -> None:
    index = split_index({0: 10, 1: 10})
    rows = subset_rows(index, 1, 6)
    left = with_subset(index, rows)
    assert left["split"].value_counts().to_dict() == {
        "unused": 14,
        "train": 6,
        "test": 2,
        "validation": 1,
    }
    assert set(np.flatnonzero(left["split"] == "train")) == set(rows)


def test_sizes_beyond_all_images_are_none_and_those_below_the_classes_are_refused() -> None:
    index = split_index({0: 10, 1: 10, 2: 5})
    assert planned_sizes(index, [3, 24, 25, 1000, "all"], "sizes") == {
        "3": 3,
        "24": 24,
        "25": None,
        "1000": None,
        "all": 25,
    }
    with pytest.raises(StudyError, match="sizes: 2 images are fewer than the 3 classes"):
        planned_sizes(index, [2, "all"], "sizes")
    resampled = index.assign(split_seed_1=index["split"])
    with pytest.raises(StudyError, match="a study with one split"):
        planned_sizes(resampled, ["all"], "sizes")


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 40), st.integers(1, 256))
def test_every_size_takes_as_many_steps(size: int, more: int, epochs: int, batch: int) -> None:
    of_all = size + more
    often, longer = repeats(size, of_all, epochs, batch)
    an_epoch = -(-often * size // batch)
    wanted = epochs * -(-of_all // batch)
    assert abs(an_epoch * longer - wanted) <= max(an_epoch / 2, an_epoch if longer == 1 else 0)
    assert 2 / 3 - 1e-9 <= of_all / (often * size) <= 1.5
    assert repeats(of_all, of_all, epochs, batch) == (1, epochs)


def test_sizes_that_are_enough_for_a_curve_are_proposed() -> None:
    proposed = sizes_for_a_curve(210, 3)
    assert proposed == "26 52 105 all"
    sizes = [int(size) if size != "all" else size for size in proposed.split()]
    taken = planned_sizes(split_index({0: 70, 1: 70, 2: 70}), sizes, "learning_curve.sizes")
    assert len(taken) == 4
    assert None not in taken.values()
    assert sizes_for_a_curve(210, 100) is None
