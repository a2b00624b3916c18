"""Split files of well-known sets, which say by numbers what others say in words."""

from collections.abc import Iterator

from regbench.images.layout.read_table import Table, read_table
from regbench.images.sources.base import ImageSource
from regbench.study.schema import Ingest

# CelebA: list_eval_partition.csv or .txt, a picture and a number in each row.
_PARTITION = "list_eval_partition"
_PARTS = {"0": "train", "1": "validation", "2": "test"}
# CUB-200: images.txt numbers the pictures, and this file has the numbers of those to train on.
_NUMBERED = "images.txt"
_TRAINED_ON = "train_test_split.txt"
_IS_TRAIN = {"1": "train", "0": "test"}


def with_split_in_words(
    source: ImageSource, name: str, table: Table, settings: Ingest
) -> tuple[Table, str]:
    """Return a table with the given split in words, and the other file that it is from, if any.

    A table of another set is returned as it is.

    Args:
        source: The set.
        name: The table's file.
        table: All of it, or its first rows.
        settings: Of the ingestion.

    Raises:
        StudyError: The other file is no table.
    """
    folder, _, last = name.rpartition("/")
    if last.partition(".")[0] == _PARTITION:
        rows = [list(_in_words(cells, _PARTS)) for cells in table.columns[1:]]
        first = [table.first[0], *_in_words(table.first[1:], _PARTS)]
        return table._replace(first=first, columns=[*table.columns[:1], *rows]), ""
    other = f"{folder}/{_TRAINED_ON}" if folder else _TRAINED_ON
    if last != _NUMBERED or len(table.first) != 2 or not source.exists(other):
        return table, ""
    numbers = read_table(source, other, settings)
    if len(numbers.first) != 2:
        return table, ""
    cells = [[first, *rest] for first, rest in zip(numbers.first, numbers.columns, strict=True)]
    parts = dict(zip(cells[0], _in_words(cells[1], _IS_TRAIN), strict=True))
    if not set(parts.values()) <= set(_IS_TRAIN.values()) or table.first[0] not in parts:
        return table, ""
    added = [parts.get(number, "") for number in table.columns[0]]
    made = table._replace(
        first=[*table.first, parts[table.first[0]]], columns=[*table.columns, added]
    )
    return made, other


def _in_words(cells: list[str], words: dict[str, str]) -> Iterator[str]:
    return (words.get(cell.strip(), cell) for cell in cells)
