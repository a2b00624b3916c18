"""Groups of images that belong together, such as those of a patient: one split part each.

Images of one patient, scene or camera are alike. With some of them in train and others in test, the
test accuracy tells how well the network knows the patients, not how well it does with new ones.
"""

import logging
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from regbench.errors import StudyError, quoted
from regbench.study.split import Split

COLUMN = "column:"  # begins the image index's columns from the label file

_SWEEPS = 20  # at most so many passes that move groups to better parts
_RESTARTS = 5  # random orders that are tried, if there are few groups
_FEW_GROUPS = 2000
_GAP = 1e6  # the cost of a split part that lacks a class, above all of the other costs

logger = logging.getLogger(__name__)


def name_of_groups(split: Split) -> str:
    """Return what a group is, for messages: the column's name, or the pattern."""
    return split.group_column or f"group by the pattern {split.group_pattern!r}"


def groups_of(image_index: pd.DataFrame, split: Split, *, warn: bool = True) -> np.ndarray | None:
    """Return the group of each image by ``split.group_column`` or ``split.group_pattern``.

    Args:
        image_index: A row per image: filename, and ``column:<name>`` of further columns.
        split: The settings.
        warn: Whether a warning counts the images without a group.

    Returns:
        N strings, dtype object; an image without a group (an empty cell, an optional group of the
        pattern) has an empty one, and is alone. None if the settings name no groups.

    Raises:
        StudyError: There is no such column, it is empty, or the pattern does not fit a file name.
    """
    if split.group_column is not None:
        groups = _groups_of_column(image_index, split.group_column)
    elif split.group_pattern is not None:
        groups = _groups_of_pattern(image_index, split.group_pattern)
    else:
        return None
    alone = int((groups == "").sum())
    if alone == len(groups):
        raise StudyError(f"no image has a group: {name_of_groups(split)} is empty for each of them")
    if alone and warn:
        logger.warning(
            "%d of %d images have no group (%s): each is a group of its own",
            alone,
            len(groups),
            name_of_groups(split),
        )
    return groups


def _groups_of_column(image_index: pd.DataFrame, name: str) -> np.ndarray:
    """Return the values of a further column of the label file, without blanks around them."""
    column = f"{COLUMN}{name}"
    if column not in image_index:
        others = [str(c).removeprefix(COLUMN) for c in image_index if str(c).startswith(COLUMN)]
        has = f"has only {', '.join(map(quoted, others))}" if others else "has none besides"
        raise StudyError(
            f"protocol.split.group_column={name!r}: the set has no such column besides file name "
            f"and label; it {has}"
        )
    values = image_index[column].fillna("").astype(str).str.strip()
    return values.to_numpy(dtype=object)


def _groups_of_pattern(image_index: pd.DataFrame, pattern: str) -> np.ndarray:
    """Return what the pattern's group ``group``, or its first one, finds in each file name."""
    compiled = re.compile(pattern)
    which = "group" if "group" in compiled.groupindex else 1
    found = [compiled.search(name) for name in image_index["filename"]]
    unfit = [at for at, match in enumerate(found) if match is None]
    if unfit:
        example = image_index["filename"].iloc[unfit[0]]
        raise StudyError(
            f"protocol.split.group_pattern={pattern!r} does not fit {len(unfit)} of {len(found)} "
            f"file names, for example {quoted(example)}; make the group optional for images that "
            "belong to none"
        )
    return np.array([match[which] or "" for match in found if match], dtype=object)


class _Content(NamedTuple):
    """The images of a group: the classes that it has, and the number of images of each."""

    classes: np.ndarray
    images: np.ndarray


