"""Draw a split for every seed: at random, or by the folds of a repeated k-fold cross-validation.

A seed's split depends on the images, the settings and the seed only: it is the same for every
technique, and whatever other seeds the study has. A test part that the set gives stays as given in
all of them; train and validation are drawn from the other images.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regbench.errors import StudyError, quoted
from regbench.evaluation.resampling import column_of
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.fields import MAX_SEED
from regbench.images.groups import grouped_parts, groups_of
from regbench.images.split import (
    GIVEN,
    assign_rows,
    check_classes,
    group_digests,
    hashed_parts,
    kept_groups,
    method_of,
    shuffled_parts,
    sizes_of,
)
from regbench.study.split import Split

TYPICAL = MAX_SEED + 1  # no training's seed: its split stands for all, and for their fingerprint
TRAIN, VALIDATION, TEST = SPLIT_PARTS
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Set:
    """What splits are drawn from.

    Attributes:
        index: A row per image; if parts of a certain size are drawn, with the column ``split`` of
            a single split, whose parts have it.
        groups: The group of each image, N strings; None to keep none together.
        split: The settings; with folds the shares are those that a fold leaves.
        method: ``stratified``, ``hashed`` or ``given``.
        drawn: The rows that are drawn, ints: without those of a given test part.
        parts: The split parts that each seed's split has.
    """

    index: pd.DataFrame
    groups: np.ndarray | None
    split: Split
    method: str
    drawn: np.ndarray
    parts: list[str]

    @property
    def targets(self) -> np.ndarray:
        """The classes of the rows that are drawn."""
        targets: np.ndarray = self.index["target"].to_numpy()[self.drawn]
        return targets

    @property
    def drawn_groups(self) -> np.ndarray | None:
        """The groups of the rows that are drawn."""
        return None if self.groups is None else self.groups[self.drawn]


def resample_rows(image_index: pd.DataFrame, split: Split, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the image index with a split for each seed.

    A log line says how the splits were drawn; a warning, if groups leave so few ways that several
    seeds have the same one.

    Args:
        image_index: As of ``split_rows``.
        split: The settings. Without ``folds`` each part has the size of a single split. With them
            the images are cut into so many folds of equal size and class shares; the seeds 1 to
            ``folds`` judge one fold each, the following ones those of the next cut, and the other
            folds are train and validation.
        seeds: The study's.

    Returns:
        ``image_index`` with a column ``split_seed_<n>`` (category) for each seed, and ``split``
        (str), the split of a seed that no training has.

    Raises:
        StudyError: A split cannot be drawn (see ``split_rows``; a message on a seed's split names
            the seed), or nothing differs from one to the next.
    """
    shares = split.with_folds_as_shares()
    method = method_of(split, image_index)
    groups = groups_of(image_index, split)
    if split.folds is not None and method != "hashed" and groups is None:
        _check_folds(image_index["label"], split.folds)
    index, parts = image_index, [part for part in SPLIT_PARTS if getattr(shares, part)]
    if method != "hashed":  # of which every seed's parts have a size of their own
        index, _ = assign_rows(image_index, shares, warn=False)
        parts = [part for part in SPLIT_PARTS if (index["split"] == part).any()]
    fixed = np.zeros(len(index), bool)
    if method == "given":
        fixed = (index[GIVEN] == TEST).to_numpy()
    images = _Set(index, groups, shares, method, np.flatnonzero(~fixed), parts)
    if split.folds is not None and fixed.any():
        raise StudyError(
            f"protocol.split.folds={split.folds} cuts the images into folds that are the test part "
            "in turn, and the set gives a test part; set protocol.split.folds=null and "
            "protocol.split.resample=true, which draw train and validation anew, or "
            "protocol.split.method=stratified, which leaves the given split aside"
        )
    drawn = {seed: _parts_of(images, seed) for seed in (TYPICAL, *seeds)}
    for seed in seeds:
        _check(images, drawn[seed], seed)
    _check_that_they_differ([drawn[seed] for seed in seeds], images)
    categories = {
        column_of(seed): pd.Categorical(drawn[seed], categories=list(SPLIT_PARTS)) for seed in seeds
    }
    logger.info("split: %s", _said(images, drawn[TYPICAL], seeds, fixed=int(fixed.sum())))
    return index.assign(split=drawn[TYPICAL], **categories)


