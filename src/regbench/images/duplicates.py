"""Duplicate images (equal pixels): conflicting labels and leakage between split parts."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.evaluation.resampling import VARIES, in_several_parts, parts_shown
from regbench.storage.arrays import in_chunks

CONFLICT = "different labels"
LEAK = "in several parts"
COLUMNS = ("group", "filename", "label", "split", "finding")


@dataclass(frozen=True)
class DuplicateCounts:
    """Numbers of duplicate images and of groups of equal images.

    Attributes:
        images: Images with the same pixels as another image.
        groups: Groups of two or more equal images.
        conflicting: Groups with more than one label.
        leaking: Groups in more than one split part.
        trained_on: For validation and test, the images that are also among the train images.
        of_seeds: Whether the parts are those of several splits, one for each seed.
    """

    images: int
    groups: int
    conflicting: int
    leaking: int
    trained_on: dict[str, int]
    of_seeds: bool = False


def find_duplicates(split_index: pd.DataFrame) -> pd.DataFrame:
    """Return the table of all images with the same pixels as another image.

    Args:
        split_index: A row per image: filename, label, split and digest (of the pixels).

    Returns:
        A row per duplicate, sorted by group: group (int, from 1), filename, label, split, and
        finding (str): ``different labels``, ``in several parts`` (of the split), both joined by a
        comma, or empty. Where every seed has its own split, ``split`` is ``varies`` for an image
        that is not in the same part in all, and a group is in several parts if it is with any seed.
    """
    duplicates = split_index[split_index.duplicated("digest", keep=False)]
    same = duplicates.groupby("digest", sort=False)
    labels, torn = same["label"].transform("nunique"), in_several_parts(duplicates, "digest")
    findings = [
        ", ".join([CONFLICT] * (label_count > 1) + [LEAK] * is_torn)
        for label_count, is_torn in zip(labels, torn, strict=True)
    ]
    listed = duplicates.assign(
        group=same.ngroup() + 1,
        split=parts_shown(duplicates),
        finding=pd.Series(findings, duplicates.index, "str"),
    )
    return listed.sort_values("group", kind="stable")[list(COLUMNS)].reset_index(drop=True)


def count_duplicates(duplicates: pd.DataFrame) -> DuplicateCounts:
    """Return the counts of a table from ``find_duplicates``."""
    groups = duplicates.drop_duplicates("group")
    trained = duplicates["group"].isin(duplicates["group"][duplicates["split"] == "train"])
    elsewhere = duplicates["split"][trained & (duplicates["split"] != "train")]
    return DuplicateCounts(
        images=len(duplicates),
        groups=len(groups),
        conflicting=int(groups["finding"].str.contains(CONFLICT).sum()),
        leaking=int(groups["finding"].str.contains(LEAK).sum()),
        trained_on={part: int((elsewhere == part).sum()) for part in ("validation", "test")},
        of_seeds=bool((duplicates["split"] == VARIES).any()),
    )


def summarize_duplicates(counts: DuplicateCounts) -> str:
    """Return the counts as one sentence, with the setting that drops duplicates."""
    if not counts.images:
        return "no two images have the same pixels"
    clauses = [
        f"{counts.images} images in {_groups(counts.groups)} have the same pixels as another"
    ]
    if counts.conflicting:
        clauses.append(f"{_groups(counts.conflicting)} with {CONFLICT}")
    if counts.leaking:
        leak = f"{_groups(counts.leaking)} in several parts of the split"
        leak += " of one seed or more" if counts.of_seeds else ""
        trained = [f"{number} {part}" for part, number in counts.trained_on.items() if number]
        if trained:
            one = sum(counts.trained_on.values()) == 1
            leak += f" ({' and '.join(trained)} image{'' if one else 's'} also trained on)"
        clauses.append(leak)
    if len(clauses) == 1:
        return f"{clauses[0]}, each group with one label and in one part of the split"
    return f"{'; '.join(clauses)}; ingest.duplicates=drop leaves them out"


def duplicates_to_drop(
    digests: Sequence[str], filenames: Sequence[str], labels: Sequence[str]
) -> dict[int, str]:
    """Return the images to drop so that no two have the same pixels, with reasons.

    Of equal images with one label the first is kept. If their labels differ, all are dropped: the
    right label is unknown.

    Args:
        digests: The digest of the pixels, per image.
        filenames: The file name, per image.
        labels: The label, per image.

    Returns:
        The reason of each dropped image, by its position.
    """
    same: defaultdict[str, list[int]] = defaultdict(list)
    for position, digest in enumerate(digests):
        same[digest].append(position)
    reasons: dict[int, str] = {}
    for first, *others in same.values():
        other = next((at for at in others if labels[at] != labels[first]), None)
        for at in others:
            reasons[at] = f"same pixels as {filenames[first]!r}"
        if other is not None:
            for at in (first, *others):
                against = other if labels[at] == labels[first] else first
                reasons[at] = f"same pixels as {filenames[against]!r} with another label"
    return reasons


def _groups(number: int) -> str:
    return f"{number} group{'' if number == 1 else 's'}"


def image_digests(images: NDArray[np.uint8]) -> list[str]:
    """Return the BLAKE2b digest of each image's pixels (RFC 7693).

    Args:
        images: N x H x W x C, uint8.

    Returns:
        N strings of 32 hexadecimal digits (128 bits).
    """
    return [
        hashlib.blake2b(image, digest_size=16).hexdigest()
        for chunk in in_chunks(images)
        for image in chunk
    ]
