"""Recognise how a set of images is labelled; ask where there are two readings."""

from collections import Counter
from collections.abc import Sequence

from regbench.errors import StudyError, quoted
from regbench.images.layout.columns import Columns
from regbench.images.layout.folders import FolderReading, Place, read_folders, without_unlabeled
from regbench.images.layout.inventory import Folder, Inventory, join
from regbench.images.layout.label_files import (
    LabelFile,
    LabelFiles,
    explicit_file,
    file_parts,
    find_label_files,
    folder_setting,
    read_label_file,
    unread_label_files,
)
from regbench.images.layout.labels import counted, listed, merged_spellings
from regbench.images.layout.pattern import proposed_pattern, read_names
from regbench.images.layout.table import (
    LabelTable,
    Layout,
    NoLabelsError,
    Row,
    TwoReadingsError,
    common_folder,
    relative,
)
from regbench.images.layout.words import split_part_of, split_parts_of
from regbench.images.sources.base import ImageSource
from regbench.study.schema import Ingest

_AGREE = 200  # rows of a label file that are compared with the folders
_NONE = LabelTable([], "", "the unlabelled pictures")


def recognize(source: ImageSource, settings: Ingest) -> Layout:
    """Return how a set is labelled. What the settings say goes before what the set looks like.

    Raises:
        NoLabelsError: Nothing in the set says which class a picture is of.
        TwoReadingsError: It can be read in several ways; the message has the setting for each.
        StudyError: It is not what the settings say, or a label file is faulty.
    """
    inventory = Inventory.of(source.display, source.names())
    tree = Folder.tree(inventory.folders.items())
    try:
        layout, used = _recognized(source, inventory, tree, settings)
    except (NoLabelsError, TwoReadingsError) as problem:
        raise type(problem)(_with_display(source, problem.message)) from None
    except StudyError as problem:
        raise StudyError(_with_display(source, problem.message)) from None
    return _with_warnings(layout, inventory, used, settings)


def _with_display(source: ImageSource, message: str) -> str:
    named = source.display in message or message.startswith("ingest.")
    return message if named else f"{source.display}: {message}"


def recognize_unlabeled(source: ImageSource, settings: Ingest) -> LabelTable:
    """Return the unlabelled pictures of a set: all of them if nothing in it is labelled.

    Raises:
        StudyError: See ``recognize``; or a list that the settings name is missing or faulty.
    """
    inventory = Inventory.of(source.display, source.names())
    if name := explicit_file(source, inventory, settings, "unlabeled_file"):
        return _listed_in(source, name, inventory, settings)
    try:
        return recognize(source, settings).unlabeled
    except NoLabelsError:
        rows = [Row(name, None) for name in [*inventory.pictures, *inventory.unusable]]
        return _unlabeled_table(rows, settings)


def _recognized(
    source: ImageSource, inventory: Inventory, tree: Folder, settings: Ingest
) -> tuple[Layout, set[str]]:
    """Return the layout, and the files that are not pictures and were used."""
    by_name = settings.label_pattern is not None or settings.label_from == "pattern"
    by_folder = settings.label_from in ("top_folder", "parent_folder")
    if settings.layout == "file_names" or by_name:
        return read_names(inventory, tree, settings), set()
    inside, outside = _inside_image_folder(inventory, settings)
    if settings.layout in ("class_folders", "split_folders") or by_folder:
        return _from_folders(inside, outside, settings), set()
    files = find_label_files(source, inventory, settings)
    every = (*files.labeled, *files.lists)
    others = set(inventory.others)
    used = {file.name for file in every}
    used |= {name for file in every for name in file.found.names if name in others}
    if settings.label_file != "auto" or settings.layout == "label_file":
        if not files.labeled or files.labeled[0].labels is None:
            raise _no_label_column(source, files, settings)
        return _from_files(source, inventory, files, settings), used
    reading, why = None, None
    try:
        reading = read_folders(Folder.tree(inside.folders.items()), settings)
    except (NoLabelsError, TwoReadingsError) as problem:
        why = problem
    if files.labeled and (reading is None or _file_says_more(files.labeled, reading)):
        return _from_files(source, inventory, files, settings), used
    if reading is not None:
        return _from_folders(inside, outside, settings), used
    asked = [fault for fault in files.faults if isinstance(fault, TwoReadingsError)]
    if asked:
        raise asked[0]
    if isinstance(why, TwoReadingsError):
        raise why
    raise _no_labels(inventory, tree, files, str(why), settings)


def _no_label_column(source: ImageSource, files: LabelFiles, settings: Ingest) -> StudyError:
    if files.labeled:
        [file] = files.labeled
        titles = ", ".join(quoted(title) for title in file.columns.titles[:10])
        return StudyError(
            f"{file.name!r} in {source.display} has no column of labels; its columns are {titles}; "
            "name yours by ingest.filename_column and ingest.label_column"
        )
    if files.faults:
        return files.faults[0]
    return NoLabelsError(
        f"{source.display} holds no label file that names its pictures; ingest.label_file=... "
        "names it, ingest.layout=class_folders is for one folder per class"
    )


