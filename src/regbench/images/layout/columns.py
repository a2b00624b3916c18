"""Which column of a label file is what: names of pictures, labels, the given split."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from regbench.errors import StudyError, quoted
from regbench.images.layout.labels import listed, sort_classes
from regbench.images.layout.names import Hit
from regbench.images.layout.read_table import Table
from regbench.images.layout.table import TwoReadingsError
from regbench.images.layout.words import (
    FILENAME_TITLES,
    LABEL_TITLES,
    SPLIT_TITLES,
    flag_part,
    plain_title,
    split_cell,
)
from regbench.images.picture_files import is_picture
from regbench.study.schema import Ingest

_BINARY = frozenset({"0", "1", "0.0", "1.0", "false", "true"})
_YES = frozenset({"1", "1.0", "true"})
_ONLY_SPLIT = ("split", "subset", "partition", "datasplit")  # titles that mean nothing else
_FEW = 10  # rows of a file that are too few to tell labels by their repetition
_LONGEST_LABEL = 100  # characters that text in a column of labels may have, found by content


class Columns(NamedTuple):
    """What the columns of a label file are, by position.

    Attributes:
        titles: Of the columns; their numbers from 1 where the file has no header.
        has_header: Whether the first row holds titles.
        filename: The column that names pictures.
        labels: The columns of labels: one; several with 0 and 1, a class each; none.
        known: Whether the column of labels is one by its title or the settings.
        split: The column of the given split, or None.
        flag: The split part that a yes in it means, in a column of yes and no.
        further: All other columns.
    """

    titles: list[str]
    has_header: bool
    filename: int
    labels: tuple[int, ...]
    known: bool
    split: int | None
    flag: str | None
    further: tuple[int, ...]


def filename_column(
    table: Table, samples: Sequence[Sequence[str]], hits: Sequence[Sequence[Hit]], settings: Ingest
) -> int | None:
    """Return the position of the column that names pictures of the set, or None.

    It is what the settings say; of the columns half of whose cells name pictures, the one with a
    usual title, or else the one that names the most; None, too, for a column of 'no' in which a
    picture happens to be called so: cells must mostly differ.

    Args:
        table: Its first rows, or all.
        samples: Cells of each column.
        hits: The pictures that these may name.
        settings: ``filename_column``.
    """
    if settings.filename_column != "auto":
        return position_of(table.first, settings.filename_column)
    shares = []
    for at, (sample, found) in enumerate(zip(samples, hits, strict=True)):
        cells = [table.first[at], *table.columns[at]]
        unlike = len(set(cells)) >= 0.9 * len(cells) or len(set(cells)) > len(cells) - 3
        share = len({hit.value for hit in found}) / len(sample) if sample else 0
        shares.append(share if unlike and len(cells) > 1 else 0)
    good = [at for at, share in enumerate(shares) if share >= 0.4]  # the title names none
    usual = [at for at in good if _rank(table.first[at], FILENAME_TITLES) < len(FILENAME_TITLES)]
    with_suffix = [at for at in good if not all(hit.bare for hit in hits[at])]
    for choice in (usual, with_suffix, good):
        if choice:
            return max(
                choice, key=lambda at: (shares[at], -_rank(table.first[at], FILENAME_TITLES), -at)
            )
    return None


def titled_filename_column(titles: Sequence[str]) -> int | None:
    """Return the position of the column whose title is a usual one for file names, or None."""
    found = [at for at, title in enumerate(titles) if plain_title(title) in FILENAME_TITLES]
    return min(found, key=lambda at: _rank(titles[at], FILENAME_TITLES)) if found else None


def is_titled_label_file(titles: Sequence[str]) -> bool:
    """Return whether one title is usual for file names, and another one for labels."""
    names = titled_filename_column(titles) is not None
    return names and any(plain_title(title) in LABEL_TITLES for title in titles)


def has_header(table: Table, filename: int, hits: Sequence[Hit]) -> bool:
    """Return whether the first row holds titles: its file name names no picture."""
    first = table.first[filename]
    usual = plain_title(first) in FILENAME_TITLES  # image is a title, even beside image.png
    named = any(hit.value == first and not (hit.bare and usual) for hit in hits)
    return not (named or is_picture(first.strip()))


def position_of(titles: Sequence[str], name: str) -> int | None:
    """Return a column's position by its title, or by its number from 1; None without such one."""
    plain = [title.strip() for title in titles]
    if name in plain:
        return plain.index(name)
    number = int(name) if name.isascii() and name.isdigit() else 0
    return number - 1 if 0 < number <= len(titles) else None


