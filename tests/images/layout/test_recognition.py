"""Recognition holds for any set: a reading or one line, and no split part is ever a class."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_layouts import DEFAULTS, excel, parquet, rows

from regbench.errors import StudyError
from regbench.images.layout.recognize import recognize, recognize_unlabeled
from regbench.images.layout.words import is_no_class, split_part_of
from regbench.images.sources.base import ImageSource, Unreadable
from regbench.study.schema import Ingest


class Listing(ImageSource):
    """A set of these files in memory; pictures have no content."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__("SET")
        self.files = files

    def close(self) -> None: ...

    def names(self) -> list[str]:
        return sorted(self.files)

    def exists(self, name: str) -> bool:
        return name in self.files

    def read(self, name: str, limit: int) -> bytes:
        if name not in self.files:
            raise Unreadable("missing")
        return self.files[name]

    def chunks(self, name: str) -> Iterator[bytes]:
        yield self.read(name, 0)

    def digest(self) -> str:
        return ""

    def top_folder(self) -> str | None:
        return None

    def within(self, folder: str) -> "Listing":
        return self


def read(files: dict[str, bytes], **changes: Any) -> Any:
    return recognize(Listing(files), Ingest.model_validate(DEFAULTS | changes))


def read_or_line(files: dict[str, bytes], **changes: Any) -> tuple[Any, str]:
    """What is recognised, or else the line that says why nothing is."""
    try:
        return read(files, **changes), ""
    except StudyError as problem:
        return None, problem.message


FOLDERS = ("train", "Test", "val", "dev", "images", "cat", "dog", "part_1", "unlabeled", "a b", "é")
LAST = ("1.png", "2.jpg", "cat.3.png", "..", "x.txt", "\ud800.png")
NAMES = st.tuples(st.lists(st.sampled_from(FOLDERS), max_size=4), st.sampled_from(LAST)).map(
    lambda path: "/".join([*path[0], path[1]])
)
WORDS = [
    "1.png",
    "train/1.png",
    "2",
    "cat",
    "dog",
    "train",
    "0",
    "1",
    "",
    "../1.png",
    "label",
    '"',
    "é",
]
CELLS = st.sampled_from(WORDS)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=6).map("\n".join)


@settings(deadline=None, max_examples=300)
@given(
    names=st.lists(NAMES | st.text(max_size=12), max_size=25),
    tables=st.lists(TABLES, max_size=2),
    layout=st.sampled_from(["auto", "auto", "class_folders", "split_folders", "label_file"]),
)
def test_any_set_gives_a_reading_or_a_line(
    names: list[str], tables: list[str], layout: str
) -> None:
    files = dict.fromkeys(names, b"") | {
        f"{'train' if at else 'labels'}.csv": text.encode() for at, text in enumerate(tables)
    }
    found, problem = read_or_line(files, layout=layout)
    if found is None:
        assert problem
        assert "\n" not in problem
        return
    assert found.labeled.rows
    assert "\n" not in "".join((found.description, *found.warnings))
    labels = {row.label for row in found.labeled.rows}
    if layout == "auto" and found.labeled.origin == "the class folders":
        assert not any(label and (split_part_of(label) or is_no_class(label)) for label in labels)
    parts = {row.given_split for row in found.labeled.rows}
    assert parts <= {"train", "validation", "test", ""}
    assert found.labeled.has_split or parts == {""}
    assert all(len(row.more) == len(found.labeled.columns) for row in found.labeled.rows)
    labelled = {row.filename for row in found.labeled.rows if row.label}
    if not found.labeled.folder and not found.unlabeled.folder:
        assert labelled.isdisjoint(row.filename for row in found.unlabeled.rows)


