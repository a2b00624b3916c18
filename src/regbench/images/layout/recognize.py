"""Recognise how a set of images is labelled; ask where there are two readings."""

from collections.abc import Sequence

from regbench.errors import StudyError, quoted
from regbench.images.layout.folders import FolderReading, Place, read_folders, without_unlabeled
from regbench.images.layout.from_files import listed_in, read_from_files
from regbench.images.layout.from_folders import (
    inside_image_folder,
    listed_labels,
    read_from_folders,
)
from regbench.images.layout.inventory import Folder, Inventory, suffix_of
from regbench.images.layout.label_files import (
    LabelFile,
    LabelFiles,
    explicit_file,
    find_label_files,
    parts_by_name,
    unread_label_files,
)
from regbench.images.layout.labels import counted, joined_labels, merged_spellings, same_label
from regbench.images.layout.masks import without_masks
from regbench.images.layout.pattern import proposed_pattern, read_names
from regbench.images.layout.table import (
    LabelTable,
    Layout,
    NoLabelsError,
    TwoReadingsError,
)
from regbench.images.layout.unlabeled import unlabeled_table
from regbench.images.layout.words import is_submission, split_parts_of
from regbench.images.sources.base import ImageSource
from regbench.study.schema import Ingest

_OF_TABLE = ("filename_column", "label_column", "split_column", "separator")  # of a label file
_TABLES = frozenset({".csv", ".tsv", ".parquet", ".xlsx"})
_MISSING = frozenset({"nan", "n/a", "#n/a", "<na>", "null"})
_SAVE_PIXELS = (
    "such tables are not read; save it as an npz of x_train (pictures x height x width) and y_train"
)
_AGREE = 200  # rows of a label file that are compared with the folders


def recognize(source: ImageSource, settings: Ingest) -> Layout:
    """Return how a set is labelled. What the settings say goes before what the set looks like.

    Raises:
        NoLabelsError: Nothing in the set says which class a picture is of.
        TwoReadingsError: It can be read in several ways; the message has the setting for each.
        StudyError: It is not what the settings say, or a label file is faulty.
    """
    inventory = Inventory.of(source)
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
    inventory = Inventory.of(source)
    if name := explicit_file(source, inventory, settings, "unlabeled_file"):
        return listed_in(source, name, inventory, settings)
    try:
        return recognize(source, settings).unlabeled
    except NoLabelsError:
        return unlabeled_table([*inventory.pictures, *inventory.unusable], settings)


def _recognized(
    source: ImageSource, inventory: Inventory, tree: Folder, settings: Ingest
) -> tuple[Layout, set[str]]:
    """Return the layout, and the files that are not pictures and were used."""
    by_name = settings.label_pattern is not None or settings.label_from == "pattern"
    by_folder = settings.label_from in ("top_folder", "parent_folder")
    if settings.layout == "file_names" or by_name:
        return read_names(inventory, tree, settings), set()
    inside, outside = inside_image_folder(inventory, settings)
    inside, masks = without_masks(inside) if settings.label_from != "top_folder" else (inside, [])
    if settings.layout in ("class_folders", "split_folders") or by_folder:
        return _without(masks, read_from_folders(inside, outside, (), settings)), set()
    files = find_label_files(source, inventory, settings)
    every = (*files.labeled, *files.lists)
    others = set(inventory.others)
    used = {name for file in every for name in (file.name, file.split_file)}
    used |= {name for file in every for name in file.found.names if name in others}
    of_table = [getattr(settings, name) for name in _OF_TABLE]
    asked_for = settings.label_file != "auto" or not {"auto", "none"}.issuperset(of_table)
    if asked_for or settings.layout == "label_file":
        if not files.labeled or files.labeled[0].labels is None:
            raise _no_label_column(source, files, settings)
        return read_from_files(source, inventory, files, settings), used
    reading, why = None, None
    try:
        said = listed_labels(inside, files.labeled)
        reading = read_folders(Folder.tree(inside.folders.items()), settings, said)
    except (NoLabelsError, TwoReadingsError) as problem:
        why = problem
    asked = [fault for fault in files.faults if isinstance(fault, TwoReadingsError)]
    by_title = any(file.columns.known for file in files.labeled)
    if asked and not (files.labeled and (by_title or reading is not None)):
        instead = "" if reading is None else "; ingest.layout=class_folders leaves the file alone"
        raise TwoReadingsError(asked[0].message + instead)
    faults = tuple(f"{fault.message}; it is not used" for fault in files.faults[:3])
    if files.labeled and (reading is None or _file_says_more(files.labeled, reading, inside)):
        layout = read_from_files(source, inventory, files, settings)
        return layout._replace(warnings=layout.warnings + faults), used
    if reading is not None:
        layout = read_from_folders(inside, outside, files.lists, settings, files.labeled)
        return _without(masks, layout._replace(warnings=layout.warnings + faults)), used
    if isinstance(why, TwoReadingsError):
        raise why
    raise _no_labels(inventory, tree, files, str(why), settings)


