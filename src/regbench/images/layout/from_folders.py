"""The pictures of a set as its folders have them."""

from collections import Counter
from collections.abc import Sequence

from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.layout.folders import Place, read_folders
from regbench.images.layout.inventory import Folder, Inventory, join
from regbench.images.layout.label_files import LabelFile, folder_setting
from regbench.images.layout.labels import listed
from regbench.images.layout.table import LabelTable, Layout, Row, relative
from regbench.images.layout.unlabeled import unlabeled_table
from regbench.images.layout.words import split_part_in
from regbench.study.schema import Ingest


def inside_image_folder(inventory: Inventory, settings: Ingest) -> tuple[Inventory, int]:
    """Return the pictures in ``image_folder`` and ``unlabeled_folder``, and the others' number."""
    if settings.image_folder == "auto" or not folder_setting(settings, "image_folder"):
        return inventory, 0
    folders = [folder_setting(settings, "image_folder")]
    if settings.unlabeled_folder not in ("auto", ""):
        folders.append(folder_setting(settings, "unlabeled_folder"))
    tops = {path.partition("/")[0] for path in inventory.folders}
    folders += [join(*tops, folder) for folder in folders] if len(tops) == 1 else []
    start = tuple(f"{folder}/" for folder in folders)
    pictures = [name for name in inventory.pictures if name.startswith(start)]
    counts = Counter(name.rpartition("/")[0] for name in pictures)
    outside = len(inventory.pictures) - len(pictures)
    return inventory._replace(pictures=pictures, folders=counts), outside


def read_from_folders(
    inventory: Inventory, outside: int, lists: Sequence[LabelFile], settings: Ingest
) -> Layout:
    """Return the pictures with what their folders say.

    Args:
        inventory: Those in ``image_folder``, if there is such a setting.
        outside: How many pictures are not.
        lists: Files that name pictures without labels; train.txt and test.txt give a split.
        settings: Of the ingestion.

    Raises:
        StudyError: See ``read_folders``.
    """
    reading = read_folders(Folder.tree(inventory.folders.items()), settings)
    warnings = list(reading.warnings)
    if outside:
        warnings.append(f"{outside} pictures outside of ingest.image_folder are not used")
    given = {} if reading.has_split else _split_by_lists(lists)
    labeled: list[Row] = []
    unlabeled: list[Row] = []
    for name in inventory.pictures:
        place = reading.places.get(name.rpartition("/")[0], Place(""))
        if place.label is None:
            unlabeled.append(Row(name, None))
        else:
            part = place.part or given.get(name, "")
            labeled.append(Row(relative(name, reading.base), place.label, part))
    labeled += [Row(name, "") for name in inventory.unusable]
    text = reading.description
    aside = unlabeled_table(unlabeled, settings)
    if unlabeled:
        text += f"; {len(unlabeled)} unlabelled pictures"
        text += f" in {listed([aside.folder])}/" if aside.folder else ""
    if given:
        counts = Counter(row.given_split for row in labeled)
        order = {file.name: split_part_in(file.name) or "" for file in lists}
        files = listed(sorted(order, key=lambda name: SPLIT_PARTS.index(order[name])))
        text += f"; given split by {files}: {said_parts(counts)}"
    else:
        warnings += _unused(lists, {row.filename for row in unlabeled})
    table = LabelTable(labeled, reading.base, "the class folders", reading.has_split or bool(given))
    return Layout(table, aside, text, tuple(warnings))


def _split_by_lists(lists: Sequence[LabelFile]) -> dict[str, str]:
    """Return the split part of each picture, if every list is named for another one, or nothing."""
    parts = [split_part_in(file.name) for file in lists]
    if len(lists) < 2 or None in parts or "train" not in parts or len(set(parts)) < len(parts):
        return {}
    names = [
        (name, part or "")
        for file, part in zip(lists, parts, strict=True)
        for name in file.found.names
        if name
    ]
    given = dict(names)
    return given if len(given) == len(names) else {}  # a picture in two lists


def _unused(lists: Sequence[LabelFile], unlabeled: set[str]) -> list[str]:
    """Return a line for each list that names others than the unlabelled pictures."""
    return [
        f"{file.name!r} lists {len(file.cells)} pictures without labels and is not used"
        for file in lists
        if any(name not in unlabeled for name in file.found.names if name)
    ]


def said_parts(counts: Counter[str]) -> str:
    """Return the numbers of pictures by split part, in words."""
    order = [part for part in (*SPLIT_PARTS, "") if counts[part]]
    return ", ".join(f"{part or 'without one'} ({counts[part]})" for part in order)
