"""The pictures of a set as its label files have them, and what they leave out."""

from collections import Counter
from collections.abc import Sequence
from itertools import repeat

from regbench.errors import StudyError, quoted
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.layout.columns import Columns
from regbench.images.layout.from_folders import said_parts
from regbench.images.layout.inventory import Inventory
from regbench.images.layout.label_files import (
    LabelFile,
    LabelFiles,
    explicit_file,
    file_parts,
    folder_setting,
    listed_parts,
    read_label_file,
)
from regbench.images.layout.labels import counted, listed
from regbench.images.layout.table import (
    LabelTable,
    Layout,
    Row,
    common_folder,
    relative,
)
from regbench.images.layout.unlabeled import unlabeled_table
from regbench.images.layout.words import split_part_of
from regbench.images.sources.base import ImageSource
from regbench.study.schema import Ingest


def read_from_files(
    source: ImageSource, inventory: Inventory, files: LabelFiles, settings: Ingest
) -> Layout:
    """Return the pictures with what the label files say."""
    labeled = files.labeled
    parts = file_parts(labeled) if len(labeled) > 1 else {}
    aside = [file.name for file in labeled if parts and file.name not in parts]
    if parts:
        labeled = sorted(
            (file for file in labeled if file.name in parts),
            key=lambda file: SPLIT_PARTS.index(parts[file.name]),
        )
    folder = labeled[0].found.folder
    if len(labeled) > 1:
        folder = common_folder(sorted({file.found.folder for file in labeled}))
    columns = labeled[0].further if len({file.further for file in labeled}) == 1 else ()
    by_folder = {} if parts else _parts_by_folder(labeled[0])
    rows: list[Row] = []
    for file in labeled:
        rows += _rows(file, folder, parts.get(file.name, ""), by_folder, bool(columns))
    if len(labeled) > 1:
        _stop_at_contradictions(rows, labeled)
    has_split = bool(parts or by_folder) or labeled[0].parts is not None
    stored = [name for file in labeled for name in file.found.names]
    by_list = None
    if not has_split:
        has = (name for name, row in zip(stored, rows, strict=True) if name and row.label)
        by_list = listed_parts(files.lists, has)
    if by_list:
        rows = [
            row._replace(given_split=by_list[1].get(name or "", ""))
            for row, name in zip(rows, stored, strict=True)
        ]
        has_split = True
    named = set(stored)
    files = files._replace(labeled=labeled)
    unlabeled, words, warnings = _beside(source, inventory, files, named, settings)
    warnings += [f"{name!r} has labels, too, and is not used" for name in aside]
    if not has_split:
        warnings += [
            f"{file.name!r} gives some of these pictures a split part, and is not used"
            for file in files.lists
            if file.parts and not named.isdisjoint(filter(None, file.found.names))
        ]
    said = [_said_file(file, parts) for file in labeled]
    if has_split:
        sizes = Counter(row.given_split for row in rows)
        by = f"by {by_list[0].split_file or by_list[0].name}: " if by_list else ""
        said.append(f"given split {by}{said_parts(sizes)}")
    classes = Counter(row.label for row in rows if row.label)
    said.append(f"classes {counted(classes)}")
    origin = ", ".join(repr(file.name) for file in labeled)
    table = LabelTable(rows, folder, origin, has_split, columns)
    return Layout(table, unlabeled, "; ".join(said + words), tuple(warnings))


def _rows(
    file: LabelFile, folder: str, part: str, by_folder: dict[str, str], with_more: bool
) -> list[Row]:
    """Return a row per row of a label file, its name relative to a folder."""
    cells, names = file.cells, file.found.names
    start = f"{folder}/" if folder else ""
    shown = [
        cell if name == start + cell else _shown(cell, name, folder)
        for cell, name in zip(cells, names, strict=True)
    ]
    given = file.parts or [part] * len(cells)
    if by_folder:
        given = [by_folder.get(name.rpartition("/")[0], "") if name else part for name in names]
    more = zip(*file.more, strict=True) if with_more else repeat(())
    return list(map(Row, shown, file.labels or (), given, more))


def _shown(cell: str, name: str | None, folder: str) -> str:
    """Return a picture's name for a row: as listed if that leads to it, otherwise as stored."""
    if name is None:
        return cell.replace("\\", "/") if "\\" in cell and ".." not in cell else cell
    stored = relative(name, folder)
    if cell == stored:
        return cell
    parts = [part for part in cell.split("/") if part not in ("", ".")]
    return cell if "/".join(parts) == stored and not cell.startswith("/") else stored


def _parts_by_folder(file: LabelFile) -> dict[str, str]:
    """Return the split part of each folder, if the pictures of a file lie in several such."""
    if file.parts is not None or file.columns.split is not None:
        return {}
    parts = {}
    for folder in file.found.folders:
        below = relative(folder, file.found.folder) if folder != file.found.folder else ""
        part = next((p for each in below.split("/") if (p := split_part_of(each))), None)
        if part is None:
            return {}
        parts[folder] = part
    return parts if len(set(parts.values())) > 1 and "train" in parts.values() else {}


