"""Assign images to the split parts: train, validation (for selection) and test (for reporting)."""

import hashlib
import logging
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from regbench.errors import StudyError, quoted
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.groups import grouped_parts, groups_of, name_of_groups
from regbench.study.split import Split
from regbench.text.counted import number_of

GIVEN = "given_split"  # the column of the image index with the set's own split parts

_NAMED = 5  # classes, groups and files named in a message; the rest is counted
logger = logging.getLogger(__name__)


def split_rows(image_index: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return the image index with each image's split part.

    It is said in a log line how the images were split, and into how many.

    Args and errors are those of ``assign_rows``.

    Returns:
        ``image_index`` with a further column ``split`` (str): train, validation or test.
    """
    index, said = assign_rows(image_index, split)
    logger.info("split: %s (%s)", sizes_of(index["split"].to_numpy()), said)
    return index


def assign_rows(
    image_index: pd.DataFrame, split: Split, *, warn: bool = True
) -> tuple[pd.DataFrame, str]:
    """Return the image index with each image's split part, and how they were split, in words.

    Args:
        image_index: A row per image: filename, label, target (int), for a hashed split digest
            (see ``image_digests``), for a given one ``given_split`` (train, validation, test or
            empty), and ``column:<name>`` of a further column of the label file.
        split: The split parts' shares (``test`` may be 0) and the method (see ``method_of``):
            ``given`` (as the set says), ``stratified`` (seeded shuffle with equal class shares in
            all parts), ``sequential`` (in the order of rows: train, validation, test) or
            ``hashed`` (see ``hashed_parts``). With ``group_column`` or ``group_pattern`` the
            images of a group are in one split part, and shares are kept as well as groups allow.
        warn: Whether a warning counts the images without a group.

    Returns:
        ``image_index`` with a further column ``split`` (str): train, validation or test; and the
        words.

    Raises:
        StudyError: A split part would be empty or lack a class, the set gives no split or an
            incomplete one, or no groups.
    """
    method = method_of(split, image_index)
    parts = [part for part in SPLIT_PARTS if getattr(split, part)]
    groups = groups_of(image_index, split, warn=warn)
    labels = image_index["label"]
    if method == "given":
        assigned, said = _given(image_index, split, groups)
        parts = [part for part in SPLIT_PARTS if part in set(assigned)]
    elif method == "hashed":
        digests = image_index["digest"]
        assigned = hashed_parts(
            digests if groups is None else group_digests(digests, groups), split
        )
        _check_sizes(labels, _counted(assigned), parts)
        said = f"by a hash of each {'image' if groups is None else 'group'}, seed {split.seed}"
    else:
        counts = dict(zip(SPLIT_PARTS, _part_sizes(len(image_index), split), strict=True))
        _check_sizes(labels, counts, parts)
        if method == "sequential":
            assigned = np.repeat(SPLIT_PARTS, list(counts.values()))
            said = "in the order of the rows"
        else:
            targets = image_index["target"].to_numpy()
            assigned = shuffled_parts(
                targets, {part: counts[part] for part in parts}, split.seed, groups
            )
            said = f"stratified by class, seed {split.seed}"
    index = image_index.assign(split=assigned)
    check_classes(index, parts, method, grouped=groups is not None)
    kept = "" if groups is None or method == "given" else kept_groups(split)
    return index, said + kept


def kept_groups(split: Split) -> str:
    """Return that groups are kept together, for messages."""
    return f"; each {name_of_groups(split)} in one part"


def sizes_of(parts: np.ndarray) -> str:
    """Return the numbers of images of a split, such as '70 train, 15 validation, 15 test'."""
    return ", ".join(f"{number} {part}" for part, number in _counted(parts).items() if number)


def method_of(split: Split, image_index: pd.DataFrame) -> str:
    """Return the method of a split; ``auto`` is ``given`` if the set gives one, else stratified.

    Args:
        split: The settings.
        image_index: Or the split index: a set that gives a split has the column ``given_split``.
    """
    if split.method == "auto":
        return "given" if GIVEN in image_index else "stratified"
    return split.method


def hashed_parts(digests: Iterable[str], split: Split, turned_by: float = 0.0) -> np.ndarray:
    """Return each image's split part by a hash of its pixels, independent of the other images.

    An image keeps its split part when images are added to the set or removed, and equal images are
    in the same one. The parts' sizes and class shares are random: the standard deviation of the
    share of n images is sqrt(share * (1 - share) / n), as of a binomial proportion.

    The keyed BLAKE2b hash (RFC 7693) of the digest, scaled to [0, 1), is compared with the
    cumulative shares: below ``train`` is train, then follows ``validation``, then test.

    Args:
        digests: The digest of each image's pixels, or of its group's name, hexadecimal.
        split: The shares, and the seed, which is part of the hash's key.
        turned_by: Added to the scaled hash, beyond 1 from 0 again, below 1: so other images are in
            the same share of [0, 1).

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
        uniform = (uniform + turned_by) % 1.0
        parts.append(SPLIT_PARTS[(uniform >= validation_from) + (uniform >= test_from)])
    return np.array(parts, dtype=object)


def group_digests(digests: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return the digest of each image's group; without a group, that of its pixels."""
    return [
        hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        if group
        else digest
        for digest, group in zip(digests, groups, strict=True)
    ]


def _given(
    image_index: pd.DataFrame, split: Split, groups: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """Return the split parts that the set gives, missing ones taken from train, and what was done.

    A missing part gets the share of the train images that it has in the settings:
    ``validation / (train + validation)``; a missing test part likewise, if ``test`` is not 0.

    Raises:
        StudyError: The set gives no split, not for every image, or no train part.
    """
    if GIVEN not in image_index:
        raise StudyError(
            "protocol.split.method=given, and the set gives no split: it has neither folders "
            "train, validation and test nor such a column; set protocol.split.method=stratified"
        )
    given = image_index[GIVEN].to_numpy(dtype=object)
    unsaid = image_index["filename"][given == ""]
    if len(unsaid):
        raise StudyError(
            f"the set gives a split, but none for {len(unsaid)} of {len(given)} images, for "
            f"example {quoted(unsaid.iloc[0])}; give one for each, or set "
            "protocol.split.method=stratified"
        )
    _warn_of_parted_groups(groups, given, split)
    if SPLIT_PARTS[0] not in given:
        raise StudyError(
            f"the set gives a split without a train part (it has {', '.join(sorted(set(given)))}); "
            "set protocol.split.method=stratified"
        )
    missing = [part for part in SPLIT_PARTS if part not in given and getattr(split, part)]
    if not missing:
        return given, "as the set gives it"
    train = np.flatnonzero(given == SPLIT_PARTS[0])
    whole = split.train + sum(getattr(split, part) for part in missing)
    counts = {part: round(len(train) * getattr(split, part) / whole) for part in missing}
    counts = {SPLIT_PARTS[0]: len(train) - sum(counts.values()), **counts}
    index = image_index.iloc[train]
    _check_sizes(index["label"], counts, list(counts))
    assigned = given.copy()
    assigned[train] = shuffled_parts(
        index["target"].to_numpy(), counts, split.seed, None if groups is None else groups[train]
    )
    return assigned, (
        f"as the set gives it, {' and '.join(missing)} taken from its train part, stratified by "
        f"class, seed {split.seed}"
    )


def _warn_of_parted_groups(groups: np.ndarray | None, given: np.ndarray, split: Split) -> None:
    """Warn of groups that the set's own split puts into several parts: it is used as it is."""
    if groups is None:
        return
    parts = pd.Series(given).groupby(groups).nunique()
    parted = [str(name) for name in parts.index[parts > 1] if name]
    if parted:
        logger.warning(
            "%d of %d groups (%s) are in several parts of the split that the set gives: %s; "
            "protocol.split.method=stratified keeps each in one",
            len(parted),
            len(parts),
            name_of_groups(split),
            _named([quoted(name) for name in parted]),
        )


def shuffled_parts(
    targets: np.ndarray,
    counts: Mapping[str, int],
    seed: int,
    groups: np.ndarray | None,
    *,
    varied: bool = False,
) -> np.ndarray:
    """Return a seeded split with the same class shares in all parts, groups kept together.

    Args:
        targets: The class of each image, N ints.
        counts: The numbers of images by split part.
        seed: Of the shuffle.
        groups: The group of each image; None to keep none together.
        varied: Whether another seed is to give another split, see ``grouped_parts``.

    Returns:
        N strings, dtype object.
    """
    if groups is None:
        return _stratified(targets, counts, seed)
    return grouped_parts(targets, groups, counts, seed, varied=varied)


def _part_sizes(images: int, split: Split) -> list[int]:
    """Return the numbers of train, validation and test images; test takes the rounding rest."""
    train = round(images * split.train)
    validation = round(images * split.validation) if split.test else images - train
    return [train, validation, images - train - validation]


def _stratified(targets: np.ndarray, counts: Mapping[str, int], seed: int) -> np.ndarray:
    """Return each image's split part by scikit-learn's stratified ``train_test_split``.

    Args:
        targets: The class of each image, N ints.
        counts: The numbers of images by split part.
        seed: Of the shuffle.

    Returns:
        N strings, dtype object.

    Raises:
        StudyError: A class is too small to be in every split part.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - a second of start-up

    classes, smallest = len(set(targets.tolist())), min(counts, key=lambda part: counts[part])
    if counts[smallest] < classes:
        fewest = math.ceil(len(targets) / counts[smallest])
        raise StudyError(
            f"{classes} classes need {classes} images in every part, and protocol.split gives the "
            f"{smallest} part {counts[smallest]} of {len(targets)}: give it a larger share "
            f"(protocol.split.{smallest}), or ingest.min_images_per_class={fewest} leaves small "
            "classes out"
        )
    *firsts, last = counts
    left = np.arange(len(targets))
    parts = np.full(len(targets), last, dtype=object)
    try:
        for part in firsts:
            taken, left = train_test_split(
                left, train_size=counts[part], stratify=targets[left], random_state=seed
            )
            parts[taken] = part
    except ValueError as error:  # scikit-learn's: a split part or a class is too small
        *sizes, size = [f"{number} {part}" for part, number in counts.items()]
        raise StudyError(
            f"the images cannot be split by class into {', '.join(sizes)} and {size}: "
            f"{str(error).rstrip('.')}; add images of the small classes or change protocol.split"
        ) from error
    return parts


def _check_sizes(labels: pd.Series, counts: Mapping[str, int], parts: list[str]) -> None:
    """Raise ``StudyError`` if a split part is empty or a class has fewer images than parts."""
    for part in parts:
        if counts[part] < 1:
            raise StudyError(
                f"the {part} part would be empty: protocol.split gives it {counts[part]} of "
                f"{len(labels)} images"
            )
    images = labels.value_counts().sort_values(kind="stable")
    small = images[images < len(parts)]
    needs = (
        f"the {len(parts)} images that protocol.split needs of each class, one for each of "
        f"{', '.join(parts)}"
    )
    way_out = "; add images or change protocol.split"
    if len(images) - len(small) > 1:
        way_out = f"; ingest.min_images_per_class={len(parts)} leaves such classes out"
    if len(small) == 1:
        raise StudyError(f"class {quoted(small.index[0])} has {small.iloc[0]} of {needs}{way_out}")
    if len(small):
        names = [f"{quoted(label)} ({number})" for label, number in small.items()]
        raise StudyError(
            f"{len(small)} of {len(images)} classes have fewer than {needs}: "
            f"{_named(names)}{way_out}"
        )


def check_classes(index: pd.DataFrame, parts: list[str], method: str, *, grouped: bool) -> None:
    """Raise ``StudyError`` if a split part lacks a class: it could not be learned or measured."""
    images = pd.crosstab(index["label"], index["split"]).reindex(columns=parts, fill_value=0)
    missing = [(label, part) for part in parts for label in images.index[images[part] == 0]]
    if missing:
        label, part = missing[0]
        more = f" (and {len(missing) - 1} more such gaps)" if len(missing) > 1 else ""
        way_out = "add images of it or change protocol.split"
        if method == "given":
            way_out = (
                "so the set gives it: add images of it, or set protocol.split.method=stratified"
            )
        elif grouped:
            way_out = "its images are of too few groups: " + way_out
        raise StudyError(
            f"class {label!r} has {number_of(int(images.loc[label].sum()), 'image')} and none in "
            f"{part}{more}; {way_out}"
        )


def _counted(parts: np.ndarray) -> dict[str, int]:
    """Return the number of images by split part."""
    return {part: int((parts == part).sum()) for part in SPLIT_PARTS}


def _named(names: list[str]) -> str:
    """Return the first names of a list, and the number of the others."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
