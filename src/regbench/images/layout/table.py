"""What is recognised in a set: its labelled and unlabelled pictures, and how it was read."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from regbench.errors import StudyError


class Row(NamedTuple):
    """A picture of a set.

    Attributes:
        filename: As the set names it, relative to the table's folder.
        label: None in an unlabelled table; empty: it should have one and has none.
        given_split: train, validation or test; empty where the set does not say.
        more: The cells of the label file's further columns.
    """

    filename: str
    label: str | None
    given_split: str = ""
    more: tuple[str, ...] = ()


class UnlabeledRows(Sequence[Row]):
    """The rows of pictures without labels, made one by one: there may be millions.

    What is held of each is its name, which the list of the set's files holds anyway.
    """

    def __init__(self, names: Sequence[str], folder: str = "") -> None:
        """Set the pictures' names in the set, and the folder that rows are relative to."""
        self._names, self._folder = names, folder

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> "UnlabeledRows": ...
    def __getitem__(self, at: int | slice) -> "Row | UnlabeledRows":
        if isinstance(at, slice):
            return UnlabeledRows(self._names[at], self._folder)
        return Row(relative(self._names[at], self._folder), None)

    def __iter__(self) -> Iterator[Row]:
        return (Row(relative(name, self._folder), None) for name in self._names)


class RowsAt(Sequence[Row]):
    """Some of the rows of a table, by their positions."""

    def __init__(self, rows: Sequence[Row], positions: Sequence[int]) -> None:
        """Set the table's rows, and which of them these are."""
        self._rows, self._positions = rows, positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> "RowsAt": ...
    def __getitem__(self, at: int | slice) -> "Row | RowsAt":
        if isinstance(at, slice):
            return RowsAt(self._rows, self._positions[at])
        return self._rows[self._positions[at]]

    def __iter__(self) -> Iterator[Row]:
        return (self._rows[position] for position in self._positions)


class LabelTable(NamedTuple):
    """The pictures of a set with their labels.

    Attributes:
        rows: In the order of the label file, or sorted by file name.
        folder: What file names are relative to; empty: the root of the set.
        origin: Where the rows come from, in messages.
        has_split: Whether the set says which split part a picture is in.
        columns: The titles of the label file's further columns, as in ``Row.more``.
    """

    rows: Sequence[Row]
    folder: str
    origin: str
    has_split: bool = False
    columns: tuple[str, ...] = ()


class Layout(NamedTuple):
    """How a set is read.

    Attributes:
        labeled: Its labelled pictures.
        unlabeled: Its unlabelled pictures; may have no rows.
        description: What was recognised, in one line.
        warnings: What a person should know of it, a line each.
    """

    labeled: LabelTable
    unlabeled: LabelTable
    description: str
    warnings: tuple[str, ...] = ()


class NoLabelsError(StudyError):
    """Nothing in the set says which class a picture is of."""


class TwoReadingsError(StudyError):
    """The set can be read in several ways; the message names them and a setting for each."""


def relative(name: str, folder: str) -> str:
    """Return a file's name relative to a folder that it is in; the root is empty."""
    return name.removeprefix(f"{folder}/") if folder else name


def common_folder(folders: "list[str]") -> str:
    """Return the deepest folder that all of these folders are, or are in; the root is empty."""
    if not folders:
        return ""
    paths = [folder.split("/") for folder in folders]
    first, last = min(paths), max(paths)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return "/".join(first[:same])