def _stop_at_contradictions(rows: list[Row], files: Sequence[LabelFile]) -> None:
    """Raise ``StudyError`` if two files say different things of the same picture."""
    seen: dict[str, Row] = {}
    for row in rows:
        before = seen.setdefault(row.filename, row)
        if before is not row and (before.label, before.given_split) != (
            row.label,
            row.given_split,
        ):
            names = " and ".join(repr(file.name) for file in files[:2])
            raise StudyError(
                f"{names} contradict each other: {row.filename!r} is {quoted(before.label)} in "
                f"{before.given_split} and {quoted(row.label)} in {row.given_split}; "
                "ingest.label_file=... takes one of them alone"
            )


def _beside(
    source: ImageSource,
    inventory: Inventory,
    files: LabelFiles,
    named: set[str | None],
    settings: Ingest,
) -> tuple[LabelTable, list[str], list[str]]:
    """Return the unlabelled pictures, how they are told, and lines on pictures left out.

    They are those of a list without labels; without one, all that the label file does not name.
    """
    total = len(inventory.pictures)
    rest = [name for name in inventory.pictures if name not in named]
    title = files.labeled[0].name
    warnings = []
    folders = frozenset[str]().union(*(file.found.folders for file in files.labeled))
    if name := explicit_file(source, inventory, settings, "unlabeled_file"):
        files = files._replace(
            lists=[read_label_file(source, name, inventory, _of_unlabeled(settings))]
        )
    lists = [
        file for file in files.lists if not named & {name for name in file.found.names if name}
    ]
    if lists:
        table = _lists_table(lists)
        known = {name for file in lists for name in file.found.names}
        left = [name for name in rest if name not in known]
        if left:
            warnings.append(
                f"{len(left)} of {total} pictures are in no list and are not used, for example "
                f"{quoted(left[0])}"
            )
        words = [f"{listed([file.name])} lists {len(file.cells)} unlabelled" for file in lists]
        return table, words, warnings
    if settings.unlabeled_folder not in ("auto", ""):
        inside = f"{folder_setting(settings, 'unlabeled_folder')}/"
        rest = [name for name in rest if f"/{name}".find(f"/{inside}") >= 0]
    mixed = [name for name in rest if name.rpartition("/")[0] in folders]
    if mixed:
        warnings.append(
            f"{len(mixed)} of {total} pictures are not in {title!r}, beside others that are, for "
            f"example {quoted(mixed[0])}: they count as unlabelled"
        )
    if not rest:
        return unlabeled_table([], settings), [], warnings
    words = [f"{len(rest)} pictures that it does not name are unlabelled"]
    return unlabeled_table(rest, settings), words, warnings


def _of_unlabeled(settings: Ingest) -> Ingest:
    """Return the settings for the list of unlabelled pictures, which lie in their own folder."""
    changes = {
        "image_folder": settings.unlabeled_folder,
        "label_column": "auto",
        "split_column": "none",
    }
    return settings.model_copy(update=changes)


def listed_in(source: ImageSource, name: str, inventory: Inventory, settings: Ingest) -> LabelTable:
    """Return the pictures that a list of unlabelled ones names; its labels do not count."""
    return _lists_table([read_label_file(source, name, inventory, _of_unlabeled(settings))])


def _lists_table(lists: Sequence[LabelFile]) -> LabelTable:
    folder = common_folder(sorted({file.found.folder for file in lists}))
    rows: list[Row] = []
    seen: set[str | None] = set()  # in an earlier list: test.csv, sample_submission.csv are alike
    for file in lists:
        names = zip(file.cells, file.found.names, strict=True)
        rows += [Row(_shown(cell, name, folder), None) for cell, name in names if name not in seen]
        seen.update(filter(None, file.found.names))
    return LabelTable(rows, folder, ", ".join(repr(file.name) for file in lists))


def _said_file(file: LabelFile, parts: dict[str, str]) -> str:
    """Return what was recognised of a label file, in words."""
    columns = file.columns
    how = f", {file.how}" if file.how else ""
    folder = common_folder(sorted(file.found.folders)) or file.found.folder
    inside = f" in {listed([folder])}/" if folder else ""
    names = f" ({file.found.how})" if file.found.how else ""
    part = f" ({parts[file.name]})" if file.name in parts else ""
    text = (
        f"label file {listed([file.name])}{part}{how}: {_title(columns, columns.filename)} names "
    )
    text += f"pictures{inside}{names}"
    if len(columns.labels) > 1:
        text += f", {len(columns.labels)} columns of 0 and 1 are the labels"
    elif columns.labels:
        text += f", {_title(columns, columns.labels[0])} is the label"
    if columns.split is not None:
        text += f", {_title(columns, columns.split)} gives the split"
    if columns.further:
        text += f"; further columns {listed(columns.titles[at] for at in columns.further)}"
    missing = file.found.names.count(None)
    return f"{text}; {missing} of its {len(file.cells)} rows name no picture" if missing else text


def _title(columns: Columns, at: int) -> str:
    return f"column {columns.titles[at]!r}" if columns.has_header else f"column {at + 1}"
