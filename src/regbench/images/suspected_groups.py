"""Columns and file names that look like groups of images, such as patients, and are not set."""

import re
from typing import NamedTuple

import pandas as pd

from regbench.errors import quoted
from regbench.images.groups import COLUMN

# Names of columns that tell what images belong together, with or without `id` and the like.
_WORDS = (
    r"(patient|subject|person|participant|individual|volunteer|donor|user|author|writer|speaker|"
    r"lesion|tumou?r|biopsy|specimen|slide|tissue|eye|scan|study|exam|case|visit|"
    r"scene|site|location|station|trap|camera[ _-]?trap|camera|plot|tile|orbit|flight|building|"
    r"video|clip|movie|sequence|seq|series|session|burst|track|trajectory|recording|"
    r"animal|mouse|rat|plant|tree|object|instance|product|"
    r"cell|module|panel|wafer|lot|batch|device|scanner|hospital|centre|center|clinic|lab|group)s?"
)
_TELLING = re.compile(
    rf"{_WORDS}[ _-]*(ids?|no|nr|num|number|name|code|key|index|uid|uuid|ref|hash)?", re.IGNORECASE
)
# patient_001_img3.png, but not patient_001.png: there the number is the picture's.
_IN_NAME = re.compile(
    rf"(?:^|[/ _.-])(?P<begin>{_WORDS}[ _-]*)(?P<number>\d+)(?=[^\d.])", re.IGNORECASE
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


class SuspectedGroups(NamedTuple):
    """What looks like groups of images that the split tears apart.

    Attributes:
        seen: What looks so and how often it is torn apart, in a clause.
        setting: The setting that keeps each group in one part.
        value: Of the setting.
        risk: What it means, in a clause.
    """

    seen: str
    setting: str
    value: str
    risk: str


def warnings_of_groups(split_index: pd.DataFrame) -> list[str]:
    """Return a warning for each of ``suspected_groups``, with the setting that helps."""
    return [
        f"{each.seen}: {each.risk}. {each.setting}={_as_shown(each)} keeps each in one part"
        for each in suspected_groups(split_index)
    ]


def _as_shown(groups: SuspectedGroups) -> str:
    """Return the value of the setting as a shell takes it: a pattern in quotes."""
    return f"'{groups.value}'" if groups.setting.endswith("pattern") else groups.value


def suspected_groups(split_index: pd.DataFrame) -> list[SuspectedGroups]:
    """Return the columns whose values look like groups and are in several parts.

    If there is none, file names that do: all have the same telling word with a number before what
    tells the pictures apart, as ``patient_001_img3.png``.

    A column looks like groups if it has many values, of several images each, and

    - its name says so (``patient``, ``scene_id``), or
    - its values do: identifiers of letters and digits, or each with the images of one class only
      (where one class has not nearly all images anyhow).

    Args:
        split_index: A row per image: filename, label, split, and ``column:<name>`` of further
            columns.
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
        if parted := _parted(values, split_index):
            found.append(
                SuspectedGroups(
                    f"column {name} looks like groups: {parted}",
                    "protocol.split.group_column",
                    name,
                    f"images of one {name} are trained on and tested with",
                )
            )
    return found or _groups_in_names(split_index)


def _groups_in_names(split_index: pd.DataFrame) -> list[SuspectedGroups]:
    """Return file names that look like groups if these are in several parts."""
    names = split_index["filename"]
    if _IN_NAME.search(names.iloc[0]) is None:
        return []
    found = [_IN_NAME.search(name) for name in names]
    begins = {match["begin"] if match else "" for match in found}
    if len(begins) > 1 or begins == {""}:
        return []
    [begin] = begins
    numbers = [match["number"] for match in found if match]
    values = begin + pd.Series(numbers, names.index, "str")
    if not _several_of_many(values, split_index) or _is_label(_by_label(values, split_index)):
        return []
    if not (parted := _parted(values, split_index)):
        return []
    pattern = rf"(?P<group>{re.escape(begin)}\d+)"
    return [
        SuspectedGroups(
            f"file names such as {quoted(str(names.iloc[0]))} look like groups, "
            f"{values.iloc[0]!r}: {parted}",
            "protocol.split.group_pattern",
            pattern,
            "pictures of one are trained on and tested with",
        )
    ]


def _parted(values: pd.Series, index: pd.DataFrame) -> str:
    """Return in words how many values are in several parts of the split; empty if none is."""
    parted = int((index["split"][values.index].groupby(values).nunique() > 1).sum())
    if not parted:
        return ""
    sizes = values.value_counts()
    return (
        f"{len(sizes)} values, {_range(sizes)} images each, and {parted} of the values are in "
        "several parts of the split"
    )


def _looks_like_groups(name: str, values: pd.Series, index: pd.DataFrame) -> bool:
    """Return whether a column's name or values look like groups of images.

    Args:
        name: Of the column.
        values: Of the images that have one, text that is not empty.
        index: Of all images: label.
    """
    if not _several_of_many(values, index) or _NO_GROUPS.fullmatch(name.strip()):
        return False
    if _TELLING.fullmatch(name.strip()):
        return True
    labels = index["label"][values.index]
    images = _by_label(values, index)
    if images is None or _is_label(images):
        return False
    if values.str.fullmatch(_IDENTIFIER).all():
        return True
    is_number = pd.to_numeric(values, errors="coerce").notna().all()
    pure = images.max(axis=1).sum() / len(values)
    mixed = labels.value_counts(normalize=True).iloc[0] < _PURE - 0.1
    return bool(pure >= _PURE and mixed and not is_number)


def _several_of_many(values: pd.Series, index: pd.DataFrame) -> bool:
    """Return whether there are many values, and enough images have theirs in common."""
    sizes = values.value_counts()
    return bool(
        len(sizes) >= _FEWEST_GROUPS
        and sizes.median() <= _LARGEST_GROUPS
        and sizes[sizes > 1].sum() >= _IN_COMMON * len(index)
    )


def _by_label(values: pd.Series, index: pd.DataFrame) -> pd.DataFrame | None:
    """Return the number of images by value and label; None for too large a table."""
    labels = index["label"][values.index]
    if values.nunique() * labels.nunique() > _MOST_CELLS:
        return None
    return pd.crosstab(values, labels)


def _is_label(images: pd.DataFrame | None) -> bool:
    """Return whether values are the label in other words: every label has one of them only."""
    return images is not None and bool((images > 0).sum(axis=0).max() == 1)


def _range(sizes: pd.Series) -> str:
    """Return the range of numbers, such as '2 to 6' or '6'."""
    low, high = int(sizes.min()), int(sizes.max())
    return str(low) if low == high else f"{low} to {high}"
