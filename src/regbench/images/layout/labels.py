"""Labels: their order, their spellings, and how a message lists them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from regbench.errors import quoted
from regbench.images.layout.table import LabelTable

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 6  # names in a message


def sort_classes(labels: Iterable[str]) -> list[str]:
    """Return labels sorted as numbers if all of them are numbers, otherwise as text.

    Equal numbers ('1' and '01' are two classes) are sorted as text.
    """
    texts = sorted(labels)
    if all(_NUMBER.fullmatch(text) for text in texts):
        return sorted(texts, key=float)
    return texts


def spellings(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of labels that differ in case, white space or Unicode form alone."""
    groups: dict[str, list[str]] = {}
    for label in sort_classes(labels):
        folded = unicodedata.normalize("NFKC", label).casefold()
        groups.setdefault("".join(folded.split()), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def merged_spellings(table: LabelTable) -> tuple[LabelTable, list[list[str]]]:
    """Return a table in which every label has one spelling, its most frequent, and the groups.

    Of equally frequent spellings the first in order stays.
    """
    counts = Counter(row.label for row in table.rows if row.label)
    groups = spellings(counts)
    if not groups:
        return table, groups
    usual = {label: max(group, key=counts.__getitem__) for group in groups for label in group}
    rows = [
        row._replace(label=usual[row.label]) if row.label in usual else row for row in table.rows
    ]
    return table._replace(rows=rows), groups


def same_label(one: str, other: str) -> bool:
    """Return whether two texts are the same label: equal, or as whole numbers, as 0 and 00000."""
    numbers = one.isascii() and other.isascii() and one.isdigit() and other.isdigit()
    return one == other or (numbers and int(one) == int(other))


def joined_labels(labels: Iterable[str]) -> list[str]:
    """Return the labels that look like several in one: a|b beside a.

    With blanks between them, each of several words must be a label by itself, or two words or more
    of many labels must be another one: 'clear primary water' beside 'clear primary'.
    """
    values = set(labels)
    marked = [[part.strip() for part in re.split(r"[|;,]", value)] for value in values]
    known = Counter(part for parts in marked for part in set(parts) if part)
    found = [
        value
        for value, parts in zip(values, marked, strict=True)
        if len(parts) > 1 and all(parts) and any(known[part] > 1 for part in parts)
    ]
    several = {value: frozenset(words) for value in values if len(words := value.split()) > 1}
    alone = [value for value, words in several.items() if values.issuperset(words)]
    sets = set(several.values())
    longer = [value for value, each in several.items() if any(other < each for other in sets)]
    found += alone or (longer if len(longer) > max(1, len(values) / 4) else [])
    return sorted(set(found))


def listed(names: Iterable[str], most: int = _SHOWN) -> str:
    """Return names for a message; the middle of many is left out and their number is said."""
    texts = [name if name.isprintable() and name.strip() else quoted(name) for name in names]
    texts = [text if len(text) <= 40 else f"{text[:37]}..." for text in texts]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[: most - 2])}, ..., {texts[-1]} ({len(texts)} in all)"


def counted(counts: Mapping[str, int], most: int = _SHOWN) -> str:
    """Return labels with their numbers of pictures, in order, for a message."""
    classes = sort_classes(counts)
    if len(classes) > most:
        return listed(classes, most)
    return ", ".join(f"{listed([label])} ({counts[label]})" for label in classes)
