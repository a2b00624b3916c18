"""Subsets of the train images: stratified, and each within the larger ones of its draw."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regbench.errors import StudyError
from regbench.evaluation.resampling import seeds_of
from regbench.study.scaling import ALL

_STREAM = 7  # of random numbers: others of the same seed are drawn elsewhere


def order_of_draw(targets: np.ndarray, draw: int) -> np.ndarray:
    """Return the order in which a draw takes images: its first n are its subset of n.

    One image of every class comes first. Then every class comes as often as it is large: the i-th
    of its m images in random order stands at (i + u) / m of the whole, u drawn from [0, 1).

    Args:
        targets: The classes of the images, N ints from 0.
        draw: Its number.

    Returns:
        The places of the images, N ints from 0.
    """
    generator = np.random.default_rng([draw, _STREAM])
    shuffled = generator.permutation(len(targets))
    turn = pd.Series(targets[shuffled]).groupby(targets[shuffled]).cumcount().to_numpy()
    size = np.bincount(targets)[targets[shuffled]]
    place = (turn + generator.random(len(targets))) / size
    return shuffled[np.argsort(np.where(turn == 0, -1.0, place), kind="stable")]


def subset_rows(split_index: pd.DataFrame, draw: int, images: int) -> np.ndarray:
    """Return the rows of a draw's subset of the train images, in rising order.

    Args:
        split_index: A row per image: split, target.
        draw: Its number.
        images: Their number, at most that of the train images.
    """
    rows = np.flatnonzero(split_index["split"] == "train")
    order = order_of_draw(split_index["target"].to_numpy()[rows], draw)
    return np.sort(rows[order[:images]])


def with_subset(split_index: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Return the split index in which no other train images are in a split part."""
    kept = np.zeros(len(split_index), dtype=bool)
    kept[rows] = True
    parts = split_index["split"].astype(object)
    return split_index.assign(split=parts.where((parts != "train") | kept, "unused"))


def planned_sizes(
    split_index: pd.DataFrame, sizes: Sequence[int | str], setting: str
) -> dict[str, int | None]:
    """Return the number of images of each size; None for one that is not below all train images.

    Args:
        split_index: A row per image: split, target.
        sizes: Numbers of images, or ``all``.
        setting: Its name, for messages.

    Raises:
        StudyError: Every seed has a split of its own, or a subset would be smaller than the
            number of classes.
    """
    if seeds_of(split_index):
        raise StudyError(
            f"{setting} takes a study with one split, as test images of one seed would be train "
            "images of another; set protocol.split.resample: false and protocol.split.folds: null"
        )
    targets = split_index.loc[split_index["split"] == "train", "target"]
    classes, images = targets.nunique(), len(targets)
    for size in sizes:
        if size != ALL and int(size) < classes:
            raise StudyError(
                f"{setting}: {size} images are fewer than the {classes} classes of the train "
                f"images, and a subset has an image of each; name sizes of at least {classes}"
            )
    return {
        str(size): images if size == ALL else (int(size) if int(size) < images else None)
        for size in sizes
    }


def repeats(images: int, train_images: int, epochs: int, batch_size: int) -> tuple[int, int]:
    """Return how often an epoch passes over a subset, and how many epochs it is trained.

    So that it takes as many optimizer steps as training on all images, to half an epoch. An epoch
    has about as many steps as one of all images: schedules, patience and validation after every
    epoch mean the same for all sizes, as in Berthelot et al., MixMatch, 2019, whose epoch is a
    number of batches from a small labelled set.

    Args:
        images: Of the subset.
        train_images: All of them.
        epochs: Of the protocol.
        batch_size: Images per step.
    """
    often = max(1, round(train_images / images))
    steps = epochs * -(-train_images // batch_size)
    return often, max(1, round(steps / -(-often * images // batch_size)))


def sizes_for_a_curve(train_images: int, classes: int) -> str | None:
    """Return sizes that are enough for a curve, as a setting; None for too few train images.

    They are an eighth, a quarter and half of the train images, and all.

    Args:
        train_images: Their number.
        classes: Their number; a subset has an image of each at least.
    """
    smallest = train_images // 8
    if smallest < max(classes, 2):
        return None
    return f"{smallest} {train_images // 4} {train_images // 2} {ALL}"
