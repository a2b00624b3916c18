"""How people's sets are laid out: 'Layouts' in ``docs/bad-input.md`` says how each is read.

Every case writes a set of small pictures and is recognised the way a run does it. The table's last
column is compared word by word; what the words stand for, the numbers of pictures by split part and
label, is written here with the case.
"""

import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from PIL import Image

from regbench.errors import StudyError
from regbench.images.ingest import ingest_labeled, ingest_unlabeled
from regbench.images.layout.words import is_no_class, split_part_of
from regbench.images.sources.open import open_source
from regbench.study.schema import Ingest

PROJECT = Path(__file__).parents[1]
TABLE = PROJECT / "docs/bad-input.md"
DEFAULTS = yaml.safe_load((PROJECT / "conf/base/parameters_data.yml").read_text())["ingest"]
TINY = {"size": 4, "mode": "L", "max_rejected": 1}
ROW = re.compile(r"\| (?P<case>.+?) \| `(?P<outcome>.+)` \|")


@dataclass(frozen=True)
class Case:
    """A set in some layout.

    Attributes:
        pictures: Their names; {a,b} and {1-9} stand for several.
        files: Other files: their text, or a function that returns their bytes.
        gives: The numbers of pictures, as in "train cat 3, test cat 1, unlabelled 2"; empty for a
            set that stops.
        settings: Of ``ingest``.
    """

    pictures: str
    files: dict[str, str | Callable[[], bytes]] = field(default_factory=dict)
    gives: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def expanded(names: str) -> list[str]:
    """Return the names that a text of patterns, separated by blanks, stands for."""
    found = []
    for pattern in names.split():
        parts = re.split(r"\{(.+?)\}", pattern)
        choices = [[text] if at % 2 == 0 else _choices(text) for at, text in enumerate(parts)]
        found += ["".join(each) for each in itertools.product(*choices)]
    return [name.replace("~", " ") for name in found]


def _choices(text: str) -> list[str]:
    if found := re.fullmatch(r"(\d+)-(\d+)", text):
        return [str(number) for number in range(int(found[1]), int(found[2]) + 1)]
    return text.split(",")


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4), number % 256).save(buffer, "PNG")
    return buffer.getvalue()


def write(case: Case, root: Path) -> Path:
    path = root / "set"
    path.mkdir()
    for number, name in enumerate(expanded(case.pictures)):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(picture(number))
    for name, content in case.files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content())
    return path


def rows(pattern: str, numbers: int, header: str = "", labels: Sequence[str] = "ab") -> str:
    """A row per number: {n} is it, {l} its label."""
    made = [pattern.format(n=n, l=labels[n % len(labels)]) for n in range(1, numbers + 1)]
    return "\n".join([header, *made] if header else made) + "\n"


def excel(*sheets: str) -> bytes:
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer) as book:
        for number, text in enumerate(sheets):
            frame = pd.read_csv(io.StringIO(text), header=None)
            frame.to_excel(book, sheet_name=f"sheet {number}", header=False, index=False)
    return buffer.getvalue()


def parquet(text: str) -> bytes:
    buffer = io.BytesIO()
    pd.read_csv(io.StringIO(text)).to_parquet(buffer)
    return buffer.getvalue()