def choose_columns(
    table: Table, filename: int, header: bool, settings: Ingest, where: str
) -> Columns:
    """Return what the columns of a label file are.

    Args:
        table: All of it; without header, its first row is data.
        filename: The position of the file names.
        header: Whether the first row holds titles.
        settings: Names or numbers of columns, where they are not to be found out.
        where: The file, in messages.

    Raises:
        TwoReadingsError: Several columns may be the labels.
        StudyError: A column of the settings is not there; a row has several labels.
    """
    titles = [
        (title.strip() if header else "") or str(number)
        for number, title in enumerate(table.first, 1)
    ]
    filled = _checked(table, titles, filename, header, settings, where)
    split, flag = _split_column(table, titles, filename, settings, where)
    rest = [at for at in range(len(titles)) if at not in (filename, split)]
    if settings.label_column != "auto":
        labels: tuple[int, ...]
        label = _named(titles, settings.label_column, "label_column", where)
        labels, known = (label,), True
        split = None if label == split else split
    else:
        rest = [at for at in rest if at in filled]
        labels, known = _label_columns(table, titles, rest, where)
    further = tuple(
        at for at in range(len(titles)) if at not in (filename, split, *labels) and at in filled
    )
    return Columns(titles, header, filename, labels, known, split, flag, further)


def _checked(
    table: Table, titles: list[str], filename: int, header: bool, settings: Ingest, where: str
) -> set[int]:
    """Return the columns with a cell that is not empty; refuse what is no table of labels."""
    if header and not (table.columns and table.columns[0]):
        raise StudyError(f"{where} has a header and no rows")
    for title in (titles[filename], *LABEL_TITLES):
        if titles.count(title) > 1 and settings.label_column == "auto":
            raise StudyError(
                f"{where} has more than one column {title!r}; its columns are {_names(titles)}; "
                "name yours by ingest.filename_column and ingest.label_column"
            )
    return {at for at, cells in enumerate(table.columns) if any(cells) or not header}


def _named(titles: list[str], name: str, setting: str, where: str) -> int:
    """Return the position of a column that the settings name.

    Raises:
        StudyError: It is missing or not unique.
    """
    position = position_of(titles, name)
    if position is None or titles.count(name) > 1:
        problem = "no column" if position is None else "more than one column"
        raise StudyError(
            f"{where} has {problem} {name!r} (ingest.{setting}); its columns are {_names(titles)}"
        )
    return position


def missing_column(titles: Sequence[str], name: str, where: str) -> StudyError:
    """Return the error for a column of file names that is not there."""
    return StudyError(
        f"{where} has no column {name!r}; its columns are {_names(titles)}; name yours by "
        "ingest.filename_column and ingest.label_column"
    )


def _names(titles: Sequence[str]) -> str:
    return ", ".join(quoted(title) for title in titles[:10])


def _split_column(
    table: Table, titles: list[str], filename: int, settings: Ingest, where: str
) -> tuple[int | None, str | None]:
    """Return the column of the given split, and the part that a yes in it means.

    Raises:
        TwoReadingsError: A column is called so, and holds other words.
        StudyError: The settings name a column that is not there or holds other words.
    """
    if settings.split_column == "none":
        return None, None
    if settings.split_column != "auto":
        at = _named(titles, settings.split_column, "split_column", where)
        flag = flag_part(titles[at])
        odd = [cell for cell in _values(table, at) if split_cell(cell, flag) is None]
        if odd:
            raise StudyError(
                f"{where}: column {titles[at]!r} (ingest.split_column) holds {listed(odd)}, not "
                "train, validation or test"
            )
        return at, flag
    flags = [at for at, title in enumerate(titles) if flag_part(title)]
    if len(flags) > 1:
        raise TwoReadingsError(
            f"{where}: which column gives the split, {listed(titles[at] for at in flags)}? "
            "ingest.split_column=NAME, or none"
        )
    for at, title in enumerate(titles):
        if at == filename:
            continue
        plain, flag = plain_title(title), flag_part(title)
        values = [value for value in _values(table, at) if value.strip()]
        parts = {split_cell(value, flag) for value in values}
        if values and None not in parts and (len(parts) > 1 or plain in SPLIT_TITLES):
            return at, flag
        if plain in _ONLY_SPLIT and values:
            raise TwoReadingsError(
                f"{where}: column {title!r} holds {listed(sort_classes(values))}, not train, "
                "validation or test; ingest.split_column=none leaves it alone"
            )
    return None, None


def _values(table: Table, at: int) -> list[str]:
    """Return the distinct cells of a column."""
    return list(dict.fromkeys(table.columns[at]))