@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=200), suffix=st.sampled_from(["csv", "txt", "xlsx", "parquet"]))
def test_a_label_file_of_any_bytes_gives_a_reading_or_a_line(data: bytes, suffix: str) -> None:
    name = f"labels.{suffix}"
    found, problem = read_or_line({"1.png": b"", name: data}, label_file=name)
    assert found or problem
    assert "\n" not in problem


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "  "])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("folder", ["", "images/", "a/b/"])
@pytest.mark.parametrize("style", ["plain", "no suffix", "backslashes", "capitals", "prefix"])
def test_each_picture_gets_its_own_label(
    separator: str, header: bool, folder: str, style: str
) -> None:
    truth = {f"{folder}img{n:02}.png": "xyz"[n % 3] for n in range(30)}
    lines = [f"{_written(name, style)}{separator}{label}" for name, label in truth.items()]
    lines = lines[1::2] + lines[::2]
    text = "\n".join([*([f"picture{separator}kind"] if header else []), *lines])
    found = read(dict.fromkeys(truth, b"") | {"x/table.csv": text.encode()})
    got = {_stored(row.filename, found.labeled.folder): row.label for row in found.labeled.rows}
    assert got == truth
    assert ("no header" in found.description) is not header


def _written(name: str, style: str) -> str:
    return {
        "plain": name,
        "no suffix": name.removesuffix(".png"),
        "backslashes": name.replace("/", "\\"),
        "capitals": name.upper(),
        "prefix": f"/content/data/{name}",
    }[style]


def _stored(name: str, folder: str) -> str:
    return f"{folder}/{name}" if folder else name


def test_cells_of_further_columns_stay_with_their_picture() -> None:
    table = "file,patient,label,site\n" + rows("{n}.png,p{n},{l},s{n}", 12)
    found = read(dict.fromkeys((f"{n}.png" for n in range(1, 13)), b"") | {"t.csv": table.encode()})
    assert found.labeled.columns == ("patient", "site")
    assert all(row.more == (f"p{n}", f"s{n}") for n, row in enumerate(found.labeled.rows, 1))


def test_all_pictures_of_a_set_without_labels_are_unlabelled() -> None:
    settings_ = Ingest.model_validate(DEFAULTS)
    table = recognize_unlabeled(Listing({"new/2.png": b"", "new/1.png": b""}), settings_)
    assert [row.filename for row in table.rows] == ["1.png", "2.png"]
    assert table.folder == "new"