FLAT = "{1-12}.png"
USUAL = rows("{n}.png,{l}", 12, "filename,label")
HALF = "a 6, b 6"
THREE = (
    "train cat {0}, train dog {0}, validation cat {1}, validation dog {1}, "
    "test cat {1}, test dog {1}"
)
CASES = {
    # ---- a folder per class
    "class folders": Case("{cat,dog}/{1-3}.png", gives="cat 3, dog 3"),
    "class folders in a folder": Case("pets/{cat,dog}/{1-3}.png", gives="cat 3, dog 3"),
    "class folders in images/": Case("images/{cat,dog}/{1-3}.png", gives="cat 3, dog 3"),
    "class folders called by numbers": Case(
        "{0-11}/{1-2}.png", gives=", ".join(f"{n} 2" for n in range(12))
    ),
    "class folders of other script": Case(
        "{grüne~Äpfel,红苹果}/{1-2}.png", gives="grüne Äpfel 2, 红苹果 2"
    ),
    "class folders with subfolders": Case(
        "cat/1.png cat/kittens/2.png dog/3.png", gives="cat 2, dog 1"
    ),
    "class folders and a picture outside": Case(
        "{cat,dog}/{1-3}.png stray.png", gives="cat 3, dog 3, rejected 1"
    ),
    "class folders and other files": Case(
        "{cat,dog}/{1-3}.png",
        {"README.md": "", "cat/1.txt": "", "cat/2.txt": "", "film.mp4": ""},
        "cat 3, dog 3",
    ),
    "class folders, capitals tell two apart": Case(
        "{Cat,cat,dog}/{1-2}.png", gives="Cat 2, cat 2, dog 2"
    ),
    "class folders, capitals merged": Case(
        "Cat/{1-2}.png {cat,dog}/{1-3}.png", gives="cat 5, dog 3", settings={"merge_labels": True}
    ),
    "a single class folder": Case("cat/{1-3}.png"),
    "images in class folders": Case("{cat,dog}/images/{1-3}.png", gives="cat 3, dog 3"),
    "a class folder and images/": Case("{cat,images}/{1-3}.png"),
    "images/ and masks/": Case("{images,masks}/{1-3}.png"),
    "images/ and masks/, as classes": Case(
        "{images,masks}/{1-3}.png", gives="images 3, masks 3", settings={"label_from": "top_folder"}
    ),
    "folders part_1, part_2": Case("part_{1,2}/{1-3}.png"),
    "nested class folders": Case("{north,south}/{cat,dog}/{1-3}.png"),
    "nested class folders, the upper ones": Case(
        "{north,south}/{cat,dog}/{1-3}.png",
        gives="north 6, south 6",
        settings={"label_from": "top_folder"},
    ),
    "nested class folders, the lower ones": Case(
        "{north,south}/{cat,dog}/{1-3}.png",
        gives="cat 6, dog 6",
        settings={"label_from": "parent_folder"},
    ),
    "class folders and unlabeled/": Case(
        "{cat,dog}/{1-3}.png unlabeled/{1-4}.png", gives="cat 3, dog 3, unlabelled 4"
    ),
    "class folders and Train/Images/test": Case(
        "{cat,dog}/{1-3}.png Train/Images/test/{1-4}.png", gives="cat 3, dog 3, unlabelled 4"
    ),
    "class folders and a folder to be labelled": Case(
        "{cat,dog}/{1-3}.png new/{1-4}.png",
        gives="cat 3, dog 3, unlabelled 4",
        settings={"unlabeled_folder": "new"},
    ),
    "no pictures": Case("", {"notes.txt": "nothing", "film.mp4": ""}),
    # ---- a given split
    "train, val, test": Case(
        "train/{cat,dog}/{1-4}.png {val,test}/{cat,dog}/{1-2}.png",
        gives=THREE.format(4, 2),
    ),
    "Training, Valid, Testing": Case(
        "Training/{cat,dog}/{1-2}.png {Valid,Testing}/{cat,dog}/1.png",
        gives=THREE.format(2, 1),
    ),
    "train and dev": Case(
        "train/{cat,dog}/{1-2}.png dev/{cat,dog}/1.png",
        gives="train cat 2, train dog 2, validation cat 1, validation dog 1",
    ),
    "train and test, in a folder": Case(
        "pets/train/{cat,dog}/{1-2}.png pets/test/{cat,dog}/1.png",
        gives="train cat 2, train dog 2, test cat 1, test dog 1",
    ),
    "training_set/training_set": Case(
        "training_set/training_set/{cats,dogs}/{1-2}.png test_set/test_set/{cats,dogs}/1.png",
        gives="train cats 2, train dogs 2, test cats 1, test dogs 1",
    ),
    "seg_train, seg_test, seg_pred": Case(
        "seg_train/seg_train/{sea,wood}/{1-2}.png seg_test/seg_test/{sea,wood}/1.png "
        "seg_pred/seg_pred/{1-3}.png",
        gives="train sea 2, train wood 2, test sea 1, test wood 1, unlabelled 3",
    ),
    "pets_train and pets_test": Case(
        "pets_train/{cat,dog}/{1-2}.png pets_test/{cat,dog}/1.png",
        gives="train cat 2, train dog 2, test cat 1, test dog 1",
    ),
    "a split inside class folders": Case(
        "{cat,dog}/train/{1-2}.png {cat,dog}/test/3.png",
        gives="train cat 2, train dog 2, test cat 1, test dog 1",
    ),
    "train with classes, test without": Case(
        "train/{cat,dog}/{1-2}.png test/{1-5}.png", gives="cat 2, dog 2, unlabelled 5"
    ),
    "test/unknown": Case(
        "train/{cat,dog}/{1-2}.png test/unknown/{1-5}.png", gives="cat 2, dog 2, unlabelled 5"
    ),
    "only train": Case("train/{cat,dog}/{1-2}.png", gives="cat 2, dog 2"),
    "val without classes": Case("train/{cat,dog}/{1-2}.png val/{1-5}.png"),
    "val without classes, as unlabelled": Case(
        "train/{cat,dog}/{1-2}.png val/{1-5}.png",
        gives="cat 2, dog 2, unlabelled 5",
        settings={"unlabeled_folder": "val"},
    ),
    "no train": Case("{val,test}/{cat,dog}/{1-2}.png"),
    "val and validation": Case("{train,val,validation}/{cat,dog}/{1-2}.png"),
    "a class in test alone": Case(
        "train/{cat,dog}/{1-2}.png test/{cat,dog,bird}/1.png",
        gives="train cat 2, train dog 2, test bird 1, test cat 1, test dog 1",
    ),
    "train and test without classes": Case("{train,test}/{1-4}.png"),
    "a folder beside train and test": Case("{train,test,figures}/{cat,dog}/{1-2}.png"),
    "a folder beside train and test, left out": Case(
        "{train,test,figures}/{cat,dog}/{1-2}.png",
        gives="train cat 2, train dog 2, test cat 2, test dog 2, unlabelled 4",
        settings={"layout": "split_folders"},
    ),
    "the class train": Case("{car,plane,train}/{1-3}.png"),
    "the class train, as a class": Case(
        "{car,plane,train}/{1-3}.png",
        gives="car 3, plane 3, train 3",
        settings={"layout": "class_folders"},
    ),
    "train and test as classes": Case(
        "{train,test}/{1-3}.png", gives="test 3, train 3", settings={"label_from": "top_folder"}
    ),
    "no split folders, as set": Case("{cat,dog}/{1-3}.png", settings={"layout": "split_folders"}),
    "masks in train": Case("train/{images,masks}/{1-2}.png test/{images,masks}/1.png"),
    "class folders, split by lists": Case(
        "images/{cat,dog}/{1-4}.png",
        {
            "meta/classes.txt": "cat\ndog\n",
            "meta/train.txt": "cat/1\ncat/2\ncat/3\ndog/1\ndog/2\ndog/3\n",
            "meta/test.txt": "cat/4\ndog/4\n",
        },
        "train cat 3, train dog 3, test cat 1, test dog 1",
    ),
    "class folders and a list of them": Case(
        "{cat,dog}/{1-3}.png",
        {"files.csv": "filename\ncat/1.png\ncat/2.png\ndog/1.png\n"},
        "cat 3, dog 3",
    ),
    "class folders and a damaged label file": Case(
        "{cat,dog}/{1-3}.png", {"labels.csv": "filename,label\n1.png,cat,dog\n"}, "cat 3, dog 3"
    ),
    "class folders and a submission": Case(
        "train/{cat,dog}/{1-3}.png test/{1-3}.png",
        {"sample_submission.csv": "id,label\n1.png,cat\n2.png,cat\n3.png,cat\n"},
        "cat 3, dog 3, unlabelled 3",
    ),
    "boxes in a text file per picture": Case(
        "images/{train,val}/{1-4}.png",
        {f"labels/train/{n}.txt": "0 0.5 0.5 0.1 0.1\n" for n in range(1, 5)},
    ),
    # ---- a label file
    "label file": Case(FLAT, {"labels.csv": USUAL}, HALF),
    "label file, the published study's": Case(
        "Train/Images/train/{1-12}.png Train/Images/test/{1-3}.png",
        {"Train/train.csv": USUAL, "Test.csv": "filename\n1.png\n2.png\n3.png\n"},
        f"{HALF}, unlabelled 3",
    ),
    "label file of a competition": Case(
        "train/{1-12}.png test/{101-103}.png",
        {
            "train.csv": rows("{n}.png,{l}", 12, "id,category"),
            "sample_submission.csv": "id,category\n101.png,0\n102.png,0\n103.png,0\n",
        },
        f"{HALF}, unlabelled 3",
    ),
    "label file, test/ beside": Case(
        "train/{1-12}.png test/{1-3}.png", {"train.csv": USUAL}, f"{HALF}, unlabelled 3"
    ),
    "label file, names without suffix": Case(
        "train/{1-12}.jpg", {"labels.csv": rows("{n},{l}", 12, "id_code,diagnosis")}, HALF
    ),
    "label file, names from the set's root": Case(
        "images/{1-12}.png", {"meta/labels.csv": rows("images/{n}.png,{l}", 12, "path,class")}, HALF
    ),
    "label file, names from its folder": Case(
        "set/images/{1-12}.png set/more/13.png",
        {"set/labels.csv": rows("images/{n}.png,{l}", 12, "path,class")},
        f"{HALF}, unlabelled 1",
    ),
    "label file, names with ../": Case(
        "images/{1-12}.png",
        {"meta/labels.csv": rows("../images/{n}.png,{l}", 12, "path,class")},
        HALF,
    ),
    "label file, names from elsewhere": Case(
        "images/{1-12}.png",
        {"labels.csv": rows("/kaggle/input/pets/images/{n}.png,{l}", 12, "path,class")},
        HALF,
    ),
    "label file, names with backslashes": Case(
        "images/{1-12}.png", {"labels.csv": rows("images\\{n}.png,{l}", 12, "path,class")}, HALF
    ),
    "label file, names in other case": Case(
        "images/{1-12}.PNG", {"labels.csv": rows("Images/{n}.png,{l}", 12, "path,class")}, HALF
    ),
    "label file, pictures in several folders": Case(
        "part_1/{1-6}.png part_2/{7-12}.png",
        {"labels.csv": rows("{n},{l}", 12, "image_id,dx")},
        HALF,
    ),
    "label file, one name in two folders": Case(
        "old/{1-12}.png new/{1-12}.png", {"labels.csv": USUAL}
    ),
    "label file, one name in two folders, as set": Case(
        "old/{1-12}.png new/{1-12}.png",
        {"labels.csv": USUAL},
        f"{HALF}, unlabelled 12",
        {"label_file": "labels.csv", "image_folder": "new"},
    ),
    "label file, no header": Case(FLAT, {"labels.csv": rows("{n}.png,{l}", 12)}, HALF),
    "label file, blanks": Case(
        "images/{1-12}.png", {"labels.csv": rows("images/{n}.png  {l}    mono", 12)}, HALF
    ),
    "label file, columns by number": Case(
        FLAT,
        {"labels.csv": rows("x,{l},{n}.png,{l}{l}", 12)},
        HALF,
        {"filename_column": 3, "label_column": 2},
    ),
    "label file, semicolons": Case(
        FLAT, {"labels.csv": rows("{n}.png;{l}", 12, "filename;label")}, HALF
    ),
    "label file, tabs": Case(FLAT, {"labels.tsv": rows("{n}.png\t{l}", 12, "file\ttarget")}, HALF),
    "label file, name and label in a text": Case(
        FLAT, {"labels.txt": rows("{n}.png {l}", 12)}, HALF
    ),
    "label file, UTF-16": Case(FLAT, {"labels.csv": lambda: USUAL.encode("utf-16")}, HALF),
    "label file, UTF-16 without a mark": Case(
        FLAT, {"labels.csv": lambda: USUAL.encode("utf-16-le")}, HALF
    ),
    "label file, Excel": Case(FLAT, {"labels.xlsx": lambda: excel(USUAL)}, HALF),
    "label file, Excel of two sheets": Case(
        FLAT, {"labels.xlsx": lambda: excel(USUAL, "a,b\n1,2")}, HALF
    ),
    "label file, Excel, labels on another sheet": Case(
        FLAT, {"labels.xlsx": lambda: excel("about,this\nwas,made\n", USUAL)}, HALF
    ),
    "label file, damaged Excel": Case(FLAT, {"labels.xlsx": lambda: excel(USUAL)[:-100]}),
    "label file, Parquet": Case(FLAT, {"labels.parquet": lambda: parquet(USUAL)}, HALF),
    "label file, damaged Parquet": Case(FLAT, {"labels.parquet": "PAR1"}),
    "label file, JSON": Case(FLAT, {"annotations.json": '{"images": []}'}),
    "label file, old Excel": Case(FLAT, {"labels.xls": ""}),
    "label file, by content": Case(
        FLAT, {"Tabelle1.csv": rows("{n}.png,{l}{l}", 12, "Bild,Sorte")}, "aa 6, bb 6"
    ),
    "label file, two columns may be labels": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l},{l}{l}", 11, "Bild,Sorte,Lage") + "12.png,a,bb\n"}
    ),
    "label file, two columns may be labels, as set": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l},{l}{l}", 11, "Bild,Sorte,Lage") + "12.png,a,bb\n"},
        "aa 5, bb 7",
        {"label_column": "Lage"},
    ),
    "label file, label by number and name": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l}{l},1{l}", 12, "filename,class name,class id")
            .replace("1a", "0")
            .replace("1b", "1")
        },
        "aa 6, bb 6",
    ),
    "label file, a column per class": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l}", 12, "image,MEL,NV")
            .replace(",a", ",1.0,0.0")
            .replace(",b", ",0.0,1.0")
        },
        "MEL 6, NV 6",
    ),
    "label file, several labels a picture": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l}", 12, "image,sea,wood,town")
            .replace(",a", ",1,1,0")
            .replace(",b", ",0,0,1")
        },
    ),
    "label file, several labels a cell": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l}", 11, "image,label") + "12.png,a|b\n"}
    ),
    "label file, no column of labels": Case(FLAT, {"list.csv": rows("{n}.png", 12, "filename")}),
    "label file, no such column": Case(
        FLAT, {"labels.csv": USUAL}, settings={"label_column": "kind"}
    ),
    "label file, no such column of names": Case(
        FLAT,
        {"labels.csv": USUAL},
        settings={"label_file": "labels.csv", "filename_column": "picture"},
    ),
    "label file of half of the pictures": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l}", 6, "filename,label")}, "a 3, b 3, unlabelled 6"
    ),
    "label file of pictures that are not there": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l}", 16, "filename,label")}, "a 6, b 6, rejected 4"
    ),
    "label file with a column split": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l},train", 8, "filename,label,split")
            + "9.png,a,val\n10.png,b,val\n11.png,a,test\n12.png,b,test\n"
        },
        "train a 4, train b 4, validation a 1, validation b 1, test a 1, test b 1",
    ),
    "label file with a split by content": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l},TRAIN", 10, "filename,label,usage")
            + "11.png,a,TEST\n12.png,b,TEST\n"
        },
        "train a 5, train b 5, test a 1, test b 1",
    ),
    "label file with a column is_valid": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l},False", 10, "filename,label,is_valid")
            + "11.png,a,True\n12.png,b,True\n"
        },
        "train a 5, train b 5, validation a 1, validation b 1",
    ),
    "label file with a split of other words": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l},{l}", 12, "filename,label,split")}
    ),
    "label file with a split of other words, left alone": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l},{l}", 12, "filename,label,split")},
        HALF,
        {"split_column": "none"},
    ),
    "label files for train and test": Case(
        "images/{1-12}.png",
        {
            "train.csv": rows("{n}.png,{l}", 10, "filename,label"),
            "test.csv": "filename,label\n11.png,a\n12.png,b\n",
        },
        "train a 5, train b 5, test a 1, test b 1",
    ),
    "label files that contradict each other": Case(
        "images/{1-12}.png",
        {
            "train.csv": rows("{n}.png,{l}", 11, "filename,label"),
            "test.csv": "filename,label\n11.png,a\n12.png,b\n",
        },
    ),
    "label files, one of two": Case(
        FLAT, {"anna.csv": USUAL, "ben.csv": USUAL.replace("1.png,b", "1.png,a")}
    ),
    "label file, pictures in train/ and test/": Case(
        "train/{1-10}.png test/{11-12}.png",
        {"labels.csv": USUAL},
        "train a 5, train b 5, test a 1, test b 1",
    ),
    "label file and class folders that agree": Case(
        "a/{2,4,6,8,10,12}.png b/{1,3,5,7,9,11}.png",
        {"labels.csv": rows("{n}.png,{l}", 12, "filename,label")},
        "a 6, b 6",
    ),
    "label file and class folders that differ": Case(
        "{x,y}/{1-6}.png",
        {"labels.csv": rows("x/{n}.png,{l}", 6, "filename,label") + rows("y/{n}.png,{l}", 6)},
    ),
    "label files of the same pictures": Case(
        FLAT, {"labels.csv": USUAL, "meta.csv": rows("{n}.png,{l}{l}", 12, "filename,species")}
    ),
    "label file and a table of something else": Case(
        FLAT,
        {"labels.csv": USUAL, "sizes.csv": rows("{n}.png,{n}1,{n}2", 12, "filename,w,h")},
        HALF,
    ),
    "label file of train, test without labels": Case(
        "train/{1-12}.png test/{1-3}.png",
        {"train.csv": USUAL, "test.csv": "filename,width\n1.png,4\n2.png,4\n3.png,5\n"},
        f"{HALF}, unlabelled 3",
    ),
    "label file with folds": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l},{n}", 12, "filename,label,fold")}, HALF
    ),
    "label file with a column set": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l},{l}{l}", 12, "filename,label,set")}, HALF
    ),
    "label file with empty labels": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l}", 8, "filename,label") + "9.png,\n10.png,\n"},
        "a 4, b 4, rejected 2, unlabelled 2",
    ),
    "label file with a title for row numbers": Case(
        FLAT, {"labels.csv": rows("{n},{n}.png,{l}", 12, ",filename,label")}, HALF
    ),
    "label file whose title is a picture's": Case(
        "image.png {1-11}.png",
        {"labels.csv": rows("{n},{l}", 11, "image,label") + "image,a\n"},
        HALF,
    ),
    "label file, groups": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l},p{n}", 12, "filename,label,patient")}, HALF
    ),
    "label file, labels differ in blanks": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l}x", 11, "filename,label") + "12.png,B x\n"},
        "B x 1, ax 5, bx 6",
    ),
    "label file, labels differ in blanks, merged": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l}x", 11, "filename,label") + "12.png,B x\n"},
        "ax 5, bx 7",
        {"merge_labels": True},
    ),
    "label file, a class per picture": Case(
        "{1-30}.png",
        {"labels.csv": "".join(f"{n}.png,{n * n}\n" for n in range(1, 31))},
        ", ".join(f"{n * n} 1" for n in range(1, 31)),
        {"label_column": 2},
    ),
    "text file per picture": Case(
        "{1-40}.png", {f"{n}.txt": "0 0.5 0.5 1 1\n" for n in range(1, 41)}
    ),
    # ---- as public sets have it
    "skin lesions": Case(
        "HAM_images_part_1/ISIC_{1-6}.jpg HAM_images_part_2/ISIC_{7-12}.jpg",
        {
            "HAM_metadata.csv": rows(
                "HAM_{n},ISIC_{n},{l}k,histo,{n}0,male", 12, "lesion_id,image_id,dx,dx_type,age,sex"
            )
        },
        "ak 6, bk 6",
    ),
    "retinas": Case(
        "train_images/a{1-12}.png test_images/b{1-3}.png",
        {
            "train.csv": rows("a{n},{l}", 12, "id_code,diagnosis"),
            "test.csv": "id_code\nb1\nb2\nb3\n",
            "sample_submission.csv": "id_code,diagnosis\nb1,0\nb2,0\nb3,0\n",
        },
        f"{HALF}, unlabelled 3",
    ),
    "traffic signs": Case(
        "Train/{0,1}/{1-3}.png Test/{1-4}.png Meta/{0,1}.png",
        {
            "Train.csv": "Width,ClassId,Path\n"
            + "".join(f"27,{c},Train/{c}/{n}.png\n" for c in (0, 1) for n in (1, 2, 3)),
            "Test.csv": "Width,ClassId,Path\n" + rows("27,{l},Test/{n}.png", 4, labels="01"),
            "Meta.csv": "Path,ClassId,ShapeId\nMeta/0.png,0,1\nMeta/1.png,1,1\n",
        },
        "train 0 3, train 1 3, test 0 2, test 1 2, unlabelled 2",
    ),
    "an export with a column per class and part": Case(
        "{train,valid,test}/{1-4}.jpg",
        {
            f"{part}/_classes.csv": "filename, cat, dog\n"
            + rows("{n}.jpg, {l}", 4, labels=("1, 0", "0, 1"))
            for part in ("train", "valid", "test")
        },
        THREE.format(2, 2),
    ),
    "small ImageNet": Case(
        "tiny/train/{n1,n2}/images/{1-3}.JPEG tiny/val/images/v{1-4}.JPEG tiny/test/images/t1.JPEG",
        {"tiny/val/annotations.txt": rows("v{n}.JPEG\t{l}\t0\t4", 4, labels=("n2", "n1"))},
        "train n1 3, train n2 3, validation n1 2, validation n2 2, unlabelled 1",
    ),
    "small ImageNet, validation set aside": Case(
        "tiny/train/{n1,n2}/images/{1-3}.JPEG tiny/val/images/v{1-4}.JPEG tiny/test/images/t1.JPEG",
        {"tiny/val/annotations.txt": rows("v{n}.JPEG\t{l}\t0\t4", 4, labels=("n2", "n1"))},
        "n1 3, n2 3, unlabelled 5",
        {"unlabeled_folder": "tiny/val"},
    ),
    "small ImageNet, other words for the classes": Case(
        "tiny/train/{n1,n2}/images/{1-3}.JPEG tiny/val/images/v{1-4}.JPEG",
        {"tiny/val/annotations.txt": rows("v{n}.JPEG\t{l}\t0\t4", 4)},
    ),
    "traffic signs, a file per class": Case(
        "Training/{00000,00001}/{1-3}.ppm Test/t{1-4}.ppm",
        {
            "Training/00000/GT-0.csv": rows("{n}.ppm;4;0", 3, "Filename;Width;ClassId"),
            "Training/00001/GT-1.csv": rows("{n}.ppm;4;1", 3, "Filename;Width;ClassId"),
            "GT-test.csv": rows("t{n}.ppm;4;{l}", 4, "Filename;Width;ClassId", "01"),
        },
        "train 00000 3, train 00001 3, test 00000 2, test 00001 2",
    ),
    "satellite pictures, split by files": Case(
        "{Lake,Wood}/{1-6}.jpg",
        {
            f"{part}.csv": "n,Filename,Label,ClassName\n"
            + "".join(
                f"{n},{name}/{n}.jpg,{at},{name}\n"
                for at, name in enumerate(("Lake", "Wood"))
                for n in numbers
            )
            for part, numbers in {"train": (1, 2, 3), "validation": (4,), "test": (5, 6)}.items()
        },
        "train Lake 3, train Wood 3, validation Lake 1, validation Wood 1, test Lake 2, "
        "test Wood 2",
    ),
    "moles, two columns of labels and a list with groups": Case(
        "jpeg/train/i{1-12}.jpg jpeg/test/t{1-6}.jpg",
        {
            "train.csv": "image_name,patient_id,diagnosis,target\n"
            + "".join(f"i{n},p{n},{'abc'[n % 3]},{int(n % 3 == 1)}\n" for n in range(1, 13)),
            "test.csv": rows("t{n},p{n},male", 6, "image_name,patient_id,sex"),
        },
    ),
    "ultrasound with masks": Case(
        "{cyst,mass}/{1-3}.png {cyst,mass}/{1-3}_mask.png cyst/1_mask_1.png",
        gives="cyst 3, mass 3",
    ),
    "X-rays with folders of masks": Case(
        "set/{ill,well}/{images,masks}/{1-3}.png", gives="ill 3, well 3"
    ),
    "face masks": Case(
        "{with_mask,without_mask}/{1-2}.png with_mask/3_mask.png",
        gives="with_mask 3, without_mask 2",
    ),
    "paths of another machine": Case(
        "images/{1-12}.png",
        {"labels.csv": rows("../input/pets/images/{n}.png,{l}", 12, "path,label")},
        HALF,
    ),
    "leaves, several labels a cell between blanks": Case(
        FLAT, {"labels.csv": rows("{n}.png,{l}", 11, "image,labels") + "12.png,a b\n"}
    ),
    "leaves, several labels a cell, as set": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l}", 11, "image,labels") + "12.png,a b\n"},
        "a 5, a b 1, b 6",
        {"label_column": "labels"},
    ),
    "satellite pictures, several words a cell": Case(
        FLAT,
        {
            "labels.csv": rows(
                "{n}.png,{l}", 12, "image,words", ("clear sea", "clear sea ship", "clear sea sand")
            )
        },
        "clear sea 4, clear sea sand 4, clear sea ship 4",
    ),
    "labels that are NaN": Case(
        FLAT,
        {"labels.csv": rows("{n}.png,{l}", 12, "image,label", ("a", "b", "nan"))},
        "a 4, b 4, nan 4",
    ),
    "leaves in three versions": Case("set/{color,grey}/{rust,scab}/{1-2}.png"),
    "pixels in a table": Case("", {"fer2013.csv": "emotion,pixels\n0,1 2 3\n1,2 3 4\n"}),
    "birds, all said twice": Case(
        "{train,valid,test}/{A,B}/{1-2}.jpg",
        {
            "birds.csv": "class id,filepaths,labels,data set\n"
            + "".join(
                f"{at}.0,{part}/{label}/{n}.jpg,{label},{part}\n"
                for part in ("train", "valid", "test")
                for at, label in enumerate("AB")
                for n in (1, 2)
            )
        },
        THREE.replace("cat", "A").replace("dog", "B").format(2, 2),
    ),
    "birds, numbered": Case(
        "CUB/images/1.Auk/Auk_{1-6}.jpg CUB/images/2.Crow/Crow_{7-12}.jpg",
        {
            "CUB/images.txt": "".join(
                f"{n} {'1.Auk/Auk' if n < 7 else '2.Crow/Crow'}_{n}.jpg\n" for n in range(1, 13)
            ),
            "CUB/train_test_split.txt": "".join(f"{n} {int(n % 3 > 0)}\n" for n in range(1, 13)),
            "CUB/image_class_labels.txt": "".join(f"{n} {1 + n // 7}\n" for n in range(1, 13)),
        },
        "train 1.Auk 4, train 2.Crow 4, test 1.Auk 2, test 2.Crow 2",
    ),
    "faces, a partition by numbers": Case(
        "faces/{1-12}.jpg",
        {
            "list_attr_celeba.csv": "image_id,Bald,Male\n"
            + "".join(f"{n}.jpg,{1 if n % 5 else -1},{n % 2}\n" for n in range(1, 13)),
            "list_eval_partition.csv": "image_id,partition\n"
            + "".join(f"{n}.jpg,{(n - 1) // 4}\n" for n in range(1, 13)),
        },
        "train 0 2, train 1 2, validation 0 2, validation 1 2, test 0 2, test 1 2",
        {"label_column": "Male"},
    ),
    "class folders and a list of split parts": Case(
        "{cat,dog}/{1-4}.png",
        {
            "splits.csv": "path,split\n"
            + "".join(
                f"{label}/{n}.png,{'test' if n > 3 else 'train'}\n"
                for label in ("cat", "dog")
                for n in range(1, 5)
            ),
        },
        "train cat 3, train dog 3, test cat 1, test dog 1",
    ),
    "label file and a list of some split parts": Case(
        FLAT,
        {
            "labels.csv": USUAL,
            "splits.csv": "path,split\n"
            + "".join(f"{n}.png,{'test' if n > 6 else 'train'}\n" for n in range(1, 11)),
        },
        HALF,
    ),
    "pets, a commented list": Case(
        "images/{Abyssinian,beagle}_{1-6}.png",
        {
            "list.txt": "#Image CLASS-ID SPECIES\n"
            + "".join(f"Abyssinian_{n} 1 1\nbeagle_{n} 2 {n % 2}\n" for n in range(1, 7))
        },
    ),
    "folders of patients": Case("patient_{1-6}/{1-3}.png"),
    "label files train_labels and test_labels": Case(
        "train/{1-6}.png test/{1-6}.png",
        {
            "train_labels.csv": rows("{n}.png,{l}", 6, "file,label"),
            "test_labels.csv": rows("{n}.png,{l}", 6, "file,label"),
        },
        "train a 3, train b 3, test a 3, test b 3",
    ),
    "label file with a column is_train": Case(
        FLAT,
        {
            "labels.csv": rows("{n}.png,{l},1", 8, "file,label,is_train")
            + "9.png,a,0\n10.png,b,0\n11.png,a,0\n12.png,b,0\n"
        },
        "train a 4, train b 4, test a 2, test b 2",
    ),
    "label file, zeros lost": Case("00{1-9}.png", {"labels.csv": rows("{n},{l}", 9, "id,label")}),
    # ---- file names
    "labels in file names": Case("{cat,dog}.{1-6}.png"),
    "labels in file names, as set": Case(
        "{cat,dog}.{1-6}.png",
        gives="cat 6, dog 6",
        settings={"label_pattern": r"(?P<label>[a-z]+)\..*"},
    ),
    "labels in file names, behind": Case("{1-6}-{cat,dog}.png"),
    "labels in file names, train and test1": Case(
        "train/{cat,dog}.{1-6}.png test1/{1-5}.png",
        gives="cat 6, dog 6, unlabelled 5",
        settings={"label_pattern": r"(?P<label>[a-z]+)\..*"},
    ),
    "labels in file names, a given split": Case(
        "train/{cat,dog}.{1-6}.png test/{cat,dog}.{7-8}.png",
        gives="train cat 6, train dog 6, test cat 2, test dog 2",
        settings={"label_pattern": r"(?P<label>[a-z]+)\..*"},
    ),
    "labels in paths": Case(
        "{north,south}/{cat,dog}-{1-3}.png",
        gives="cat 6, dog 6",
        settings={"label_pattern": r".*/(?P<label>[a-z]+)-.*"},
    ),
    "labels in file names, no match": Case(
        "{cat,dog}.{1-6}.png", settings={"label_pattern": r"(?P<label>\d+)-.*"}
    ),
    "numbers as file names": Case(FLAT),
}