def _without(masks: Sequence[str], layout: Layout) -> Layout:
    """Return the layout with a warning that masks are left out, if there are any."""
    if not masks:
        return layout
    warning = (
        f"{len(masks)} masks of other pictures are not used, for example {quoted(masks[0])}; "
        "rename them if they are pictures of their class"
    )
    return layout._replace(warnings=(*layout.warnings, warning))


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
        tables = (name for name in inventory.others if suffix_of(name) in _TABLES)
        table = next((name for name in tables if not is_submission(name)), None)
        pixels = f"; if {quoted(table)} is a table of pixels: {_SAVE_PIXELS}" if table else ""
        return NoLabelsError(
            f"{inventory.display} holds no pictures{f'; {kinds}' if kinds else ''}{pixels}"
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
    kinds = "" if unread or lists else inventory.other_types()
    kinds = f"; {kinds}" if kinds else ""
    return NoLabelsError(f"{inventory.display} has no labels: {why}{lists}{unread}{kinds}; {help_}")


def _in_test_folder(name: str, tree: Folder) -> bool:
    """Return whether a picture is in a folder named for the test part, beside one for train."""
    parts = split_parts_of(list(tree.below))
    return "train" in parts.values() and parts.get(name.partition("/")[0]) == "test"


def _file_says_more(
    files: Sequence[LabelFile], reading: FolderReading, inventory: Inventory
) -> bool:
    """Return whether labels are taken from the files rather than from the folders.

    They are, if all these pictures lie in one folder and have several labels. They are, too, if
    the labels are the same and the files name more pictures; or as many, unless the folders give a
    split and the files do not.

    Raises:
        TwoReadingsError: The labels differ.
    """
    in_flat = [
        file for file in files if all(folder in reading.flat for folder in file.found.folders)
    ]
    files = [file for file in files if file not in in_flat]
    if not files:
        return False  # the labels of a split part without class folders
    folders = frozenset[str]().union(*(file.found.folders for file in files))
    said = {reading.places.get(each, Place("")).label for each in folders}
    if said == {None}:
        return False  # pictures that the settings call unlabelled
    if len(said) == 1 and len({label for file in files for label in file.labels or ()}) > 1:
        return True  # all that they name lies in one folder, which is no class
    of_files = f"label_file={files[0].name}" if len(files) == 1 else "layout=label_file"
    for file in files:
        labels = file.labels or []
        known = [at for at, name in enumerate(file.found.names) if name]
        for at in known[:: max(1, len(known) // _AGREE)]:
            name = file.found.names[at] or ""
            place = reading.places.get(name.rpartition("/")[0], Place(""))
            if place.label is not None and not same_label(place.label, labels[at]):
                raise TwoReadingsError(
                    f"two readings of {name!r}: {file.name!r} says {quoted(labels[at])} "
                    f"(ingest.{of_files}), its folder says {quoted(place.label)} "
                    "(ingest.layout=class_folders)"
                )
    named = {name for file in files for name in file.found.names if name}
    counts = inventory.folders.items()
    if len(named) > sum(n for path, n in counts if reading.places.get(path, Place("")).label):
        return True
    if len(files) > 1:
        return not reading.has_split and bool(parts_by_name(files))
    return not reading.has_split or files[0].parts is not None


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
    if missing := sorted(label for label in classes if label.casefold() in _MISSING):
        warnings.append(
            f"the label {quoted(missing[0])} counts as a class; where it stands for a missing "
            "value, leave the cell empty"
        )
    if joined := joined_labels(classes):
        warnings.append(
            f"{len(joined)} of {len(classes)} labels look like several in one, such as "
            f"{quoted(joined[0])}: each such combination counts as a class of its own"
        )
    if len(classes) > 10 and len(classes) > len(labeled.rows) / 2:
        warnings.append(
            f"{len(classes)} classes for {len(labeled.rows)} pictures: are these labels? "
            "ingest.label_column=... names another column"
        )
    others = inventory.other_types(used)
    description = f"{layout.description}{f'; {others}' if others else ''}"
    return Layout(labeled, layout.unlabeled, description, tuple(warnings))