def _no_labels(
    inventory: Inventory, tree: Folder, files: LabelFiles, why: str, settings: Ingest
) -> StudyError:
    """Return the error for a set without labels, with the setting that is most likely to help."""
    if files.faults:
        return StudyError(f"{files.faults[0].message}; no other labels were found")
    if not tree.total:
        kinds = inventory.other_types()
        return NoLabelsError(
            f"{inventory.display} holds no pictures{f'; {kinds}' if kinds else ''}"
        )
    kept, _ = without_unlabeled(tree, settings)
    names = [name for name in inventory.pictures if not _in_test_folder(name, kept)]
    proposal = proposed_pattern(names)
    if proposal:
        pattern, counts = proposal
        help_ = (
            f"file names such as {names[0].rpartition('/')[2]!r} seem to hold the label "
            f"({counted(counts)}): ingest.label_pattern='{pattern}' takes it from there"
        )
    else:
        help_ = (
            "ingest.label_file=... names a file of labels, ingest.label_pattern=... takes the "
            "label from the file name"
        )
    unread = "".join(f"; {line}" for line in unread_label_files(inventory)[:1])
    lists = "".join(f"; {file.name!r} has no column of labels" for file in files.lists[:1])
    return NoLabelsError(f"{inventory.display} has no labels: {why}{lists}{unread}; {help_}")


def _in_test_folder(name: str, tree: Folder) -> bool:
    """Return whether a picture is in a folder named for the test part, beside one for train."""
    parts = split_parts_of(list(tree.below))
    return "train" in parts.values() and parts.get(name.partition("/")[0]) == "test"