def given(labeled: Any, unlabeled: Any) -> str:
    """The numbers of pictures in the words of ``Case.gives``, sorted."""
    index = labeled.index
    part = index["given_split"] + " " if "given_split" in index else ""
    counts = Counter((part + index["label"]).tolist())
    counts |= Counter({"rejected": len(labeled.rejected), "unlabelled": len(unlabeled.index)})
    return ", ".join(sorted(f"{what} {count}" for what, count in counts.items() if count))


def outcome(case: Case, root: Path, caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """What a run says of a set, and what it reads."""
    path = write(case, root)
    settings = Ingest.model_validate(DEFAULTS | TINY | case.settings)
    caplog.set_level("INFO")
    try:
        with open_source(path) as source:
            labeled = ingest_labeled(source, settings)
            said = [record.getMessage() for record in caplog.records]
            unlabeled = ingest_unlabeled(source, settings)
    except StudyError as error:
        return f"stopped: {error.message.replace(str(path), 'SET')}", ""
    lines = [line.removeprefix(f"{path}: ") for line in said if line.startswith(f"{path}: ")]
    assert lines[0] == labeled.layout
    return "; warning: ".join(lines).replace(str(path), "SET"), given(labeled, unlabeled)


def expected() -> dict[str, str]:
    text = TABLE.read_text("utf-8").partition("\n## Layouts\n")[2]
    text = text.partition("\n## ")[0]
    found = [row for line in text.splitlines() if (row := ROW.fullmatch(line))]
    assert len({row["case"] for row in found}) == len(found)
    return {row["case"]: row["outcome"].replace(r"\|", "|") for row in found}


EXPECTED = expected()


def test_the_table_shows_every_layout() -> None:
    assert list(EXPECTED) == list(CASES)
    assert f"{len(CASES)} layouts" in TABLE.read_text("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_how_it_is_read(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case = CASES[name]
    said, gives = outcome(case, tmp_path, caplog)
    assert said == EXPECTED[name]
    assert gives == ", ".join(sorted(filter(None, case.gives.split(", "))))
    assert "\n" not in said
    if case.gives and "label_from" not in case.settings and "layout" not in case.settings:
        labels = {what.split()[-2] for what in case.gives.split(", ")}
        assert not any(is_no_class(label) or split_part_of(label) for label in labels)
