"""Sets of images that are kept in array files: which files they are, and what is in them.

Known are NumPy's npy and npz (``x_train``, ``y_train``, ...; ``train_images``, ...), IDX (MNIST's
four files, plain or gzipped) and CIFAR-10 and CIFAR-100 in their binary version.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regbench.errors import StudyError, quoted
from regbench.images.picture_files import is_picture
from regbench.images.sources.archive import ArchiveSource
from regbench.images.sources.array_formats import read_cifar, read_idx, read_npy
from regbench.images.sources.arrays import ArraySource, Pictures
from regbench.images.sources.base import ImageSource, Unreadable
from regbench.images.sources.inflate import GZIP, inflated, spooled
from regbench.images.sources.zip import ZipSource

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}
_ORDER = ("", "train", "validation", "test")
_PICTURES = frozenset(
    {*("x", "image", "images", "img", "imgs"), *("picture", "pictures", "pixels", "data")}
)
_LABELS = frozenset(["y", "label", "labels", "target", "targets", "class", "classes"])
_IDX_NAME = re.compile(r"(.+?)[-_.]idx\d([-_.]?u?byte)?(\.gz)?", re.IGNORECASE)
_CIFAR_10 = re.compile(r"(data_batch_\d+|test_batch)\.bin")
_CIFAR_100_LABELS = "fine_label_names.txt"
_PYTHON_CIFAR = re.compile(r"(.*/)?(batches\.meta|cifar-100-python/meta)")
# Files that hold whole sets, and which are not read. Code may hide in the first three.
_OTHER_CONTAINERS = re.compile(
    r".*\.(pkl|pickle|pt|mat|bin|h5|hdf5|tfrecords?|zip|tar|tar\.\w+|tgz|7z|rar)", re.IGNORECASE
)
_NAMES_KNOWN = "x_train, y_train, x_test, y_test, or x and y"


class _Array(NamedTuple):
    """Where an array is, and what its name says of it."""

    file: str
    member: str  # of an npz; otherwise empty
    set_name: str  # what the name says besides: the sets of a folder are told by it
    part: str
    role: str  # "pictures" or "labels"

    @property
    def name(self) -> str:
        return f"{self.member} of {self.file}" if self.member else self.file.removesuffix(".npy")


def with_arrays_as_pictures(source: ImageSource) -> ImageSource:
    """Return a set whose pictures are rows of arrays if it is kept in arrays, or as it is.

    Args:
        source: A set. It is closed where another is returned, and left open if this fails.

    Raises:
        StudyError: The arrays are damaged, hold Python objects, or can be read in several ways; or
            the set holds no pictures but a file of another kind that may be a set.
    """
    names = source.names()
    others = source.listing.others
    has_pictures = len(others) < len(names)
    files = [
        name
        for name in others
        if name.lower().endswith((".npy", ".npz")) or _IDX_NAME.fullmatch(_base(name))
    ]
    read = _find_cifar(source, others) or _find_arrays(source, files, has_pictures)
    if read is None:
        if not has_pictures:
            _refuse_other_containers(source, others)
        return source
    if has_pictures:
        first = next(filter(is_picture, names))
        raise StudyError(
            f"{source.display} holds pictures ({quoted(first)}, ...) and arrays of pictures, too; "
            "keep those that are meant in a folder of their own"
        )
    made = ArraySource.of(source.display, read())
    source.close()
    return made


def _find_arrays(
    source: ImageSource, files: list[str], has_pictures: bool
) -> Callable[[], list[Pictures]] | None:
    """Return a function that reads the set in npy, npz or IDX files; None if there is none.

    Raises:
        StudyError: There are several sets, or only arrays whose names say nothing.
    """
    arrays = [array for file in files for array in _arrays_of(source, file, has_pictures)]
    sets: dict[str, dict[tuple[str, str], _Array]] = {}
    for array in arrays:
        known = sets.setdefault(array.set_name, {})
        other = known.setdefault((array.part, array.role), array)
        if other is not array and _ungzipped(other.file) != _ungzipped(array.file):
            raise StudyError(
                f"{source.display}: {other.name} and {array.name} may both be the {array.role}"
                f"{f' of {array.part}' if array.part else ''}; keep only one in the set"
            )
    usable = {
        name: known
        for name, known in sets.items()
        if any((part, "labels") in known for part, role in known if role == "pictures")
    }
    if len(usable) > 1:
        raise StudyError(
            f"{source.display} holds {len(usable)} sets of arrays: "
            f"{', '.join(quoted(name) for name in sorted(usable))}; keep the one that is meant in "
            "a folder of its own"
        )
    if usable:
        (known,) = usable.values()
        return lambda: _read_parts(source, known)
    npy = [file for file in files if file.lower().endswith((".npy", ".npz"))]
    if npy and not has_pictures:
        raise StudyError(
            f"{source.display} holds no arrays that are known by their names ({_NAMES_KNOWN}), "
            f"but {', '.join(quoted(name) for name in _names_in(source, npy)[:10])}"
        )
    return None


def _arrays_of(source: ImageSource, file: str, has_pictures: bool) -> Iterator[_Array]:
    """Yield the arrays of a file whose names are understood; beside pictures an npz is let be."""
    base = _base(file)
    idx = _IDX_NAME.fullmatch(base)
    folder = file.removesuffix(base)
    if idx:
        yield from _understood(file, "", folder, idx[1])
    elif base.lower().endswith(".npy"):
        yield from _understood(file, "", folder, base[:-4])
    elif base.lower().endswith(".npz"):
        try:
            members = _names_in(source, [file])
        except StudyError:
            if has_pictures:
                return
            raise
        part = _PARTS.get(base[:-4].lower(), "")
        for member in members:
            for array in _understood(file, member, folder, member):
                yield array if array.part else array._replace(part=part)


def _understood(file: str, member: str, folder: str, name: str) -> Iterator[_Array]:
    """Yield an array if its name says that it holds pictures or labels."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    parts = [_PARTS[word] for word in words if word in _PARTS]
    roles = ["pictures" for word in words if word in _PICTURES]
    roles += ["labels" for word in words if word in _LABELS]
    others = [word for word in words if word not in _PARTS | dict.fromkeys(_PICTURES | _LABELS)]
    if len(parts) <= 1 and len(roles) == 1:
        part = parts[0] if parts else ""
        yield _Array(file, member, folder + "-".join(others), part, roles[0])


