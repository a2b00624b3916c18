"""Images with the same pixels: labels that contradict one another, and leaks between parts."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.storage.arrays import in_chunks

CONFLICT = "different labels"
LEAK = "in several parts"
COLUMNS = ("group", "filename", "label", "split", "finding")


@dataclass(frozen=True)
class Counts:
    """What was found of duplicates.

    Attributes:
        images: Those with the pixels of another.
        groups: Of images that are all the same.
        conflicting: Groups with different labels.
        leaking: Groups in more than one part of the split.
        trained_on: By part, the images whose pixels are among the train images too.
    """

    images: int
    groups: int
    conflicting: int
    leaking: int
    trained_on: dict[str, int]


def find_duplicates(split_index: pd.DataFrame) -> pd.DataFrame:
    """List the images whose pixels another image has.

    Args:
        split_index: A row per image: filename, label, split and digest (of the pixels).

    Returns:
        A row per such image, those with equal pixels together: group (from 1), filename, label,
        split, and finding, what is wrong with the group: ``different labels``, ``in several
        parts`` (of the split), both, or nothing.
    """
    found = split_index[split_index.duplicated("digest", keep=False)]
    same = found.groupby("digest", sort=False)
    labels, parts = same["label"].transform("nunique"), same["split"].transform("nunique")
    findings = [
        ", ".join([CONFLICT] * (of_labels > 1) + [LEAK] * (of_parts > 1))
        for of_labels, of_parts in zip(labels, parts, strict=True)
    ]
    listed = found.assign(group=same.ngroup() + 1, finding=pd.Series(findings, found.index, "str"))
    return listed.sort_values("group", kind="stable")[list(COLUMNS)].reset_index(drop=True)


def count(duplicates: pd.DataFrame) -> Counts:
    """Sum up what ``find_duplicates`` lists."""
    groups = duplicates.drop_duplicates("group")
    trained = duplicates["group"].isin(duplicates["group"][duplicates["split"] == "train"])
    elsewhere = duplicates["split"][trained & (duplicates["split"] != "train")]
    return Counts(
        images=len(duplicates),
        groups=len(groups),
        conflicting=int(groups["finding"].str.contains(CONFLICT).sum()),
        leaking=int(groups["finding"].str.contains(LEAK).sum()),
        trained_on={part: int((elsewhere == part).sum()) for part in ("validation", "test")},
    )


def sentence(counts: Counts) -> str:
    """Say in one line what was found, and what can be done about it."""
    if not counts.images:
        return "no two images have the same pixels"
    found = [f"{counts.images} images in {_groups(counts.groups)} have the same pixels as another"]
    if counts.conflicting:
        found.append(f"{_groups(counts.conflicting)} with {CONFLICT}")
    if counts.leaking:
        leak = f"{_groups(counts.leaking)} in several parts of the split"
        trained = [f"{number} {part}" for part, number in counts.trained_on.items() if number]
        if trained:
            one = sum(counts.trained_on.values()) == 1
            leak += f" ({' and '.join(trained)} image{'' if one else 's'} also trained on)"
        found.append(leak)
    if len(found) == 1:
        return f"{found[0]}, each group with one label and in one part of the split"
    return f"{'; '.join(found)}; ingest.duplicates=drop leaves them out"


def to_drop(
    digests: Sequence[str], filenames: Sequence[str], labels: Sequence[str]
) -> dict[int, str]:
    """Choose which images go so that no two have the same pixels.

    Of those with one label the first stays. Where labels differ nobody can tell which is right,
    and all go.

    Args:
        digests: Of the pixels, one per image.
        filenames: One per image.
        labels: One per image.

    Returns:
        The reason by the image's position.
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
    """Name every image by its pixels: equal names are equal images, whatever their files.

    Args:
        images: uint8, N x H x W x C.

    Returns:
        Per image the BLAKE2b digest of its pixels, 32 hexadecimal digits.
    """
    return [
        hashlib.blake2b(image, digest_size=16).hexdigest()
        for some in in_chunks(images)
        for image in some
    ]
