"""Duplicate images are listed, counted, summarized, and dropped if configured."""

import itertools
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.images.duplicates import (
    COLUMNS,
    count_duplicates,
    duplicates_to_drop,
    find_duplicates,
    summarize_duplicates,
)
from regbench.pipelines.data import nodes

IMAGES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),  # the pixels
        st.sampled_from("xy"),
        st.sampled_from(["train", "validation", "test"]),
    ),
    max_size=9,
)

FEW = settings(deadline=None, max_examples=40)


def index(*images: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(list(images), columns=["digest", "label", "split"], dtype="str")
    return table.assign(filename=[f"{at}.png" for at in range(len(images))])


@FEW
@given(IMAGES)
def test_all_pairs_of_equal_images_are_listed_and_no_others(
    images: list[tuple[str, str, str]],
) -> None:
    duplicates = find_duplicates(index(*images))
    assert tuple(duplicates.columns) == COLUMNS
    pairs = [
        (one, other)
        for one, other in itertools.permutations(range(len(images)), 2)
        if images[one][0] == images[other][0]
    ]
    assert set(duplicates["filename"]) == {f"{one}.png" for one, _ in pairs}
    group = dict(zip(duplicates["filename"], duplicates["group"], strict=True))
    finding = dict(zip(duplicates["filename"], duplicates["finding"], strict=True))
    for one, other in itertools.permutations(range(len(images)), 2):
        names = f"{one}.png", f"{other}.png"
        if set(names) <= set(group):
            assert (group[names[0]] == group[names[1]]) == ((one, other) in pairs)
    for one in {one for one, _ in pairs}:
        same = [image for image in images if image[0] == images[one][0]]
        labels, parts = ({image[at] for image in same} for at in (1, 2))
        assert ("different labels" in finding[f"{one}.png"]) == (len(labels) > 1)
        assert ("in several parts" in finding[f"{one}.png"]) == (len(parts) > 1)
    groups = list(dict.fromkeys(duplicates["group"]))
    assert groups == list(range(1, len(groups) + 1))
    assert duplicates["group"].is_monotonic_increasing


@FEW
@given(IMAGES)
def test_counts_are_those_of_a_plain_count(images: list[tuple[str, str, str]]) -> None:
    counts = count_duplicates(find_duplicates(index(*images)))
    by_pixels: dict[str, list[tuple[str, str, str]]] = {}
    for image in images:
        by_pixels.setdefault(image[0], []).append(image)
    groups = [same for same in by_pixels.values() if len(same) > 1]
    assert counts.images == sum(map(len, groups))
    assert counts.groups == len(groups)
    assert counts.conflicting == sum(len({label for _, label, _ in same}) > 1 for same in groups)
    assert counts.leaking == sum(len({part for _, _, part in same}) > 1 for same in groups)
    trained = {pixels for pixels, _, part in images if part == "train"}
    for part, number in counts.trained_on.items():
        assert number == sum(pixels in trained for pixels, _, of in images if of == part)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([("a", "x", "train"), ("b", "x", "test")], "no two images have the same pixels"),
        (
            [("a", "x", "train")] * 2,
            "2 images in 1 group have the same pixels as another, each group with one label and "
            "in one part of the split",
        ),
        (
            [("a", "x", "train"), ("a", "x", "test")],
            "2 images in 1 group have the same pixels as another; 1 group in several parts of "
            "the split (1 test image also trained on); ingest.duplicates=drop leaves them out",
        ),
        (
            [("a", "x", "test"), ("a", "y", "validation"), ("b", "x", "train")]
            + [("b", "x", "validation")] * 2
            + [("b", "x", "test")],
            "6 images in 2 groups have the same pixels as another; 1 group with different "
            "labels; 2 groups in several parts of the split (2 validation and 1 test images also "
            "trained on); ingest.duplicates=drop leaves them out",
        ),
    ],
)
def test_what_was_found_is_said_in_one_line(
    images: list[tuple[str, str, str]], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert summarize_duplicates(count_duplicates(find_duplicates(index(*images)))) == sentence
    caplog.set_level(logging.INFO)
    plain = np.zeros((len(images), 8, 8, 1), np.uint8)
    duplicates = nodes.find_duplicates(plain, index(*images))
    record, near = caplog.records
    assert near.getMessage().startswith("no image was found to be nearly the same")
    assert record.getMessage() == sentence
    assert record.levelname == ("WARNING" if duplicates["finding"].any() else "INFO")


@FEW
@given(IMAGES)
def test_what_is_left_has_no_equal_images_and_no_contradiction(
    images: list[tuple[str, str, str]],
) -> None:
    digests, labels = ([image[at] for image in images] for at in (0, 1))
    names = [f"{at}.png" for at in range(len(images))]
    reasons = duplicates_to_drop(digests, names, labels)
    for digest in set(digests):
        same = [at for at, other in enumerate(digests) if other == digest]
        left = [at for at in same if at not in reasons]
        contradicts = len({labels[at] for at in same}) > 1
        assert left == ([] if contradicts else same[:1])
        for at in set(same) - set(left):
            other = names.index(reasons[at].split("'")[1])
            assert digests[other] == digest
            assert other != at
            assert reasons[at].endswith("with another label") == contradicts
            assert (labels[other] != labels[at]) == contradicts