def _names_in(source: ImageSource, files: list[str]) -> list[str]:
    """Return the names of arrays: of npy files, and of the members of npz files."""
    names = []
    for file in files:
        if not file.lower().endswith(".npz"):
            names.append(file[:-4])
            continue
        with _opened_npz(source, file) as inner:
            names += [name[:-4] for name in inner.names() if name.endswith(".npy")]
    return names


def _read_parts(source: ImageSource, known: dict[tuple[str, str], _Array]) -> list[Pictures]:
    """Return the pictures and labels of each split part.

    Raises:
        StudyError: An array cannot be read, or there are more pictures than labels, or fewer.
    """
    parts = [part for part in _ORDER if (part, "pictures") in known]
    read = []
    for part in parts:
        pictures, labels = known[part, "pictures"], known.get((part, "labels"))
        array = _read_array(source, pictures)
        texts = None
        if labels is not None:
            texts = _labels_of(source, labels, _read_array(source, labels))
            if len(texts) != len(array):
                raise StudyError(
                    f"{source.display}: {pictures.name} holds {len(array)} pictures, "
                    f"{labels.name} {len(texts)} labels"
                )
        shown = part if len(parts) > 1 else ""
        read.append(Pictures(shown, pictures.name, array, texts, labels.name if labels else ""))
    return read


def _labels_of(source: ImageSource, of: _Array, array: NDArray[Any]) -> list[str]:
    """Return labels as text: numbers, text, or one column per class with a single 1 in a row.

    Raises:
        StudyError: They are others.
    """
    where = f"{source.display}: {of.name}"
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf":
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            raise StudyError(
                f"{where} has {array.shape[1]} columns, and not a single 1 in each row"
            )
        array = array.argmax(axis=1)
    array = array.reshape(len(array), -1)
    if array.shape[1] != 1:
        raise StudyError(f"{where} is no list of labels, one for each picture")
    flat = array[:, 0]
    if flat.dtype.kind == "f":
        if not (np.isfinite(flat).all() and (flat == np.rint(flat)).all()):
            raise StudyError(f"{where} holds fractions, and no labels")
        flat = flat.astype(np.int64)
    if flat.dtype.kind == "b":
        flat = flat.astype(np.uint8)
    texts = flat.tolist()
    try:
        return [(text.decode() if isinstance(text, bytes) else str(text)).strip() for text in texts]
    except UnicodeDecodeError:
        raise StudyError(f"{where} holds text that is not UTF-8") from None


def _read_array(source: ImageSource, array: _Array) -> NDArray[Any]:
    """Return an array, mapped from a temporary file.

    Raises:
        StudyError: It is damaged, or holds Python objects.
    """
    try:
        if array.member:
            with (
                _opened_npz(source, array.file) as inner,
                spooled(inner.chunks(f"{array.member}.npy")) as file,
            ):
                return _with_rows(read_npy(file))
        pieces = source.chunks(array.file)
        if array.file.lower().endswith(".gz"):
            pieces = inflated(pieces, GZIP)
        with spooled(pieces) as file:
            is_npy = array.file.lower().endswith(".npy")
            return _with_rows(read_npy(file) if is_npy else read_idx(file))
    except Unreadable as fault:
        raise StudyError(f"{source.display}: {array.name}: {fault.reason}") from None


