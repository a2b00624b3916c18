"""Images by class and part are counted, said, and uneven classes warned of."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.images.class_counts import (
    count_classes,
    describe_counts,
    largest_class,
    uneven_classes,
)
from regbench.pipelines.data import nodes


def index_of(counts: dict[str, tuple[int, ...]]) -> pd.DataFrame:
    """Return a split index with these numbers in train, validation and test by class."""
    rows = [
        (label, target, part)
        for target, (label, numbers) in enumerate(counts.items())
        for part, number in zip(("train", "validation", "test"), numbers, strict=False)
        for _ in range(number)
    ]
    index = pd.DataFrame(rows, columns=["label", "target", "split"])
    return index.sample(frac=1, random_state=0).reset_index(drop=True)


def reporting(metric: str, band: float = 5.0) -> dict[str, Any]:
    bands = {"equivalence_band": band, "equivalence_band_nats": 0.01}
    return {"metric": metric, **bands, "published": {}, "failed": []}


UNEVEN = {"ok": (133, 28, 29), "bad": (7, 2, 1)}


def counted(numbers: dict[str, tuple[int, ...]]) -> pd.DataFrame:
    return count_classes(index_of(numbers), list(numbers))


def test_they_are_counted_in_the_order_of_classes() -> None:
    counts = counted(UNEVEN)
    assert counts.to_dict("list") == {
        "label": ["ok", "bad"],
        "images": [190, 10],
        "train": [133, 7],
        "validation": [28, 2],
        "test": [29, 1],
    }
    assert list(counted({"a": (3, 1), "b": (2, 2)})) == [
        *("label", "images", "train", "validation")
    ]


def test_the_accuracy_of_one_answer_is_that_of_a_plain_count() -> None:
    index = index_of({"a": (9, 1, 1), "b": (5, 9, 9), "c": (2, 2, 6)})
    label, accuracy = largest_class(count_classes(index, ["a", "b", "c"]))
    test = index[index["split"] == "test"]
    assert label == "a"  # the largest of train, whatever test has
    assert accuracy == pytest.approx(np.mean(test["label"] == "a"))


def test_they_are_said_before_training(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counts = nodes.count_classes(index_of(UNEVEN), list(UNEVEN), reporting("accuracy"))
    pd.testing.assert_frame_equal(counts, counted(UNEVEN))
    said, warned = caplog.records
    assert said.getMessage() == (
        "images of each class in train, validation, test: 'ok' 133, 28, 29; 'bad' 7, 2, 1. "
        "Always answering 'ok' has a test accuracy of 0.9667"
    )
    assert warned.levelname == "WARNING"
    assert warned.getMessage() == (
        "the classes are uneven: 'ok' (190 images) is 19 times as large as 'bad' (10 images). "
        "Accuracy says little about small classes; reporting.metric=balanced_accuracy counts every "
        "class alike"
    )
    caplog.clear()
    nodes.count_classes(index_of(UNEVEN), list(UNEVEN), reporting("balanced_accuracy"))
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_many_classes_are_summed_up() -> None:
    counts = counted({f"c{number}": (3 + number, 1, 2) for number in range(30)})
    assert describe_counts(counts) == (
        "images of each of 30 classes: 3 to 32 train, 1 to 1 validation, 2 to 2 test; the largest "
        "is 'c29' (35 images), the smallest 'c0' (6 images). Always answering 'c29' has a test "
        "accuracy of 0.0333"
    )


def test_classes_up_to_twice_as_large_are_even_enough() -> None:
    assert uneven_classes(counted({"a": (10, 5, 5), "b": (5, 3, 2)})) is None
    assert uneven_classes(counted({"a": (11, 5, 5), "b": (5, 3, 2)})) is not None
