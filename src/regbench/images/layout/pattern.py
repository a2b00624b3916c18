"""Labels from file names, by a pattern."""

import re
from collections import Counter
from collections.abc import Sequence

from regbench.errors import StudyError, quoted
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.layout.folders import descend, without_unlabeled
from regbench.images.layout.inventory import Folder, Inventory, join
from regbench.images.layout.labels import counted
from regbench.images.layout.table import LabelTable, Layout, Row, UnlabeledRows, relative
from regbench.images.layout.words import split_part_of, split_parts_of
from regbench.study.schema import Ingest

# Plain ways to write a label into a file name, the most specific first.
_PLAIN = (
    r"(?P<label>\D+?)[ ._-]*\d+\.\w+",  # cat.1.jpg, american_bulldog_12.jpg
    r"(?P<label>[^\W\d_][^._ -]*)[._ -].+",  # n01440764_10026.JPEG
    r"\d+[ ._-]+(?P<label>\D+)\.\w+",  # 0001_cat.png
    r".+[._ -](?P<label>[^._ -]+)\.\w+",  # img-12-cat.png
)


def read_names(inventory: Inventory, tree: Folder, settings: Ingest) -> Layout:
    """Return the pictures with labels by ``label_pattern``; split folders give their split part.

    The pattern has to match the whole file name; one with a slash, the whole path in the set.
    Pictures in a test folder of which none matches are unlabelled.

    Raises:
        StudyError: There is no pattern, or it matches no picture.
    """
    if settings.label_pattern is None:
        raise StudyError(
            "labels from file names need ingest.label_pattern, such as "
            r"'(?P<label>[a-z]+)\..*' for cat.1.jpg"
        )
    pattern = re.compile(settings.label_pattern)
    whole = "/" in settings.label_pattern
    kept, aside = without_unlabeled(tree, settings)
    base, node = descend(kept)
    parts = split_parts_of(list(node.below))
    unlabeled_folders = {path for path, _ in aside}
    labeled: list[Row] = []
    unlabeled: list[str] = []
    for name in inventory.pictures:
        folder, _, plain = name.rpartition("/")
        row = relative(name, base)
        if folder in unlabeled_folders:
            unlabeled.append(name)
            continue
        found = pattern.fullmatch(name if whole else plain)
        label = (found["label"] or "").strip() if found else ""
        labeled.append(Row(row, label, parts.get(row.partition("/")[0], "")))
    has = Counter(row.given_split for row in labeled if row.label)
    if has.get("train") and not has.get("test"):  # Dogs vs. Cats: test/1.jpg
        unlabeled += [join(base, row.filename) for row in labeled if row.given_split == "test"]
        labeled = [row for row in labeled if row.given_split != "test"]
    if not has:
        example = quoted(inventory.pictures[0]) if inventory.pictures else "none"
        raise StudyError(
            f"{inventory.display}: ingest.label_pattern={settings.label_pattern!r} matches none "
            f"of {len(inventory.pictures)} file names, for example {example}"
        )
    has_split = len({part for part in has if part}) > 1
    if not has_split:
        labeled = [row._replace(given_split="") for row in labeled]
    labeled += [Row(name, "") for name in inventory.unusable]
    classes = counted(Counter(row.label for row in labeled if row.label))
    text = f"labels from file names by ingest.label_pattern; classes {classes}"
    if has_split:
        sizes = ", ".join(f"{part} ({has[part]})" for part in SPLIT_PARTS if has[part])
        text = f"{text}; given split folders {sizes}"
    return Layout(
        LabelTable(labeled, base, "the file names", has_split),
        LabelTable(UnlabeledRows(unlabeled), "", "the unlabelled pictures"),
        text,
    )


def proposed_pattern(names: Sequence[str]) -> tuple[str, Counter[str]] | None:
    """Return a plain pattern that takes a label from every file name, and the labels found.

    There must be two labels or more, on average for two pictures or more, and none of them may be
    named for a split part.

    Args:
        names: Paths of pictures.
    """
    for text in _PLAIN:
        pattern = re.compile(text)
        counts: Counter[str] = Counter()
        for name in names:
            found = pattern.fullmatch(name.rpartition("/")[2])
            if found is None:
                break
            counts[found["label"]] += 1
        else:
            if 2 <= len(counts) <= len(names) / 2 and not any(map(split_part_of, counts)):
                return text, counts
    return None