def _with_rows(array: NDArray[Any]) -> NDArray[Any]:
    if not array.ndim:
        raise Unreadable("a single value")
    return array


@contextmanager
def _opened_npz(source: ImageSource, file: str) -> Iterator[ZipSource]:
    """Open an npz of a set; it is copied to a temporary file.

    Raises:
        StudyError: It is no npz.
    """
    where = f"{source.display}: {file}"
    try:
        copy = spooled(source.chunks(file))
    except Unreadable as fault:
        raise StudyError(f"{where}: {fault.reason}") from None
    with copy:
        try:
            opened = ZipSource.open(where, copy)
        except Exception:  # zipfile raises many types for a damaged file
            raise StudyError(f"{where} is no npz, or a damaged one") from None
        with opened:
            yield opened


def _find_cifar(source: ImageSource, names: list[str]) -> Callable[[], list[Pictures]] | None:
    """Return a function that reads CIFAR's binary version; None if the set is none.

    Raises:
        StudyError: It is CIFAR's Python version, which consists of pickles.
    """
    if any(map(_PYTHON_CIFAR.fullmatch, names)):
        raise StudyError(
            f"{source.display} is CIFAR's Python version, pickles that could run code; take the "
            "binary version from the same page"
        )
    hundred = next((name for name in names if _base(name) == _CIFAR_100_LABELS), None)
    if hundred is not None:
        folder = hundred.removesuffix(_CIFAR_100_LABELS)
        files = {part: [f"{folder}{part}.bin"] for part in ("train", "test")}
        files = {part: [name for name in found if name in names] for part, found in files.items()}
        label_bytes, label_file = 2, hundred
    else:
        found = [name for name in names if _CIFAR_10.fullmatch(_base(name))]
        folder = found[0].removesuffix(_base(found[0])) if found else ""
        files = {"train": [], "test": []}
        for name in found:
            files["test" if _base(name) == "test_batch.bin" else "train"].append(name)
        label_bytes, label_file = 1, f"{folder}batches.meta.txt"
    if not files["train"]:
        return None
    return lambda: [
        _read_cifar_part(
            source, part if files["test"] else "", files[part], label_bytes, label_file
        )
        for part in ("train", "test")
        if files[part]
    ]


def _read_cifar_part(
    source: ImageSource, part: str, files: list[str], label_bytes: int, label_file: str
) -> Pictures:
    classes: list[str] = []
    if source.exists(label_file):
        classes = source.read(label_file, 1 << 20).decode("utf-8", "replace").split()
    pictures, targets = [], []
    for name in files:
        try:
            with spooled(source.chunks(name)) as file:
                rows, of_rows = read_cifar(file, label_bytes)
        except Unreadable as fault:
            raise StudyError(f"{source.display}: {name}: {fault.reason}") from None
        pictures.append(rows)
        targets += of_rows.tolist()
    if classes and max(targets) >= len(classes):
        raise StudyError(
            f"{source.display}: {files[0]} holds the target {max(targets)}, {label_file} "
            f"{len(classes)} names"
        )
    labels = [classes[target] if classes else str(target) for target in targets]
    array = pictures[0] if len(pictures) == 1 else np.concatenate(pictures)
    return Pictures(part, " + ".join(map(_base, files)), array, labels, _base(label_file))


def _refuse_other_containers(source: ImageSource, names: list[str]) -> None:
    """Raise ``StudyError`` if a set without pictures holds a file that may be the set."""
    found = next((name for name in names if _OTHER_CONTAINERS.fullmatch(name)), None)
    if found is None:
        return
    suffix = _base(found).partition(".")[2].lower()
    if re.match(r"zip|tar|tgz", suffix):
        alone = len(names) == 1 and not isinstance(source, ArchiveSource)
        way_out = (
            "set images to that file"
            if alone
            else ("unpack it and what lies beside it, and set images to the folder")
        )
    elif re.match(r"7z|rar", suffix):
        way_out = "unpack it, and set images to the folder"
    elif re.match(r"pkl|pickle|pt", suffix):
        way_out = "it could run code, and is not read; save the arrays as npz"
    else:
        way_out = "it is not read; save the arrays as npz, or the pictures as files"
    raise StudyError(f"{source.display} holds no pictures, but {quoted(found)}: {way_out}")


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _ungzipped(name: str) -> str:
    return name.removesuffix(".gz")