def test_a_question_about_the_labels_is_one_for_unlabelled_pictures_too() -> None:
    files = dict.fromkeys([f"{a}/{b}/1.png" for a in "xy" for b in "kl"], b"")
    with pytest.raises(StudyError, match=r"label_from=top_folder.*label_from=parent_folder"):
        recognize_unlabeled(Listing(files), Ingest.model_validate(DEFAULTS))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"layout": "file_names"}, "need ingest.label_pattern"),
        ({"unlabeled_file": "new.csv"}, "no list of unlabelled images 'new.csv'"),
        ({"split_column": "part"}, "no column 'part' (ingest.split_column)"),
        ({"split_column": "label"}, "column 'label' (ingest.split_column) holds b, a, not train"),
        ({"label_file": "labels.csv", "filename_column": 3}, "has no column '3'"),
        ({"image_folder": "../x"}, "ingest.image_folder='../x': leaves the set"),
        ({"label_file": "list.csv"}, "'list.csv' in SET has no column of labels"),
        ({"layout": "split_folders"}, "no folder is named train, val or test"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(changes: dict[str, Any], line: str) -> None:
    files = dict.fromkeys((f"{n}.png" for n in range(1, 13)), b"")
    files |= {"labels.csv": rows("{n}.png,{l}", 12, "file,label").encode()}
    files |= {"list.csv": b"file\n1.png\n2.png\n"}
    with pytest.raises(StudyError) as caught:
        read(files, **changes)
    assert line in caught.value.message


def test_settings_of_a_label_file_where_there_is_none_are_one_line() -> None:
    files = dict.fromkeys(["cat/1.png", "dog/1.png"], b"")
    with pytest.raises(StudyError, match=r"SET holds no label file that names its pictures"):
        read(files, label_column="kind")


def test_two_flags_of_a_split_are_a_question() -> None:
    table = rows("{n}.png,{l},0,0", 12, "file,label,is_valid,is_test").encode()
    files = dict.fromkeys((f"{n}.png" for n in range(1, 13)), b"") | {"labels.csv": table}
    with pytest.raises(StudyError, match=r"is_valid, is_test\? ingest.split_column=NAME, or none"):
        read(files)
    found = read(files, split_column="is_test")
    assert {row.given_split for row in found.labeled.rows} == {"train"}


def test_pictures_outside_of_the_image_folder_are_counted() -> None:
    files = dict.fromkeys(["in/cat/1.png", "in/dog/1.png", "out/bird/1.png"], b"")
    found = read(files, image_folder="in")
    assert {row.label for row in found.labeled.rows} == {"cat", "dog"}
    assert found.warnings == ("1 pictures outside of ingest.image_folder are not used",)


class TestUnlabelledPicturesBesideALabelFile:
    FILES: ClassVar[dict[str, bytes]] = {
        **dict.fromkeys([f"old/{n}.png" for n in range(1, 13)], b""),
        **dict.fromkeys([f"new/{n}.png" for n in range(13, 16)], b""),
        "spare/16.png": b"",
        "labels.csv": rows("{n}.png,{l}", 12, "file,label").encode(),
    }

    def names(self, files: dict[str, bytes], **changes: Any) -> list[str]:
        table = read(files, **changes).unlabeled
        return [_stored(row.filename, table.folder) for row in table.rows]

    def test_are_all_others(self) -> None:
        expected = ["new/13.png", "new/14.png", "new/15.png", "spare/16.png"]
        assert self.names(self.FILES) == expected

    def test_are_those_in_the_folder_of_the_settings(self) -> None:
        expected = ["new/13.png", "new/14.png", "new/15.png"]
        assert self.names(self.FILES, unlabeled_folder="new") == expected

    def test_are_those_of_the_list_of_the_settings(self) -> None:
        files = self.FILES | {"todo.csv": b"file\n14.png\n", "other.csv": b"file\n15.png\n"}
        assert self.names(files, unlabeled_file="todo.csv") == ["new/14.png"]
        assert sorted(self.names(files)) == ["new/14.png", "new/15.png"]
        found = read(files)
        assert "2 of 16 pictures are in no list and are not used" in found.warnings[0]


def test_a_folder_of_unlabelled_pictures_beside_labels_in_file_names() -> None:
    names = [f"old/{kind}{n}.png" for kind in ("cat", "dog") for n in range(3)]
    files = dict.fromkeys([*names, "unlabeled/cat9.png", "/x.png"], b"")
    found = read(files, label_pattern=r"(?P<label>[a-z]+)\d\.png")
    assert len(found.labeled.rows) == 7  # with the one that cannot be read
    assert [row.filename for row in found.unlabeled.rows] == ["unlabeled/cat9.png"]


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("labels.json", b"{}", "'labels.json' is not read: labels are taken from CSV"),
        ("labels.xlsx", excel("\n,"), "is empty"),
        ("labels.parquet", parquet("file,label\n"), "is empty"),
        ("labels.csv", b"\xff\xfef\x00\x00", "is damaged UTF-16"),
        ("labels.csv", b"# only\n# comments\n", "is empty"),
    ],
)
def test_label_files_without_labels_are_one_line(name: str, data: bytes, line: str) -> None:
    with pytest.raises(StudyError) as caught:
        read({"1.png": b"", name: data}, label_file=name)
    assert line in caught.value.message


def test_an_excel_file_that_inflates_to_gigabytes_is_refused() -> None:
    data = bytearray(excel("file,label\n1.png,a"))
    at = data.index(b"PK\x01\x02") + 24  # the size of the first file, in the list of files
    data[at : at + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(StudyError, match="too large: more than 268435456 bytes"):
        read({"1.png": b"", "labels.xlsx": bytes(data)}, label_file="labels.xlsx")


def test_a_parquet_file_without_a_value_has_an_empty_cell() -> None:
    data = parquet("file,label\n1.png,a\n2.png,\n3.png,b\n")
    found = read(dict.fromkeys(["1.png", "2.png", "3.png"], b"") | {"labels.parquet": data})
    assert [row.label for row in found.labeled.rows] == ["a", "", "b"]


def test_names_in_class_folders_may_hold_a_dot() -> None:
    found = read(dict.fromkeys(["001.cat/1.png", "002.dog/1.png"], b""))
    assert {row.label for row in found.labeled.rows} == {"001.cat", "002.dog"}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("TRAIN", "train"),
        ("TrainImages", "train"),
        ("test1", "test"),
        ("train_val", "train"),
        ("valid", "validation"),
        ("test tube", None),
        ("bullet train", None),
        ("trainer", None),
        ("images", None),
    ],
)
def test_what_a_folder_is_named_for(name: str, part: str | None) -> None:
    assert split_part_of(name) == part