def _label_columns(
    table: Table, titles: list[str], rest: list[int], where: str
) -> tuple[tuple[int, ...], bool]:
    """Return the columns of labels, and whether their titles say so.

    Raises:
        TwoReadingsError: Several columns may be the labels.
        StudyError: The file gives pictures several labels.
    """
    usual = sorted(
        (at for at in rest if plain_title(titles[at]) in LABEL_TITLES),
        key=lambda at: _rank(titles[at], LABEL_TITLES),
    )
    if usual:
        if len(usual) > 1 and not all(_same(table, usual[0], at) for at in usual[1:]):
            raise _which(table, titles, usual, where)
        words = [at for at in usual if not _all_numbers(table, at)]
        label = (words or usual)[0]
        _stop_at_several(table, label, titles[label], where)
        return (label,), True
    rows = len(table.columns[0])
    binary = [at for at in rest if {c.strip().lower() for c in _values(table, at)} <= _BINARY]
    sums = _sums(table, binary)
    one_hot = len(binary) > 1 and set(sums) == {1}
    others = [
        at
        for at in rest
        if at not in (binary if one_hot else ()) and _can_be_labels(table, at, rows)
    ]
    if one_hot and not others:
        return tuple(binary), True
    if len(binary) > 2 and not one_hot and set(others) <= set(binary):
        number = next(at for at, count in enumerate(sums) if count != 1)
        raise StudyError(
            f"{where}: row {number + 1} has {sums[number]} of the labels "
            f"{listed(titles[at] for at in binary)}; RegBench takes one label per picture: name "
            "one column by ingest.label_column"
        )
    if len(others) + one_hot > 1:
        raise _which(table, titles, [*others, *(binary[:1] if one_hot else ())], where)
    return tuple(others), False


def _stop_at_several(table: Table, at: int, title: str, where: str) -> None:
    """Raise ``StudyError`` if cells hold several labels, each of which others hold alone."""
    values = {value.strip() for value in _values(table, at)}
    for value in values:
        for parts in (re.split(r"[|;,]", value), value.split()):
            if len(parts) > 1 and values.issuperset(part.strip() for part in parts):
                raise StudyError(
                    f"{where}: {quoted(value)} are several labels; RegBench takes one label per "
                    "picture: give such pictures one, or leave them out; "
                    f"ingest.label_column={title} makes each combination a class"
                )


def _can_be_labels(table: Table, at: int, rows: int) -> bool:
    """Return whether a column has two values or more, on average each for two rows or more."""
    values = [value for value in _values(table, at) if value.strip()]
    few = rows / 2 if rows > _FEW else rows
    return 2 <= len(values) <= few and max(map(len, values)) <= _LONGEST_LABEL


def _which(table: Table, titles: list[str], found: list[int], where: str) -> TwoReadingsError:
    choices = "; ".join(
        f"{titles[at]!r} ({listed(sort_classes(_values(table, at)), 4)})" for at in found[:5]
    )
    return TwoReadingsError(
        f"{where}: which column is the label? {choices}: "
        f"ingest.label_column={titles[found[0]]} takes the first"
    )


def _same(table: Table, one: int, other: int) -> bool:
    """Return whether two columns name the same classes: each value of one has one of the other."""
    pairs = len(set(zip(table.columns[one], table.columns[other], strict=True)))
    return pairs == len(_values(table, one)) == len(_values(table, other))


def _all_numbers(table: Table, at: int) -> bool:
    return all(value.strip().replace(".", "", 1).isdigit() for value in _values(table, at))


def _sums(table: Table, binary: Sequence[int]) -> list[int]:
    """Return how many of the columns say yes, by row."""
    sums = [0] * len(table.columns[0])
    for at in binary:
        yes = {value for value in _values(table, at) if value.strip().lower() in _YES}
        for row, cell in enumerate(table.columns[at]):
            sums[row] += cell in yes
    return sums


def labels_of(table: Table, columns: Columns) -> list[str] | None:
    """Return each row's label without white space at its ends; None without labels.

    Of columns with 0 and 1 it is the title of the one with a 1.
    """
    if not columns.labels:
        return None
    if len(columns.labels) == 1:
        stripped = {cell: cell.strip() for cell in set(table.columns[columns.labels[0]])}
        return [stripped[cell] for cell in table.columns[columns.labels[0]]]
    labels = [""] * len(table.columns[0])
    for at in columns.labels:
        for row, cell in enumerate(table.columns[at]):
            if cell.strip().lower() in _YES:
                labels[row] = columns.titles[at]
    return labels


def _rank(title: str, titles: Sequence[str]) -> int:
    plain = plain_title(title)
    return titles.index(plain) if plain in titles else len(titles)
