"""Split files of well-known sets are read in their own way, and of others left alone."""

import pytest
from tests.images.layout.test_recognition import read

BIRDS = [f"images/{label}/{label}_{n}.jpg" for label in ("Auk", "Crow") for n in range(6)]
NUMBERED = "".join(f"{n} {name[7:]}\n" for n, name in enumerate(BIRDS, 1))
SPLIT = "".join(f"{n} {n % 2}\n" for n in range(1, 13))


def given(files: dict[str, str], pictures: list[str] = BIRDS, **settings: str) -> list[str]:
    """Return the split part of each labelled picture."""
    contents = {name: text.encode() for name, text in files.items()}
    layout = read(dict.fromkeys(pictures, b"") | contents, **settings)
    return [row.given_split for row in layout.labeled.rows]


def test_numbers_of_pictures_give_the_split() -> None:
    files = {"images.txt": NUMBERED, "train_test_split.txt": SPLIT}
    assert given(files) == ["train", "test"] * 6
    inside = {f"set/{name}": text for name, text in files.items()}
    assert given(inside, [f"set/{name}" for name in BIRDS]) == ["train", "test"] * 6


@pytest.mark.parametrize(
    "files",
    [
        {"images.txt": NUMBERED},
        {"images.txt": NUMBERED, "train_test_split.txt": SPLIT.replace(" 0", " 2")},
        {"images.txt": NUMBERED, "train_test_split.txt": SPLIT.replace("\n", " x\n")},
        {"images.txt": NUMBERED, "train_test_split.txt": SPLIT.replace("3 1", "99 1")},
        {"images.txt": NUMBERED, "train_test_split.txt": SPLIT.replace("5 1\n", "")},
        {"pictures.txt": NUMBERED, "train_test_split.txt": SPLIT},
    ],
)
def test_a_file_that_does_not_number_each_picture_gives_none(files: dict[str, str]) -> None:
    assert set(given(files)) == {""}


FACES = [f"{n}.jpg" for n in range(6)]
LABELS = "image_id,Bald,Male\n" + "".join(f"{n}.jpg,{n % 2},{n // 3}\n" for n in range(6))
THREE = ["train", "validation", "test"] * 2


@pytest.mark.parametrize("name", ["list_eval_partition.csv", "list_eval_partition.txt"])
@pytest.mark.parametrize("settings", [{}, {"label_file": "labels.csv"}])
def test_a_partition_by_numbers(name: str, settings: dict[str, str]) -> None:
    header, between = ("image_id,partition\n", ",") if name.endswith("csv") else ("", " ")
    partition = header + "".join(f"{n}.jpg{between}{n % 3}\n" for n in range(6))
    marks = "image_id,left,right\n" + "".join(f"{n}.jpg,{n % 2},{n % 3}\n" for n in range(6))
    boxes = "image_id,x\n" + "".join(f"{n}.jpg,{n}\n" for n in range(6))
    files = {"labels.csv": LABELS, name: partition, "marks.csv": marks, "boxes.csv": boxes}
    assert given(files, FACES, label_column="Male", **settings) == THREE


def test_the_split_column_of_a_label_file_goes_before_a_list() -> None:
    labels = "file,label,split\n" + "".join(
        f"{n}.jpg,{n % 2},{'train' if n < 4 else 'test'}\n" for n in range(6)
    )
    splits = "file,split\n" + "".join(f"{n}.jpg,{THREE[n]}\n" for n in range(6))
    files = {"labels.csv": labels, "splits.csv": splits}
    assert given(files, FACES) == ["train"] * 4 + ["test"] * 2
    assert set(given(files, FACES, split_column="none")) == {""}