def _file_says_more(files: Sequence[LabelFile], reading: FolderReading) -> bool:
    """Return whether labels are taken from the files rather than from the folders.

    They are, if the labels are the same, unless the folders give a split and the files do not.

    Raises:
        TwoReadingsError: The labels differ.
    """
    for file in files:
        labels = file.labels or []
        known = [at for at, name in enumerate(file.found.names) if name]
        for at in known[:: max(1, len(known) // _AGREE)]:
            name = file.found.names[at] or ""
            place = reading.places.get(name.rpartition("/")[0], Place(""))
            if place.label != labels[at] and place.label is not None:
                raise TwoReadingsError(
                    f"two readings of {name!r}: {file.name!r} says {quoted(labels[at])} "
                    f"(ingest.label_file={file.name}), its folder says {quoted(place.label)} "
                    "(ingest.layout=class_folders)"
                )
    return len(files) == 1 and (not reading.has_split or files[0].parts is not None)


def _inside_image_folder(inventory: Inventory, settings: Ingest) -> tuple[Inventory, int]:
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


def _from_folders(inventory: Inventory, outside: int, settings: Ingest) -> Layout:
    """Return the pictures with what their folders say.

    Args:
        inventory: Those in ``image_folder``, if there is such a setting.
        outside: How many pictures are not.
        settings: Of the ingestion.
    """
    reading = read_folders(Folder.tree(inventory.folders.items()), settings)
    warnings = reading.warnings
    if outside:
        warnings += (f"{outside} pictures outside of ingest.image_folder are not used",)
    labeled: list[Row] = []
    unlabeled: list[Row] = []
    for name in inventory.pictures:
        place = reading.places.get(name.rpartition("/")[0], Place(""))
        if place.label is None:
            unlabeled.append(Row(name, None))
        else:
            labeled.append(Row(relative(name, reading.base), place.label, place.part))
    labeled += [Row(name, "") for name in inventory.unusable]
    table = LabelTable(labeled, reading.base, "the class folders", reading.has_split)
    return Layout(table, _unlabeled_table(unlabeled, settings), reading.description, warnings)


def _unlabeled_table(rows: list[Row], settings: Ingest) -> LabelTable:
    """Return unlabelled pictures, given by their names in the set, relative to their folder."""
    folder = common_folder(sorted({row.filename.rpartition("/")[0] for row in rows}))
    if settings.unlabeled_folder not in ("auto", ""):
        named = folder_setting(settings, "unlabeled_folder")
        start, found, _ = f"/{folder}/".partition(f"/{named}/")
        folder = join(start.strip("/"), named) if found else folder
    short = [Row(relative(row.filename, folder), None) for row in rows] if folder else rows
    return LabelTable(short, folder, f"folder {folder!r}" if folder else _NONE.origin)


def _from_files(
    source: ImageSource, inventory: Inventory, files: LabelFiles, settings: Ingest
) -> Layout:
    """Return the pictures with what the label files say."""
    labeled = files.labeled
    parts = file_parts(labeled) if len(labeled) > 1 else {}
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
    named = {name for file in labeled for name in file.found.names}
    unlabeled, words, warnings = _beside(source, inventory, files, named, settings)
    said = [_said_file(file, parts) for file in labeled]
    if has_split:
        sizes = Counter(row.given_split for row in rows)
        shown = ", ".join(f"{part or 'without one'} ({count})" for part, count in sizes.items())
        said.append(f"given split {shown}")
    classes = Counter(row.label for row in rows if row.label)
    said.append(f"classes {counted(classes)}")
    origin = ", ".join(repr(file.name) for file in labeled)
    table = LabelTable(rows, folder, origin, has_split, columns)
    return Layout(table, unlabeled, "; ".join(said + words), tuple(warnings))


def _rows(
    file: LabelFile, folder: str, part: str, by_folder: dict[str, str], with_more: bool
) -> list[Row]:
    """Return a row per row of a label file, its name relative to a folder."""
    labels = file.labels or []
    more: Sequence[tuple[str, ...]] = ()
    if with_more:
        more = list(zip(*file.more, strict=True))
    rows = []
    for at, (cell, name) in enumerate(zip(file.cells, file.found.names, strict=True)):
        given = file.parts[at] if file.parts else part
        if by_folder and name:
            given = by_folder.get(name.rpartition("/")[0], "")
        rows.append(Row(_shown(cell, name, folder), labels[at], given, more[at] if more else ()))
    return rows


def _shown(cell: str, name: str | None, folder: str) -> str:
    """Return a picture's name for a row: as listed if that leads to it, otherwise as stored."""
    if name is None:
        return cell.replace("\\", "/") if "\\" in cell and ".." not in cell else cell
    stored = relative(name, folder)
    parts = [part for part in cell.split("/") if part not in ("", ".")]
    return cell if "/".join(parts) == stored and not cell.startswith("/") else stored


def _parts_by_folder(file: LabelFile) -> dict[str, str]:
    """Return the split part of each folder, if the pictures of a file lie in several such."""
    if file.parts is not None or file.columns.split is not None:
        return {}
    folders = {name.rpartition("/")[0] for name in file.found.names if name}
    parts = {}
    for folder in folders:
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
    folders = {name.rpartition("/")[0] for name in named if name}
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
        return _NONE, [], warnings
    words = [f"{len(rest)} pictures that it does not name are unlabelled"]
    return _unlabeled_table([Row(name, None) for name in rest], settings), words, warnings


def _of_unlabeled(settings: Ingest) -> Ingest:
    """Return the settings for the list of unlabelled pictures, which lie in their own folder."""
    changes = {
        "image_folder": settings.unlabeled_folder,
        "label_column": "auto",
        "split_column": "none",
    }
    return settings.model_copy(update=changes)


def _listed_in(
    source: ImageSource, name: str, inventory: Inventory, settings: Ingest
) -> LabelTable:
    return _lists_table([read_label_file(source, name, inventory, _of_unlabeled(settings))])


def _lists_table(lists: Sequence[LabelFile]) -> LabelTable:
    folder = common_folder(sorted({file.found.folder for file in lists}))
    rows = [
        Row(_shown(cell, name, folder), None)
        for file in lists
        for cell, name in zip(file.cells, file.found.names, strict=True)
    ]
    return LabelTable(rows, folder, ", ".join(repr(file.name) for file in lists))


def _said_file(file: LabelFile, parts: dict[str, str]) -> str:
    """Return what was recognised of a label file, in words."""
    columns = file.columns
    how = f", {file.how}" if file.how else ""
    stored = {name.rpartition("/")[0] for name in file.found.names if name}
    folder = common_folder(sorted(stored)) or file.found.folder
    inside = f" in {listed([folder])}/" if folder else ""
    names = f", {file.found.how}," if file.found.how else ""
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


def _with_warnings(
    layout: Layout, inventory: Inventory, used: set[str], settings: Ingest
) -> Layout:
    """Return the layout with merged spellings, and what else a person should know."""
    labeled = layout.labeled
    merged, groups = merged_spellings(labeled)
    warnings = list(layout.warnings)
    if groups:
        shown = "; ".join(", ".join(map(quoted, group)) for group in groups[:3])
        more = f" and {len(groups) - 3} more" if groups[3:] else ""
        if settings.merge_labels:
            labeled = merged
        how = (
            "are merged"
            if settings.merge_labels
            else "are classes of their own; ingest.merge_labels=true merges them"
        )
        warnings.append(f"labels that differ in case or white space alone {how}: {shown}{more}")
    classes = {row.label for row in labeled.rows if row.label}
    if len(classes) > 20 and len(classes) > len(labeled.rows) / 2:
        warnings.append(
            f"{len(classes)} classes for {len(labeled.rows)} pictures: are these labels? "
            "ingest.label_column=... names another column"
        )
    others = inventory.other_types(used)
    description = f"{layout.description}{f'; {others}' if others else ''}"
    return Layout(labeled, layout.unlabeled, description, tuple(warnings))
