"""Names of folders and columns that mean something: parts of a split, pictures, labels."""

import re

# A folder or a cell of a split column, as sets on the web write them.
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "valset"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "tst"), "test"),
}
UNLABELED_WORDS = frozenset(
    {"unlabeled", "unlabelled", "nolabel", "nolabels", "pred", "predict", "prediction", "inference"}
)

# Words of folder names that say nothing of what the pictures show.
_CONTAINERS = frozenset(
    {
        *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics"),
        *("photo", "photos", "jpg", "jpeg", "jpegs", "png", "pngs", "tif", "tiff", "bmp"),
        *("data", "dataset", "datasets", "set", "folder", "file", "files", "split", "splits"),
    }
)
_NO_CLASSES = _CONTAINERS | {
    *("all", "mask", "masks", "annotation", "annotations", "labels", "classes"),
    *("fold", "part", "batch", "chunk", "subset"),
    *("patient", "subject", "session", "case", "slide"),
}
_BESIDE_SPLIT = _CONTAINERS | {"seg", "raw", "resized", "cropped", "original", "the"}
_IN_FILES = _BESIDE_SPLIT | {"label", "labels", "annotation", "annotations", "list", "metadata"}

# Titles of columns without case, blanks and marks; of several, the first one counts.
FILENAME_TITLES = (
    *("filename", "filenames", "file", "files", "filepath", "filepaths", "path", "paths", "fname"),
    *("image", "images", "imagefile", "imagefilename", "imagename", "imagepath", "imageid"),
    *("img", "imgs", "imgname", "imgpath", "imgid", "picture", "photo", "isicid", "idcode"),
    *("id", "ids", "name", "uuid", "key"),
)
LABEL_TITLES = (
    *("label", "labels", "class", "classes", "classname", "classlabel", "labelname"),
    *("category", "categories", "categoryname", "target", "targets", "y", "diagnosis", "dx"),
    *("species", "breed", "tag", "groundtruth", "classid", "categoryid", "labelid"),
)
SPLIT_TITLES = ("split", "set", "subset", "partition", "dataset", "datasplit", "phase", "usage")
_VALIDATION_FLAGS = ("isvalid", "isval", "isvalidation")
_TEST_FLAGS = ("istest",)
_TRAIN_FLAGS = ("istrain", "istraining")
_TRUE, _FALSE = frozenset({"true", "1", "1.0", "yes"}), frozenset({"false", "0", "0.0", "no"})

_WORDS = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words_of(name: str) -> list[str]:
    """Return the words and numbers of a name in lower case: TrainImages_2 is train, images, 2."""
    return [word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", name))]


def split_part_of(name: str, *, of_file: bool = False) -> str | None:
    """Return the split part that a folder is named for, or None: Test_images is test.

    Args:
        name: Of the folder.
        of_file: It is a file's without its suffix: test_labels is test, too.
    """
    words = [word for word in words_of(name) if not word.isdigit()]
    beside = _IN_FILES if of_file else _BESIDE_SPLIT
    telling = [word for word in words if word not in beside]
    if telling == ["train", "val"]:
        return "train"
    return SPLIT_WORDS.get(telling[0]) if len(telling) == 1 else None


def split_parts_of(names: "list[str]") -> dict[str, str]:
    """Return the split part of those folders beside one another that are named for one.

    Folders that differ in such a word alone, as in pets_train and pets_test, are so too.
    """
    found = {name: part for name in names if (part := split_part_of(name))}
    by_rest: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        words = words_of(name)
        places = [at for at, word in enumerate(words) if word in SPLIT_WORDS]
        if len(places) == 1:
            rest = (*words[: places[0]], "", *words[places[0] + 1 :])
            by_rest.setdefault(rest, {})[name] = SPLIT_WORDS[words[places[0]]]
    for alike in by_rest.values():
        if len(set(alike.values())) > 1:
            found |= alike
    return {name: found[name] for name in names if name in found}


def split_part_in(path: str) -> str | None:
    """Return the split part that a file, or the last telling folder it is in, is named for."""
    folders, _, name = path.rpartition("/")
    if part := split_part_of(name.partition(".")[0], of_file=True):
        return part
    for component in reversed(folders.split("/")):
        if part := split_part_of(component):
            return part
    return None


def is_submission(file: str) -> bool:
    """Return whether a file is a competition's sample submission: a list of test pictures."""
    return "submission" in words_of(file.rpartition("/")[2])


def is_unlabeled(folder: str) -> bool:
    """Return whether a folder is named for unlabelled pictures."""
    telling = [word for word in words_of(folder) if word not in _BESIDE_SPLIT]
    return len(telling) == 1 and telling[0] in UNLABELED_WORDS


def is_no_class(folder: str) -> bool:
    """Return whether a folder's name says nothing of its pictures: images, data, part_2."""
    words = [word for word in words_of(folder) if not word.isdigit()]
    return bool(words) and all(word in _NO_CLASSES for word in words)


def numbered_alike(names: "list[str]") -> list[str]:
    """Return those of several names that differ in numbers alone and hold a word for pictures.

    HAM_images_part_1 and HAM_images_part_2 are parts of a set, class_1 and class_2 are not.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        words = tuple(word for word in words_of(name) if not word.isdigit())
        if len(words) < len(words_of(name)) and not _NO_CLASSES.isdisjoint(words):
            groups.setdefault(words, []).append(name)
    return [name for group in groups.values() if len(group) > 1 for name in group]


def plain_title(title: str) -> str:
    """Return a column's title without case, blanks and marks."""
    return "".join(char for char in title.casefold() if char.isalnum())


def flag_part(title: str) -> str | None:
    """Return the split part that a yes in this column means (``is_valid``), or None."""
    plain = plain_title(title)
    flags = {"train": _TRAIN_FLAGS, "validation": _VALIDATION_FLAGS, "test": _TEST_FLAGS}
    return next((part for part, titles in flags.items() if plain in titles), None)


def split_cell(cell: str, flag: str | None = None) -> str | None:
    """Return the split part that a cell names: empty for an empty cell, None if it names none.

    Args:
        cell: Of a split column.
        flag: The part that a yes means, in a column of yes and no.
    """
    word = cell.strip().casefold()
    if flag is not None:
        other = "test" if flag == "train" else "train"
        return flag if word in _TRUE else other if word in _FALSE else None
    return "" if not word else SPLIT_WORDS.get(word) or split_part_of(word)
