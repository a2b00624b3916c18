"""Splits: every image in one split part, every class in all parts, reproducible by seed."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from regbench.errors import StudyError
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.split import hashed_parts, split_rows
from regbench.study.split import Split

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
    """Return an index with these numbers of images per class, by default shuffled."""
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
    """Return the number of images by label (rows) and split part (columns)."""
    return index.groupby(["label", "split"]).size().unstack(fill_value=0)


class TestStratified:
    def test_shares_are_kept_in_every_class_within_one_image(self) -> None:
        images = table(split(images_of(COUNTS)))
        for label, count in COUNTS.items():
            for part, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
                assert abs(images.loc[label, part] - share * count) <= 1

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
        assigned = split(index)
        pd.testing.assert_frame_equal(assigned[before.columns], before)
        pd.testing.assert_frame_equal(index, before)
        assert set(assigned["split"]) == set(SPLIT_PARTS)

    def test_train_rows_are_those_that_scikit_learn_draws(self) -> None:
        index = images_of(COUNTS)
        train, _ = train_test_split(
            np.arange(1074), train_size=752, stratify=index["label"], random_state=5
        )
        assigned = split(index, seed=5)
        assert np.flatnonzero(assigned["split"] == "train").tolist() == sorted(train)

    def test_the_same_seed_gives_the_same_parts_another_others(self) -> None:
        index = images_of(COUNTS)
        first, again, other = (split(index, seed=seed)["split"] for seed in (1, 1, 2))
        assert first.equals(again)
        # Independent splits agree for 0.7² + 2 * 0.15² of the images in expectation.
        assert 0.4 < (first == other).mean() < 0.7

    def test_the_order_of_the_file_does_not_decide(self) -> None:
        assigned = split(images_of({"ant": 300, "bee": 300}, shuffled=False))
        positions = np.flatnonzero(assigned["split"] == "test")
        assert positions.min() < 60
        assert positions.max() > 540
        assert (np.diff(positions) > 1).any()

    def test_without_a_test_part(self) -> None:
        assigned = split(images_of(COUNTS), validation=0.3, test=0)
        assert set(assigned["split"]) == {"train", "validation"}

    def test_a_class_with_one_image_in_each_part_is_enough(self) -> None:
        images = table(
            split(images_of({"ant": 3, "bee": 3}), train=0.34, validation=0.33, test=0.33)
        )
        assert (images == 1).all(axis=None)


class TestSequential:
    def test_the_first_rows_train_and_the_last_test(self) -> None:
        assigned = split(images_of({"ant": 50, "bee": 50}), method="sequential")
        assert assigned["split"].tolist() == ["train"] * 70 + ["validation"] * 15 + ["test"] * 15

    def test_without_a_test_part(self) -> None:
        assigned = split(
            images_of({"ant": 50, "bee": 51}), method="sequential", validation=0.3, test=0
        )
        assert assigned["split"].tolist() == ["train"] * 71 + ["validation"] * 30

    def test_the_seed_is_of_no_account(self) -> None:
        index = images_of({"ant": 50, "bee": 50})
        one, other = (split(index, method="sequential", seed=seed) for seed in (1, 2))
        pd.testing.assert_frame_equal(one, other)


def digests_of(pixels: list[int]) -> list[str]:
    return [
        hashlib.blake2b(bytes([value % 256, value // 256])).hexdigest()[:32] for value in pixels
    ]


def hashed(pixels: list[int], **changes: Any) -> list[str]:
    assigned = hashed_parts(digests_of(pixels), Split.model_validate(DEFAULTS | changes))
    return [str(part) for part in assigned]


SETS = st.lists(st.integers(0, 65535), max_size=30)


class TestHashed:
    @settings(deadline=None)
    @given(SETS, SETS, st.randoms(use_true_random=False))
    def test_an_image_keeps_its_part_whatever_else_is_in_the_set(
        self, before: list[int], added: list[int], random: Any
    ) -> None:
        parts = dict(zip(before, hashed(before), strict=True))
        grown = before + added
        random.shuffle(grown)
        after = dict(zip(grown, hashed(grown), strict=True))  # equal images are in the same part
        assert all(after[image] == part for image, part in parts.items())
        assert [after[image] for image in grown] == hashed(grown)

    @settings(deadline=None, max_examples=8)
    @given(st.integers(0, 2**31 - 1), st.sampled_from([(0.7, 0.15, 0.15), (0.2, 0.3, 0.5)]))
    def test_shares_are_kept_on_average(
        self, seed: int, shares: tuple[float, float, float]
    ) -> None:
        settings = dict(zip(SPLIT_PARTS, shares, strict=True))
        parts = hashed(list(range(8000)), seed=seed, **settings)
        for part, share in settings.items():
            spread = (share * (1 - share) / 8000) ** 0.5
            assert abs(parts.count(part) / 8000 - share) < 6 * spread

    @settings(deadline=None, max_examples=8)
    @given(st.integers(0, 1000), st.integers(1, 1000))
    def test_another_seed_draws_independently(self, seed: int, step: int) -> None:
        one, other = (np.array(hashed(list(range(5000)), seed=s)) for s in (seed, seed + step))
        assert abs((one == other).mean() - (0.7**2 + 2 * 0.15**2)) < 0.05  # independent splits

    def test_growing_the_train_share_takes_no_image_out_of_it(self) -> None:
        small = hashed(list(range(2000)), train=0.6, validation=0.2, test=0.2)
        large = hashed(list(range(2000)), train=0.7, validation=0.2, test=0.1)
        assert all(
            after == "train" for now, after in zip(small, large, strict=True) if now == "train"
        )

    def test_without_a_test_part(self) -> None:
        parts = hashed(list(range(2000)), train=0.7, validation=0.3, test=0)
        assert set(parts) == {"train", "validation"}

    def test_the_hash_is_blake2b_with_the_seed_as_its_key(self) -> None:
        for seed in (0, 7):
            for digest in digests_of(list(range(50))):
                key = f"regbench split {seed}".encode()
                number = int.from_bytes(rfc_7693_blake2b(bytes.fromhex(digest), key, 8), "big")
                place = number / 2**64
                expected = SPLIT_PARTS[int(place >= 0.7) + int(place >= 0.85)]
                split = Split.model_validate(DEFAULTS | {"seed": seed})
                assert hashed_parts([digest], split).tolist() == [expected]

    def test_the_rows_and_their_order_stay(self) -> None:
        index = images_of(COUNTS).assign(digest=digests_of(list(range(1074))))
        assigned = split(index, method="hashed")
        pd.testing.assert_frame_equal(assigned[index.columns], index)
        assert (table(assigned) > 0).all(axis=None)

    def test_an_empty_part_and_a_class_missing_in_one_are_named(self) -> None:
        few = images_of({"ant": 3, "bee": 3}).assign(digest=digests_of([1] * 6))
        with pytest.raises(
            StudyError, match=r"part would be empty: protocol\.split gives it 0 of 6"
        ):
            split(few, method="hashed")
        index = images_of({"ant": 600, "bee": 3}, shuffled=False)
        index = index.assign(
            digest=digests_of([*range(600), 0, 0, 0])
        )  # equal images are in the same part
        with pytest.raises(StudyError, match="class 'bee' has 3 images and none in"):
            split(index, method="hashed")


def rfc_7693_blake2b(message: bytes, key: bytes, size: int) -> bytes:
    """Return BLAKE2b of a message of one block, after RFC 7693."""
    mask = 2**64 - 1
    initial = [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ]
    orders = [
        *("0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8"),
        *("905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a"),
        *("6fe9b308c2d714a5", "a2847615fb9e3cd0"),
    ]
    schedule = [[int(word, 16) for word in order] for order in orders]
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]

    def rotated(value: int, by: int) -> int:
        return (value >> by | value << 64 - by) & mask

    state = [initial[0] ^ 0x01010000 ^ len(key) << 8 ^ size, *initial[1:]]
    blocks = [(key.ljust(128, b"\0"), 128), (message.ljust(128, b"\0"), 128 + len(message))]
    for number, (block, count) in enumerate(blocks):
        words = [int.from_bytes(block[at : at + 8], "little") for at in range(0, 128, 8)]
        v = state + initial
        v[12] ^= count
        v[14] ^= mask if number == len(blocks) - 1 else 0
        for turn in range(12):
            order = schedule[turn % 10]
            for step, (a, b, c, d) in enumerate(columns + diagonals):
                for word, first, second in (
                    (words[order[2 * step]], 32, 24),
                    (words[order[2 * step + 1]], 16, 63),
                ):
                    v[a] = (v[a] + v[b] + word) & mask
                    v[d] = rotated(v[d] ^ v[a], first)
                    v[c] = (v[c] + v[d]) & mask
                    v[b] = rotated(v[b] ^ v[c], second)
        state = [old ^ v[at] ^ v[at + 8] for at, old in enumerate(state)]
    return b"".join(word.to_bytes(8, "little") for word in state)[:size]


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
            assigned = split(index, method=method, seed=seed, **shares)
        except StudyError:
            return
        images = table(assigned)
        assert set(images.columns) == {part for part, share in shares.items() if share}
        assert (images > 0).all(axis=None)
        assert images.to_numpy().sum() == len(index)


def test_more_classes_than_images_in_a_part_are_one_line_with_a_way_out() -> None:
    index = images_of({f"c{number}": 3 for number in range(20)})
    with pytest.raises(StudyError) as stopped:
        split(index)
    assert stopped.value.message == (
        "20 classes need 20 images in every part, and protocol.split gives the validation part 9 "
        "of 60: give it a larger share (protocol.split.validation), or "
        "ingest.min_images_per_class=7 leaves small classes out"
    )
