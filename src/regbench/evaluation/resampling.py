"""A split of its own for every seed: which rows and fitted values belong to a seed.

The split index of such a study has a column ``split_seed_<n>`` for each seed, and what is fitted on
train images has an entry for each, under ``seed_<n>``. Its column ``split`` is one more split drawn
in the same way, which no training has: it stands for all where one is enough, such as for sizes.
Functions here take what a study with a single split has, too, and return it as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regbench.errors import KEDRO_RUN, StudyError
from regbench.evaluation.split_parts import judged_part

VARIES = "varies"  # instead of a split part, of an image that is in several over the seeds
_COLUMN = "split_seed_"
_ENTRY = "seed_"


@dataclass(frozen=True)
class Resampling:
    """How far the seeds' splits differ.

    Attributes:
        judged_is_fixed: Whether every seed judges the same images, as with a given test part.
        variance_ratio: The judged images by the train images, mean over seeds; for the variance
            (see ``comparison.statistics``). 0 if every seed judges the same images.
    """

    judged_is_fixed: bool
    variance_ratio: float


def column_of(seed: int) -> str:
    """Return the column of a seed's split in the split index."""
    return f"{_COLUMN}{seed}"


def entry_of(seed: int) -> str:
    """Return the name of a seed's entry in what is fitted for each."""
    return f"{_ENTRY}{seed}"


def seeds_of(split_index: pd.DataFrame) -> list[int]:
    """Return the seeds that have splits of their own, in order; none with a single split."""
    columns = map(str, split_index)
    return [int(name.removeprefix(_COLUMN)) for name in columns if name.startswith(_COLUMN)]


def split_of_seed(split_index: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the split index with the seed's split as ``split``, and without those of others.

    Raises:
        StudyError: The seeds have splits of their own, and this one has none.
    """
    seeds = seeds_of(split_index)
    if not seeds:
        return split_index
    if seed not in seeds:
        raise StudyError(
            f"the images were split for the seeds {', '.join(map(str, seeds))}, and not for "
            f"{seed}; {KEDRO_RUN} --pipelines=data --only-missing-outputs draws its split"
        )
    own = split_index[column_of(seed)].astype("str").astype(split_index["split"].dtype)
    return split_index.drop(columns=[column_of(other) for other in seeds]).assign(split=own)


def fitted_of_seed(fitted: Any, seed: int) -> Any:
    """Return the seed's entry of what was fitted for each seed; otherwise all of it.

    Args:
        fitted: Values by ``seed_<n>``, arrays by ``seed_<n>.<name>``, or what was fitted once.
        seed: The training's.

    Raises:
        StudyError: Other seeds have entries, and this one has none.
    """
    if not isinstance(fitted, Mapping) or not any(key.startswith(_ENTRY) for key in fitted):
        return fitted
    if entry_of(seed) in fitted:
        return fitted[entry_of(seed)]
    prefix = f"{entry_of(seed)}."
    own = {name.removeprefix(prefix): fitted[name] for name in fitted if name.startswith(prefix)}
    if not own:
        raise StudyError(
            f"nothing was fitted for seed {seed}; {KEDRO_RUN} --pipelines=data "
            "--only-missing-outputs fits it"
        )
    return own


def resampling_of(split_index: pd.DataFrame) -> Resampling | None:
    """Return how far the seeds' splits differ; None if there is a single one.

    Args:
        split_index: A row per image.
    """
    seeds = seeds_of(split_index)
    if not seeds:
        return None
    part = judged_part(set(split_index["split"]))
    typical = (split_index["split"] == part).to_numpy()
    judged = [(split_index[column_of(seed)] == part).to_numpy() for seed in seeds]
    if all((own == typical).all() for own in judged):
        return Resampling(judged_is_fixed=True, variance_ratio=0.0)
    trained = [(split_index[column_of(seed)] == "train").sum() for seed in seeds]
    ratios = [own.sum() / max(1, train) for own, train in zip(judged, trained, strict=True)]
    return Resampling(judged_is_fixed=False, variance_ratio=float(sum(ratios) / len(ratios)))


def parts_shown(split_index: pd.DataFrame) -> pd.Series:
    """Return each image's split part; ``varies`` where the seeds' splits differ."""
    seeds = seeds_of(split_index)
    parts = split_index["split"].astype(object)
    if not seeds:
        return parts
    first, *others = (split_index[column_of(seed)].astype("str") for seed in seeds)
    shown = first.astype(object)
    for other in others:
        shown = shown.mask(other != first, VARIES)
    return shown


def in_several_parts(split_index: pd.DataFrame, group: str) -> pd.Series:
    """Return whether each image's group is in several parts of any seed's split.

    Args:
        split_index: A row per image, with the column ``group``.
        group: The column that tells what belongs together.
    """
    columns = [column_of(seed) for seed in seeds_of(split_index)] or ["split"]
    numbers = {
        column: split_index[column].astype("str").groupby(split_index[group]).transform("nunique")
        for column in columns
    }
    return pd.DataFrame(numbers, split_index.index).gt(1).any(axis="columns")
