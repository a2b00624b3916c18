"""Columns of the label file that look like groups of images, such as patients, and are not set."""

import re

import pandas as pd

from regbench.images.groups import COLUMN

# Names of columns that tell what images belong together, with or without `id` and the like.
_TELLING = re.compile(
    r"(patient|subject|person|participant|individual|volunteer|donor|user|author|writer|speaker|"
    r"lesion|tumou?r|biopsy|specimen|slide|tissue|eye|scan|study|exam|case|visit|"
    r"scene|site|location|station|trap|camera[ _-]?trap|camera|plot|tile|orbit|flight|building|"
    r"video|clip|movie|sequence|seq|series|session|burst|track|trajectory|recording|"
    r"animal|mouse|rat|plant|tree|object|instance|product|"
    r"cell|module|panel|wafer|lot|batch|device|scanner|hospital|centre|center|clinic|lab|group)"
    r"s?[ _-]*(ids?|no|nr|num|number|name|code|key|index|uid|uuid|ref|hash)?",
    re.IGNORECASE,
)
_NO_GROUPS = re.compile(
    r"(split|set|subset|partition|fold|label|class|category|target|width|height|size|age|sex|"
    r"gender|year|month|date|time|weight|score|confidence)s?",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"(?=.*\d)(?=.*[^\W\d_]).+")  # letters and digits: p07, ISIC_0012
_FEWEST_GROUPS = 5  # with fewer, a column rather sorts images than tells which belong together
_LARGEST_GROUPS = 100  # images; above, likewise
_IN_COMMON = 0.2  # the least share of images that have their value in common with another
_PURE = 0.95  # the least share of images that have their value's most frequent label
_MOST_CELLS = 10_000_000  # of a table of values by labels; larger ones are not made


def warnings_of_groups(split_index: pd.DataFrame) -> list[str]:
    """Return a warning for each column whose values look like groups and are in several parts.

    A column looks like groups if it has many values, of several images each, and

    - its name says so (``patient``, ``scene_id``), or
    - its values do: identifiers of letters and digits, or each with the images of one class only
      (where one class has not nearly all images anyhow).

    Args:
        split_index: A row per image: label, split, and ``column:<name>`` of further columns.
    """
    found = []
    for column in map(str, split_index):
        if not column.startswith(COLUMN):
            continue
        name = column.removeprefix(COLUMN)
        values = split_index[column].fillna("").astype(str).str.strip()
        values = values[values != ""]
        if not _looks_like_groups(name, values, split_index):
            continue
        parted = int((split_index["split"][values.index].groupby(values).nunique() > 1).sum())
        if parted:
            sizes = values.value_counts()
            found.append(
                f"column {name} looks like groups: {len(sizes)} values, {_range(sizes)} images "
                f"each, and {parted} of the values are in several parts of the split: images of "
                f"one {name} are trained on and tested with. protocol.split.group_column={name} "
                "keeps each in one part"
            )
    return found


def _looks_like_groups(name: str, values: pd.Series, index: pd.DataFrame) -> bool:
    """Return whether a column's name or values look like groups of images.

    Args:
        name: Of the column.
        values: Of the images that have one, text that is not empty.
        index: Of all images: label.
    """
    sizes = values.value_counts()
    many_of_several = (
        len(sizes) >= _FEWEST_GROUPS
        and sizes.median() <= _LARGEST_GROUPS
        and sizes[sizes > 1].sum() >= _IN_COMMON * len(index)
    )
    if not many_of_several or _NO_GROUPS.fullmatch(name.strip()):
        return False
    if _TELLING.fullmatch(name.strip()):
        return True
    labels = index["label"][values.index]
    if len(sizes) * labels.nunique() > _MOST_CELLS:
        return False
    images = pd.crosstab(values, labels)
    if (images > 0).sum(axis=0).max() == 1:  # the label in other words
        return False
    if values.str.fullmatch(_IDENTIFIER).all():
        return True
    is_number = pd.to_numeric(values, errors="coerce").notna().all()
    pure = images.max(axis=1).sum() / len(values)
    mixed = labels.value_counts(normalize=True).iloc[0] < _PURE - 0.1
    return bool(pure >= _PURE and mixed and not is_number)


def _range(sizes: pd.Series) -> str:
    """Return the range of numbers, such as '2 to 6' or '6'."""
    low, high = int(sizes.min()), int(sizes.max())
    return str(low) if low == high else f"{low} to {high}"