def random_number(*numbers: int) -> int:
    """Return a number from 0 to 2^32 - 1 that looks random, always the same for the same input.

    Neighbouring seeds, used as they are, would repeat the splits of another ``split.seed``.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _parts_of(images: _Set, seed: int) -> np.ndarray:
    """Return the split part of each image with a seed; N strings, dtype object."""
    split = images.split
    if images.method == "hashed":
        return _hashed(images, seed)
    parts = images.index["split"].to_numpy(dtype=object).copy()
    number = random_number(split.seed, seed)
    if split.folds is None:
        counts = _counts(parts[images.drawn])
        parts[images.drawn] = shuffled_parts(
            images.targets, counts, number, images.drawn_groups, varied=True
        )
        return parts
    cut, fold = _cut_and_fold(seed, split.folds)
    judged = _folds(images, random_number(split.seed, cut)) == fold
    parts[images.drawn[judged]] = TEST if split.test else VALIDATION
    rest = images.drawn[~judged]
    parts[rest] = TRAIN
    if split.test:
        validation = round(len(rest) * split.validation / (split.train + split.validation))
        counts = {TRAIN: len(rest) - validation, VALIDATION: validation}
        groups = None if images.groups is None else images.groups[rest]
        targets = images.index["target"].to_numpy()[rest]
        parts[rest] = shuffled_parts(targets, counts, number, groups, varied=True)
    return parts


def _cut_and_fold(seed: int, folds: int) -> tuple[int, int]:
    """Return which cut into folds a seed uses, and which of its folds, both from 0.

    The seeds 1 to ``folds`` have the folds of cut 1, the next as many those of cut 2; seed 0 has
    the last fold of cut 0.
    """
    cut, fold = divmod(seed - 1, folds)
    return cut + 1, fold


def _folds(images: _Set, number: int) -> np.ndarray:
    """Return the fold of each drawn image, ints from 0.

    Folds are scikit-learn's ``StratifiedKFold``; with groups they are ``grouped_parts`` of equal
    size, as ``StratifiedGroupKFold`` cuts groups of unequal size the same way with every seed.
    """
    folds = images.split.folds or 1
    if images.drawn_groups is not None:
        counts = {str(fold): round(len(images.drawn) / folds) for fold in range(folds)}
        of_groups = grouped_parts(images.targets, images.drawn_groups, counts, number, varied=True)
        return of_groups.astype(int)
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - a second of start-up

    assigned = np.zeros(len(images.drawn), int)
    cutter = StratifiedKFold(folds, shuffle=True, random_state=number)
    for fold, (_, rows) in enumerate(cutter.split(images.drawn, images.targets)):
        assigned[rows] = fold
    return assigned


def _hashed(images: _Set, seed: int) -> np.ndarray:
    """Return a split by a hash whose key the seed is part of; of folds, the cut is.

    With folds the unit interval of hashes is turned, so that another fold comes first in it.
    """
    split, digests = images.split, images.index["digest"]
    hashed = digests if images.groups is None else group_digests(digests, images.groups)
    if split.folds is None:
        own = split.model_copy(update={"seed": random_number(split.seed, seed)})
        return hashed_parts(hashed, own)
    cut, fold = _cut_and_fold(seed, split.folds)
    own = split.model_copy(update={"seed": random_number(split.seed, cut)})
    return hashed_parts(hashed, own, turned_by=fold / split.folds)


def _counts(parts: np.ndarray) -> dict[str, int]:
    """Return the number of images by split part, of the parts that there are."""
    return {part: count for part in SPLIT_PARTS if (count := int((parts == part).sum()))}


def _check_folds(labels: pd.Series, folds: int) -> None:
    """Raise ``StudyError`` if a class has fewer images than there are folds."""
    sizes = labels.value_counts().sort_values(kind="stable")
    if sizes.iloc[0] < folds:
        raise StudyError(
            f"class {quoted(sizes.index[0])} has {sizes.iloc[0]} images, and "
            f"protocol.split.folds={folds} needs {folds} of each class, one for every fold; set "
            f"fewer folds, or ingest.min_images_per_class={folds} leaves small classes out"
        )


def _check(images: _Set, parts: np.ndarray, seed: int) -> None:
    """Raise ``StudyError`` if a part of a seed's split lacks a class."""
    targets = images.index["target"].to_numpy()
    held = [set(targets[parts == part].tolist()) for part in images.parts]
    if all(classes == set(targets.tolist()) for classes in held):
        return  # many seeds: a table of each would take most of the time
    method = "stratified" if images.method == "given" else images.method
    index = images.index.assign(split=parts)
    try:
        check_classes(index, images.parts, method, grouped=images.groups is not None)
    except StudyError as error:
        raise StudyError(f"with seed {seed} {error.message}") from error


def _check_that_they_differ(drawn: Sequence[np.ndarray], images: _Set) -> None:
    """Warn if several seeds have the same split; raise ``StudyError`` if all of them have."""
    different = len({" ".join(parts) for parts in drawn})
    if different == len(drawn):
        return
    if different == 1:
        raise StudyError(
            f"protocol.split.resample: the {len(drawn)} seeds all have the same split, as there "
            "are too few images or groups to draw another; set protocol.split.resample=false"
        )
    logger.warning(
        "the %d seeds have only %d different splits: the set has few %s, and what is found holds "
        "for fewer sets than it seems",
        len(drawn),
        different,
        "images" if images.groups is None else "groups",
    )


def _said(images: _Set, typical: np.ndarray, seeds: Sequence[int], *, fixed: int) -> str:
    """Return how the splits were drawn, in a line."""
    split = images.split
    how = "by a hash of each image" if images.method == "hashed" else "stratified by class"
    if fixed:
        how += f", the {fixed} test images as the set gives them"
    elif images.method == "given":
        how += ", without the set's own"
    if images.groups is not None:
        how += kept_groups(split)
    if split.folds is None:
        return f"{sizes_of(typical)}, drawn anew for each of the {len(seeds)} seeds ({how})"
    cuts = {_cut_and_fold(seed, split.folds)[0] for seed in seeds}
    judged = "test" if split.test else "validation"
    return (
        f"{sizes_of(typical)}: {judged} is one of {split.folds} folds, another with each seed; "
        f"{len(seeds)} seeds in {len(cuts)} cut{'s' if len(cuts) > 1 else ''} into folds ({how})"
    )
