"""The pictures of a set as its folders have them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.layout.folders import FolderReading, Place, read_folders
from regbench.images.layout.inventory import Folder, Inventory, folders_of, join
from regbench.images.layout.label_files import LabelFile, folder_setting, listed_parts
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
    counts = Counter(folders_of(pictures))
    outside = len(inventory.pictures) - len(pictures)
    return replace(inventory, pictures=pictures, folders=counts), outside


def read_from_folders(
    inventory: Inventory,
    outside: int,
    lists: Sequence[LabelFile],
    settings: Ingest,
    labeled_files: Sequence[LabelFile] = (),
) -> Layout:
    """Return the pictures with what their folders say.

    Args:
        inventory: Those in ``image_folder``, if there is such a setting.
        outside: How many pictures are not.
        lists: Files that name pictures without labels; train.txt and test.txt give a split.
        settings: Of the ingestion.
        labeled_files: Files with the labels of a split part that has no class folders.

    Raises:
        StudyError: See ``read_folders``.
    """
    said = listed_labels(inventory, labeled_files)
    reading = read_folders(Folder.tree(inventory.folders.items()), settings, said)
    by_file = _labels_by_file(labeled_files, reading)
    warnings = list(reading.warnings)
    if outside:
        warnings.append(f"{outside} pictures outside of ingest.image_folder are not used")
    given = {} if reading.has_split else _split_by_lists(lists)
    by_column = None
    if not (reading.has_split or given):
        places = zip(inventory.pictures, folders_of(inventory.pictures), strict=True)
        has = (name for name, at in places if reading.places.get(at, Place("")).label)
        if by_column := listed_parts(lists, has):
            given = by_column[1]
    labeled: list[Row] = []
    unlabeled: list[str] = []
    for name in inventory.pictures:
        place = reading.places.get(name.rpartition("/")[0], Place(""))
        if place.label is None:
            unlabeled.append(name)
        else:
            part = place.part or given.get(name, "")
            label = by_file.get(name, place.label)
            labeled.append(Row(relative(name, reading.base), label, part))
    labeled += [Row(name, "") for name in inventory.unusable]
    text = reading.description
    aside = unlabeled_table(unlabeled, settings)
    if unlabeled:
        text += f"; {len(unlabeled)} unlabelled pictures"
        text += f" in {listed([aside.folder])}/" if aside.folder else ""
    if by_file:
        origins = [f.name for f in labeled_files if not by_file.keys().isdisjoint(f.found.names)]
        text += f"; the labels of {len(by_file)} pictures are from {listed(origins)}"
    if by_column:
        counts = Counter(row.given_split for row in labeled)
        text += f"; given split by {by_column[0].split_file or by_column[0].name}: "
        text += said_parts(counts)
        others = [file for file in lists if file is not by_column[0]]
        warnings += _unused(others, unlabeled)
    elif given:
        counts = Counter(row.given_split for row in labeled)
        order = {file.name: split_part_in(file.name) or "" for file in lists}
        files = listed(sorted(order, key=lambda name: SPLIT_PARTS.index(order[name])))
        text += f"; given split by {files}: {said_parts(counts)}"
    else:
        warnings += _unused(lists, unlabeled)
    table = LabelTable(labeled, reading.base, "the class folders", reading.has_split or bool(given))
    return Layout(table, aside, text, tuple(warnings))


def listed_labels(inventory: Inventory, files: Sequence[LabelFile]) -> dict[str, set[str]]:
    """Return the labels that files give to the pictures of a folder, if they name all of them."""
    pairs = {
        name: label
        for file in files
        for name, label in zip(file.found.names, file.labels or (), strict=False)
        if name and label
    }
    folders = list(folders_of(pairs))
    counts = Counter(folders)
    whole = {folder for folder, count in counts.items() if count == inventory.folders[folder]}
    said: dict[str, set[str]] = {folder: set() for folder in whole}
    for folder, label in set(zip(folders, pairs.values(), strict=True)):
        if folder in whole:
            said[folder].add(label)
    return said


def _labels_by_file(files: Sequence[LabelFile], reading: FolderReading) -> dict[str, str]:
    """Return the class of each picture whose folder has none and whose label a file has."""
    return {
        name: reading.flat[folder][label]
        for file in files
        for name, label in zip(file.found.names, file.labels or (), strict=False)
        if name and label and (folder := name.rpartition("/")[0]) in reading.flat
    }


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


def _unused(lists: Sequence[LabelFile], unlabeled: Sequence[str]) -> list[str]:
    """Return a line for each list that names others than the unlabelled pictures."""
    known = set(unlabeled) if lists else set()  # not in vain: there may be millions
    return [
        f"{file.name!r} lists {len(file.cells)} pictures without labels and is not used"
        for file in lists
        if any(name not in known for name in file.found.names if name)
    ]


def said_parts(counts: Counter[str]) -> str:
    """Return the numbers of pictures by split part, in words."""
    order = [part for part in (*SPLIT_PARTS, "") if counts[part]]
    return ", ".join(f"{part or 'without one'} ({counts[part]})" for part in order)
