"""Find the label files of a set and read them: which pictures they name, and with which labels."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from regbench.errors import StudyError, quoted
from regbench.images.layout.columns import (
    Columns,
    choose_columns,
    filename_column,
    has_header,
    is_titled_label_file,
    labels_of,
    missing_column,
    titled_filename_column,
)
from regbench.images.layout.inventory import Inventory, join, suffix_of
from regbench.images.layout.names import Found, find_names, hits_of, sample_of
from regbench.images.layout.read_table import TABLE_SUFFIXES, Table, must_be_converted, read_table
from regbench.images.layout.split_files import with_split_in_words
from regbench.images.layout.table import TwoReadingsError
from regbench.images.layout.words import is_submission, split_cell, split_part_in
from regbench.images.sources.base import ImageSource, Unreadable, clean_name
from regbench.study.schema import Ingest

_HEAD = 500  # rows that are looked at to tell what a file is
_ANY_TEXT = frozenset({".txt", ".dat"})  # may hold anything: one that is no table is no fault
_MOST_OF_A_KIND = 30  # more files of a suffix in a folder are no label files, but one per picture


class LabelFile(NamedTuple):
    """A file that names pictures of the set, with labels or without.

    Attributes:
        name: The file's.
        cells: Its column of file names, as written.
        found: The pictures that these name.
        labels: By row, or None: a list of pictures without labels.
        parts: The given split part by row, empty where the file does not say; or None.
        more: The cells of each further column.
        columns: What its columns are.
        how: Its form, in words; may be empty.
        split_file: Another file, which its split is from; may be empty.
    """

    name: str
    cells: list[str]
    found: Found
    labels: list[str] | None
    parts: list[str] | None
    more: tuple[list[str], ...]
    columns: Columns
    how: str
    split_file: str

    @property
    def further(self) -> tuple[str, ...]:
        """The titles of the further columns."""
        return tuple(self.columns.titles[at] for at in self.columns.further)

    @property
    def label_title(self) -> str:
        """The title of the column of labels; empty without one, or with one per class."""
        labels = self.columns.labels
        return self.columns.titles[labels[0]] if len(labels) == 1 else ""


class LabelFiles(NamedTuple):
    """The files of a set that name its pictures.

    Attributes:
        labeled: Those with labels.
        lists: Those without.
        faults: What is wrong with others that may have been meant, a line each.
    """

    labeled: list[LabelFile]
    lists: list[LabelFile]
    faults: list[StudyError]


def find_label_files(source: ImageSource, inventory: Inventory, settings: Ingest) -> LabelFiles:
    """Return the files that name pictures of a set.

    Raises:
        StudyError: A file that the settings name is missing, or is not what they say.
    """
    named = explicit_file(source, inventory, settings, "label_file")
    labeled = [read_label_file(source, named, inventory, settings)] if named else []
    lists: list[LabelFile] = []
    faults: list[tuple[bool, StudyError]] = []
    faulty: list[str] = []
    for name in _candidates(inventory):
        if name == named:
            continue
        beside = settings if named is None else _found_out(settings)
        try:
            file = _read_if_it_names_pictures(source, name, inventory, beside)
        except StudyError as problem:
            faulty.append(name)
            if suffix_of(name) not in _ANY_TEXT or isinstance(problem, TwoReadingsError):
                if is_submission(name) and not isinstance(problem, TwoReadingsError):
                    continue  # probabilities of several classes, say; it would be a list at most
                of_test = is_submission(name) or split_part_in(name) == "test"
                faults.append((of_test, problem))
            continue
        if file is None:
            continue
        if named or is_submission(name) or file.labels is None or _is_empty(file.labels):
            lists.append(file)
        else:
            labeled.append(file)
    if labeled and named is None and settings.label_column != "auto":
        lists += _split_lists(source, faulty, inventory, settings)
    labeled, demoted = _with_the_same_labels(labeled)
    faults.sort(key=lambda fault: fault[0])  # what is asked of a file of train pictures goes first
    return LabelFiles(labeled, lists + demoted, [problem for _, problem in faults])


def _split_lists(
    source: ImageSource, names: Sequence[str], inventory: Inventory, settings: Ingest
) -> Iterator[LabelFile]:
    """Yield those of some files that lack the label column of the settings and give a split."""
    for name in names:
        try:
            file = _read_if_it_names_pictures(source, name, inventory, _found_out(settings))
        except StudyError:
            continue  # its fault is known
        if file is not None and file.parts is not None:
            yield file


def _is_empty(labels: Sequence[str]) -> bool:
    return len(set(labels)) < 2 and not (labels and labels[0])


def _found_out(settings: Ingest) -> Ingest:
    """Return the settings for files other than the label file: their columns are found out."""
    names = ("filename_column", "label_column", "split_column", "separator")
    return settings.model_copy(update=dict.fromkeys(names, "auto") | {"image_folder": "auto"})


def _with_the_same_labels(files: list[LabelFile]) -> tuple[list[LabelFile], list[LabelFile]]:
    """Set aside files named for a part, such as test.csv, that lack the column of labels.

    Another column of theirs may have looked like labels.
    """
    if len(files) < 2:
        return files, []
    known = {file.label_title for file in files if file.columns.known}
    keep = [file for file in files if file.columns.known or file.label_title in known or not known]
    return keep, [file for file in files if file not in keep]


def explicit_file(
    source: ImageSource, inventory: Inventory, settings: Ingest, setting: str
) -> str | None:
    """Return the name in the set of a file that the settings name; None on ``auto``.

    It may lie in the only top folder.

    Raises:
        StudyError: There is no such file.
    """
    name: str = getattr(settings, setting)
    if name == "auto":
        return None
    tops = {each.partition("/")[0] for each in (*inventory.pictures, *inventory.others)}
    for candidate in (name, join(*tops, name) if len(tops) == 1 else name):
        if source.exists(candidate):
            return clean_name(candidate)
    what = "label file" if setting == "label_file" else "list of unlabelled images"
    raise StudyError(f"{source.display} holds no {what} {name!r} (ingest.{setting}); auto finds it")


def _candidates(inventory: Inventory) -> list[str]:
    """Return the names of files that may be label files, the least deep first."""
    tables = [name for name in inventory.others if suffix_of(name) in TABLE_SUFFIXES]
    kinds = Counter((name.rpartition("/")[0], suffix_of(name)) for name in tables)
    few = [n for n in tables if kinds[n.rpartition("/")[0], suffix_of(n)] <= _MOST_OF_A_KIND]
    return sorted(few, key=lambda name: (name.count("/"), name))[: 2 * _MOST_OF_A_KIND]


def unread_label_files(inventory: Inventory) -> list[str]:
    """Return a line for each kind of file that may hold labels and is not read, such as JSON."""
    lines: dict[str, str] = {}
    for name in inventory.others:
        if advice := must_be_converted(name):
            lines.setdefault(suffix_of(name), advice)
    return list(lines.values())


def read_label_file(
    source: ImageSource, name: str, inventory: Inventory, settings: Ingest
) -> LabelFile:
    """Return what a file says of pictures, which may all be missing.

    Raises:
        StudyError: It is no table, or no column is one of file names.
    """
    table, split_file = with_split_in_words(
        source, name, read_table(source, name, settings), settings
    )
    where = f"{name!r} in {source.display}"
    file = _label_file(name, table, table, inventory, settings, where, split_file)
    if file is None:
        raise StudyError(
            f"{where}: no column names pictures of the set; its columns are "
            f"{', '.join(quoted(title) for title in table.first[:10])}; name yours by "
            "ingest.filename_column"
        )
    return file


def _read_if_it_names_pictures(
    source: ImageSource, name: str, inventory: Inventory, settings: Ingest
) -> LabelFile | None:
    """Return what a file says of pictures, or None if it says nothing of them.

    Raises:
        StudyError: It looks like a label file and is faulty.
    """
    where = f"{name!r} in {source.display}"
    head = read_table(source, name, settings, _HEAD)
    samples = [
        sample_of([first, *cells]) for first, cells in zip(head.first, head.columns, strict=True)
    ]
    if filename_column(head, samples, hits_of(inventory, samples), settings) is None:
        at = titled_filename_column(head.first)
        if at is not None and is_titled_label_file(head.first):
            if not head.columns[0]:
                raise StudyError(f"{where} has a header and no rows")
            example = quoted(head.columns[at][0])
            stored = (
                f"; one is called {quoted(inventory.pictures[0])}" if inventory.pictures else ""
            )
            raise StudyError(f"{where} names no picture of the set, for example {example}{stored}")
        return None
    table, split_file = with_split_in_words(
        source, name, read_table(source, name, settings), settings
    )
    return _label_file(name, table, head, inventory, settings, where, split_file)


def _label_file(
    name: str,
    table: Table,
    head: Table,
    inventory: Inventory,
    settings: Ingest,
    where: str,
    split_file: str,
) -> LabelFile | None:
    """Return what a table says of pictures; None without a column of file names.

    Args:
        name: The file's name.
        table: All of it.
        head: Its first rows, or all.
        inventory: The files of the set.
        settings: Names of columns, where they are not to be found out.
        where: The file, in messages.
        split_file: Another file, which a column is from.

    Raises:
        StudyError: See ``choose_columns``.
    """
    samples = [
        sample_of([first, *cells]) for first, cells in zip(table.first, table.columns, strict=True)
    ]
    hits = hits_of(inventory, samples)
    at = filename_column(head, samples[: len(head.first)], hits[: len(head.first)], settings)
    if at is None and settings.filename_column != "auto":
        raise missing_column(
            [title.strip() for title in table.first], settings.filename_column, where
        )
    at = titled_filename_column(table.first) if at is None else at
    if at is None:
        return None
    header = has_header(table, at, hits[at])
    if not header:
        body = [[first, *cells] for first, cells in zip(table.first, table.columns, strict=True)]
        table = table._replace(columns=body)
    columns = choose_columns(table, at, header, settings, where)
    cells = table.columns[at]
    folder = None if settings.image_folder == "auto" else folder_setting(settings, "image_folder")
    try:
        found = find_names(inventory, cells, hits[at], name, folder)
    except TwoReadingsError as problem:
        if columns.labels:
            raise
        raise StudyError(problem.message) from None  # no question where labels are elsewhere
    return LabelFile(
        name,
        cells,
        found,
        labels_of(table, columns),
        _parts(table, columns),
        tuple(table.columns[at] for at in columns.further),
        columns,
        ", ".join(filter(None, [table.how, "" if header else "no header"])),
        split_file,
    )


def _parts(table: Table, columns: Columns) -> list[str] | None:
    if columns.split is None:
        return None
    cells = table.columns[columns.split]
    parts = {cell: split_cell(cell, columns.flag) or "" for cell in set(cells)}
    return [parts[cell] for cell in cells]


def folder_setting(settings: Ingest, setting: str) -> str:
    """Return the path of a configured folder in the form of ``clean_name``; the root is empty.

    Args:
        settings: The settings of the ingestion.
        setting: The name of the setting, such as ``image_folder``.

    Raises:
        StudyError: The path leads out of the set.
    """
    folder: str = getattr(settings, setting)
    try:
        return clean_name(join(folder.rstrip("/") if folder != "/" else folder, "file")).rpartition(
            "/"
        )[0]
    except Unreadable as problem:
        raise StudyError(f"ingest.{setting}={folder!r}: {problem.reason}") from None


def listed_parts(
    lists: Sequence[LabelFile], names: Iterable[str]
) -> tuple[LabelFile, dict[str, str]] | None:
    """Return the only list with a column of the given split, and the part of each picture.

    None if there is none or several, it leaves out one of these pictures, or gives no train part
    and another one of them. A sample submission gives none.
    """
    giving = [file for file in lists if file.parts is not None and not is_submission(file.name)]
    if len(giving) != 1:
        return None
    [file] = giving
    listed = dict(zip(file.found.names, file.parts or (), strict=True))
    parts = {name: listed.get(name, "") for name in names}
    found = set(parts.values())
    return (file, parts) if "train" in found and len(found) > 1 and "" not in found else None


def parts_by_name(files: Sequence[LabelFile]) -> dict[str, str]:
    """Return the split part that label files are named for; none unless they give a split."""
    named = {file.name: split_part_in(file.name) for file in files}
    parts = {name: part for name, part in named.items() if part}
    gives = "train" in parts.values() and len(parts) == len(set(parts.values())) > 1
    return parts if gives else {}


def file_parts(files: Sequence[LabelFile]) -> dict[str, str]:
    """Return the split part that label files are named for: train.csv, test.csv; not meta.csv.

    Raises:
        TwoReadingsError: There are no such, or two for the same part.
    """
    parts = parts_by_name(files)
    if not parts:
        names = ", ".join(quoted(file.name) for file in files[:5])
        raise TwoReadingsError(
            f"{len(files)} files have labels, {names}: ingest.label_file=... takes one of them "
            "alone; one named for train and one for test would give a split"
        )
    return parts
