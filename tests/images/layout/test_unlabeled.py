"""Pictures without labels: their rows are made one by one, and take next to no memory."""

import tracemalloc
from collections.abc import Sequence

import pytest
from tests.images.layout.test_recognition import DEFAULTS, Listing

from regbench.images.decode_rows import CheckedNames, text_column
from regbench.images.layout.recognize import recognize_unlabeled
from regbench.images.layout.table import LabelTable, Row, RowsAt, UnlabeledRows
from regbench.study.schema import Ingest

NAMES = ["new/1.png", "new/x/2.png", "new/3.png"]
ROWS = [Row("1.png", None), Row("x/2.png", None), Row("3.png", None)]


@pytest.mark.parametrize(
    "rows", [UnlabeledRows(NAMES, "new"), RowsAt(UnlabeledRows(["a", *NAMES], "new"), [1, 2, 3])]
)
def test_rows_made_one_by_one_are_a_sequence(rows: Sequence[Row]) -> None:
    assert (len(rows), list(rows)) == (3, ROWS)
    assert [rows[at] for at in (0, 1, -1)] == ROWS
    assert list(rows[1:]) == ROWS[1:]
    with pytest.raises(IndexError):
        rows[3]


def test_names_that_are_not_as_they_should_be() -> None:
    names = ["a/1.png", "a/./2.png", "a/1.png", "a/../3.png", "a/4.png", "a/2.png"]
    checked = CheckedNames.of(LabelTable(UnlabeledRows(names, "a"), "a", "a list"))
    assert list(checked) == [(0, "a/1.png"), (1, "a/2.png"), (4, "a/4.png")]
    assert len(checked) == 3
    again = "duplicate file name"
    assert checked.rejected == {2: again, 3: "leaves the set", 5: again}


def test_a_column_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regbench.images.decode_rows._TEXTS", 2)
    for names in ([], NAMES, ["ä", "", "c", "d"]):
        column = text_column(iter(names))
        assert column.tolist() == names
        assert column.index.tolist() == list(range(len(names)))
        assert column.dtype == "str"


def test_a_picture_takes_a_few_bytes_besides_its_name() -> None:
    names = [f"new/picture_{number:08}.png" for number in range(40_000)]
    labeled = ["Train/cat/1.png", "Train/dog/1.png", "Train/dog/2.png"]
    source = Listing(dict.fromkeys([*labeled, *names], b""))
    assert len(source.listing.pictures) == 40_003
    settings = Ingest.model_validate(DEFAULTS | {"unlabeled_folder": "new"})
    tracemalloc.start()
    try:
        table = recognize_unlabeled(source, settings)
        checked = CheckedNames.of(table)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(checked) == 40_000
    assert peak / 40_000 < 60  # bytes; a name takes 80, a row of its own 90
