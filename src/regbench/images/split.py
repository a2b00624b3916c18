"""Assign images to the split parts: train, validation (for selection) and test (for reporting)."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from regbench.errors import StudyError
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.study.schema import Split


def split_rows(image_index: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return the image index with each image's split part.

    Args:
        image_index: A row per image: filename, label, target (int) and, for a hashed split,
            digest (see ``image_digests``).
        split: The split parts' shares (``test`` may be 0) and the method: ``stratified`` (seeded
            shuffle with equal class shares in all parts), ``sequential`` (in the order of rows:
            train, validation, test) or ``hashed`` (see ``hashed_parts``).

    Returns:
        ``image_index`` with a further column ``split`` (str): train, validation or test.

    Raises:
        StudyError: A split part would be empty or lack a class.
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
    """Return each image's split part by a hash of its pixels, independent of the other images.

    An image keeps its split part when images are added to the set or removed, and equal images are
    in the same one. The parts' sizes and class shares are random: the standard deviation of the
    share of n images is sqrt(share * (1 - share) / n), as of a binomial proportion.

    The keyed BLAKE2b hash (RFC 7693) of the digest, scaled to [0, 1), is compared with the
    cumulative shares: below ``train`` is train, then follows ``validation``, then test.

    Args:
        digests: The digest of each image's pixels, hexadecimal.
        split: The shares, and the seed, which is part of the hash's key.

    Returns:
        N strings, dtype object.
    """
    key = f"regbench split {split.seed}".encode()
    validation_from = split.train
    test_from = split.train + split.validation if split.test else 1.0
    parts = []
    for digest in digests:
        hashed = hashlib.blake2b(bytes.fromhex(digest), digest_size=8, key=key).digest()
        uniform = (int.from_bytes(hashed) >> 11) / 2**53  # the 53 bits of a float64's significand
        parts.append(SPLIT_PARTS[(uniform >= validation_from) + (uniform >= test_from)])
    return np.array(parts, dtype=object)


def _part_sizes(images: int, split: Split) -> list[int]:
    """Return the numbers of train, validation and test images; test takes the rounding rest."""
    train = round(images * split.train)
    validation = round(images * split.validation) if split.test else images - train
    return [train, validation, images - train - validation]


def _stratified(targets: np.ndarray, counts: list[int], seed: int) -> np.ndarray:
    """Return each image's split part by scikit-learn's stratified ``train_test_split``.

    Args:
        targets: The class of each image, N ints.
        counts: The numbers of train, validation and test images.
        seed: Of the shuffle.

    Returns:
        N strings, dtype object.

    Raises:
        StudyError: A class is too small to be in every split part.
    """
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
    except ValueError as error:  # scikit-learn's: a split part or a class is too small
        raise StudyError(
            f"the images cannot be split by class into {counts[0]} train, {counts[1]} validation "
            f"and {counts[2]} test: {str(error).rstrip('.')}; add images of the small classes or "
            "change protocol.split"
        ) from error
    return parts


def _check_sizes(labels: pd.Series, counts: dict[str, int], parts: list[str]) -> None:
    """Raise ``StudyError`` if a split part is empty or a class has fewer images than parts."""
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
    """Raise ``StudyError`` if a split part lacks a class: it could not be learned or measured."""
    images = pd.crosstab(index["label"], index["split"]).reindex(columns=parts, fill_value=0)
    missing = [(label, part) for part in parts for label in images.index[images[part] == 0]]
    if missing:
        label, part = missing[0]
        more = f" (and {len(missing) - 1} more such gaps)" if len(missing) > 1 else ""
        raise StudyError(
            f"class {label!r} has {int(images.loc[label].sum())} images and none in {part}{more}; "
            "add images of it or change protocol.split"
        )