def grouped_parts(
    targets: np.ndarray,
    groups: np.ndarray,
    counts: Mapping[str, int],
    seed: int,
    *,
    varied: bool = False,
) -> np.ndarray:
    """Return a seeded split with no group in two parts, and class shares as near as groups allow.

    scikit-learn's ``StratifiedGroupKFold`` has folds of one size only; this does the same for
    parts of any size. From the largest group to the smallest, each goes where the distance of the
    parts' sizes and class counts from the wanted ones (chi-squared, relative to the class) grows
    least. Then single groups move as long as that makes the distance smaller, or gives a part a
    class that it lacks. Equally large groups are in random order; of several orders the best is
    taken.

    Args:
        targets: The class of each image, N ints.
        groups: The group of each image, N strings; images with an empty one are alone.
        counts: The wanted number of images by split part.
        seed: Of the random order.
        varied: Whether other seeds are to give other splits: one random order of all groups, not
            the best of several from large to small, which groups of unequal size hardly change.

    Returns:
        N strings, dtype object.
    """
    codes, contents = _contents(targets, groups)
    shares = np.array(list(counts.values())) / sum(counts.values())
    totals = np.bincount(targets).astype(float)
    random = np.random.default_rng(seed)
    sizes = np.array([content.images.sum() for content in contents])
    best, least = np.zeros(len(contents), np.intp), np.inf
    few = len(contents) <= _FEW_GROUPS
    for _ in range(_RESTARTS if few and not varied else 1):
        order = random.permutation(len(contents))
        if not varied:
            order = order[np.argsort(-sizes[order], kind="stable")]
        parts, cost = _assign(contents, order, shares, totals)
        if cost < least:
            best, least = parts, cost
    assigned: np.ndarray = np.array(list(counts), dtype=object)[best[codes]]
    return assigned


def _contents(targets: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, list[_Content]]:
    """Return the number of each image's group, from 0, and what is in each group."""
    names = pd.Series(groups, dtype=object)
    alone = (names == "").to_numpy()
    names[alone] = np.flatnonzero(alone)  # a number is no name
    codes, _ = pd.factorize(names)
    pairs, images = np.unique(np.stack([codes, targets]), axis=1, return_counts=True)
    ends = np.flatnonzero(np.diff(pairs[0])) + 1
    contents = zip(np.split(pairs[1], ends), np.split(images, ends), strict=True)
    return codes, [_Content(*content) for content in contents]


def _assign(
    contents: list[_Content], order: np.ndarray, shares: np.ndarray, totals: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the part of each group, and the cost: the distance from the wanted class counts.

    Args:
        contents: What is in each group.
        order: The groups in the order in which they are assigned.
        shares: The wanted share of each part.
        totals: The number of images of each class.
    """
    wanted = np.outer(shares, totals)
    held = np.zeros_like(wanted)
    weights = 1 / np.maximum(totals, 1) ** 2  # every class counts alike
    size_weight = len(totals) / totals.sum() ** 2
    parts = np.full(len(contents), -1, np.intp)

    def growth(content: _Content) -> np.ndarray:
        """Return by how much the cost grows with a group in each part."""
        classes, images = content
        off = held[:, classes] - wanted[:, classes]
        by_class = (2 * off * images + images**2) @ weights[classes]
        size, total_off = images.sum(), held.sum(axis=1) - wanted.sum(axis=1)
        by_size = (2 * total_off * size + size**2) * size_weight
        grown: np.ndarray = (by_class + by_size) / shares
        return grown

    for group in order:
        parts[group] = np.argmin(growth(contents[group]))
        held[parts[group], contents[group].classes] += contents[group].images
    for _ in range(_SWEEPS):
        moved = False
        for group in order:
            content, part = contents[group], parts[group]
            held[part, content.classes] -= content.images
            gaps = (held[:, content.classes] == 0).sum(axis=1)
            costs = growth(content) - _GAP * gaps
            better = int(np.argmin(costs))
            if costs[better] < costs[part] - 1e-12:
                parts[group], moved = better, True
            held[parts[group], content.classes] += content.images
        if not moved:
            break
    distance = (((held - wanted) ** 2 * weights).sum(axis=1) / shares).sum()
    distance += (((held - wanted).sum(axis=1) ** 2) * size_weight / shares).sum()
    return parts, float(distance + _GAP * (held[:, totals > 0] == 0).sum())
