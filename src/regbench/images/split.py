"""Which images train, which select (validation) and which report (test)."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from regbench.errors import StudyError
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.study.schema import Split


def split_rows(image_index: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Assign every image to a part.

    Args:
        image_index: A row per image with filename, label, target (int) and, for a hashed split,
            digest (see ``ingestion.image_digests``).
        split: Stratified (the classes' shares are kept, seeded shuffle), sequential (the first
            rows train, the last test) or hashed (see ``hashed_parts``), and the parts' shares;
            ``test`` may be 0.

    Returns:
        ``image_index`` with a column ``split``: train, validation or test.

    Raises:
        StudyError: A class would be missing from a part.
    """
    parts = [part for part in SPLIT_PARTS if getattr(split, part)]
    if split.method == "hashed":
        assigned = hashed_parts(image_index["digest"], split)
        counts = [int((assigned == part).sum()) for part in SPLIT_PARTS]
    else:
        counts = _part_sizes(len(image_index), split)
    _check_sizes(image_index["label"], dict(zip(SPLIT_PARTS, counts, strict=True)), parts)
    if split.method == "sequential":
        assigned = np.repeat(SPLIT_PARTS, counts)
    elif split.method == "stratified":
        assigned = _stratified(image_index["target"].to_numpy(), counts, split.seed)
    index = image_index.assign(split=assigned)
    _check_classes(index, parts)
    return index


def hashed_parts(digests: Iterable[str], split: Split) -> np.ndarray:
    """Assign every image by its own pixels: whatever else is in the set, and in which order.

    An image keeps its part while the set grows or shrinks, and equal images are in one part. Sizes
    of the parts, and the classes' shares in them, come out by chance: the share of n images
    differs from the one asked for by sqrt(share * (1 - share) / n), in standard deviations.

    The keyed BLAKE2b hash of the digest is a number from 0 to 1: the first ``train`` of that range
    trains, the next ``validation`` validates, the rest tests.

    Args:
        digests: Per image, hexadecimal; equal images have equal ones.
        split: The shares, and the seed, which is the key: another one draws anew.

    Returns:
        N parts, as objects.
    """
    key = f"regbench split {split.seed}".encode()
    validation_from = split.train
    test_from = split.train + split.validation if split.test else 1.0
    parts = []
    for digest in digests:
        hashed = hashlib.blake2b(bytes.fromhex(digest), digest_size=8, key=key).digest()
        place = (int.from_bytes(hashed) >> 11) / 2**53  # all the bits that a float holds: below 1
        parts.append(SPLIT_PARTS[(place >= validation_from) + (place >= test_from)])
    return np.array(parts, dtype=object)


def _part_sizes(images: int, split: Split) -> list[int]:
    """Train first, then validation; test takes what rounding leaves."""
    train = round(images * split.train)
    validation = round(images * split.validation) if split.test else images - train
    return [train, validation, images - train - validation]


def _stratified(targets: np.ndarray, counts: list[int], seed: int) -> np.ndarray:
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - a second of start-up

    rows = np.arange(len(targets))
    parts = np.full(len(targets), SPLIT_PARTS[0], dtype=object)
    try:
        _, held_out = train_test_split(
            rows, train_size=counts[0], stratify=targets, random_state=seed
        )
        parts[held_out] = SPLIT_PARTS[1]
        if counts[2]:
            _, test = train_test_split(
                held_out, train_size=counts[1], stratify=targets[held_out], random_state=seed
            )
            parts[test] = SPLIT_PARTS[2]
    except ValueError as error:  # scikit-learn's: a part or a class is too small to share out
        raise StudyError(
            f"the images cannot be split by class into {counts[0]} train, {counts[1]} validation "
            f"and {counts[2]} test: {str(error).rstrip('.')}; add images of the small classes or "
            "change protocol.split"
        ) from error
    return parts


def _check_sizes(labels: pd.Series, counts: dict[str, int], parts: list[str]) -> None:
    """Stop where no split can work, in words that name what is too small."""
    for part in parts:
        if counts[part] < 1:
            raise StudyError(
                f"the {part} part would be empty: protocol.split gives it {counts[part]} of "
                f"{len(labels)} images"
            )
    smallest = labels.value_counts().sort_values(kind="stable")
    if smallest.iloc[0] < len(parts):
        raise StudyError(
            f"class {smallest.index[0]!r} has {smallest.iloc[0]} of the {len(parts)} images that "
            f"protocol.split needs of each class, one for each of {', '.join(parts)}"
        )


def _check_classes(index: pd.DataFrame, parts: list[str]) -> None:
    """Every class in every part: otherwise it is not learned, or not measured."""
    images = pd.crosstab(index["label"], index["split"]).reindex(columns=parts, fill_value=0)
    missing = [(label, part) for part in parts for label in images.index[images[part] == 0]]
    if missing:
        label, part = missing[0]
        more = f" (and {len(missing) - 1} more such gaps)" if len(missing) > 1 else ""
        raise StudyError(
            f"class {label!r} has {int(images.loc[label].sum())} images and none in {part}{more}; "
            "add images of it or change protocol.split"
        )
