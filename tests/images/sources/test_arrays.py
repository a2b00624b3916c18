"""A set in arrays (npz, npy, IDX, CIFAR): as if its pictures were files in class folders."""

import gzip
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from regbench.errors import StudyError
from regbench.images.plain_png import PlainPngDecoder
from regbench.images.sources.base import Unreadable
from regbench.images.sources.open import open_source

Array = NDArray[Any]
RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (12, 5, 4), np.uint8)
X_TEST = RANDOM.integers(0, 256, (3, 5, 4), np.uint8)
Y, Y_TEST = np.arange(12) % 3, np.array([2, 0, 1])
SPLIT = {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST}


def npz(path: Path, **arrays: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    return path


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def idx(array: Array) -> bytes:
    codes = {"uint8": 8, "int16": 11, "float32": 13}
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    begin = bytes([0, 0, codes[array.dtype.name], array.ndim])
    return begin + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def read(path: Path) -> tuple[dict[str, Array], str]:
    """Return the pixels of all pictures by file name as Pillow reads them, and what was said."""
    with open_source(path) as source:
        pictures = {
            name: np.asarray(Image.open(io.BytesIO(source.read(name, 10**6))))
            for name in source.names()
        }
        return pictures, source.about


def stop(path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        open_source(path)
    assert "\n" not in caught.value.message
    return caught.value.message.replace(str(path), "SET")


def expected(split: bool = True) -> dict[str, Array]:
    train, test = ("train/", "test/") if split else ("", "")
    pictures = {f"{train}{y}/{row:02}.png": X[row] for row, y in enumerate(Y)}
    if split:
        pictures |= {f"{test}{y}/{row}.png": X_TEST[row] for row, y in enumerate(Y_TEST)}
    return pictures


def assert_same(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert sorted(one) == sorted(other)
    for name, pixels in one.items():
        np.testing.assert_array_equal(pixels, other[name])


IDX_FILES = {
    "train-images-idx3-ubyte": idx(X),
    "train-labels-idx1-ubyte": idx(Y.astype(np.uint8)),
    "t10k-images-idx3-ubyte": idx(X_TEST),
    "t10k-labels-idx1-ubyte": idx(Y_TEST.astype(np.uint8)),
}
WAYS: dict[str, Callable[[Path], Path]] = {
    "npz": lambda root: npz(root / "set.npz", **SPLIT),
    "npz in a folder": lambda root: npz(root / "set/mnist.npz", **SPLIT).parent,
    "npz of other names": lambda root: npz(
        root / "set.npz",
        **{
            "train_images": X,
            "train_labels": Y.reshape(-1, 1),
            "test_images": X_TEST,
            "test_labels": Y_TEST.astype(np.float32),
        },
    ),
    "an npz per part": lambda root: (
        npz(npz(root / "set/train.npz", x=X, y=Y).parent / "test.npz", x=X_TEST, y=Y_TEST).parent
    ),
    "npy files": lambda root: folder(
        root / "set", {f"{name}.npy": npy(array) for name, array in SPLIT.items()}
    ),
    "IDX": lambda root: folder(root / "set", IDX_FILES),
    "IDX, other names": lambda root: folder(
        root / "set", {n.replace("-idx", ".idx"): data for n, data in IDX_FILES.items()}
    ),
    "IDX, gzipped": lambda root: folder(
        root / "set/MNIST/raw", {f"{name}.gz": gzip.compress(d) for name, d in IDX_FILES.items()}
    ),
    "IDX, both": lambda root: folder(
        root / "set", IDX_FILES | {f"{n}.gz": gzip.compress(d) for n, d in IDX_FILES.items()}
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_pictures_in_class_folders(tmp_path: Path, way: str) -> None:
    pictures, about = read(WAYS[way](tmp_path))
    assert_same(pictures, expected())
    assert "12 x 5 x 4, uint8) with labels " in about


def test_what_is_in_a_zip_or_tar_is_read_as_well(tmp_path: Path) -> None:
    files = {f"data/{name}": data for name, data in IDX_FILES.items()}
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert_same(read(tmp_path / "set.zip")[0], expected())
    with zipfile.ZipFile(tmp_path / "npz.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(npz(tmp_path / "x.npz", **SPLIT), "digits/x.npz")
    assert_same(read(tmp_path / "npz.zip")[0], expected())


def test_without_other_parts_there_is_no_part(tmp_path: Path) -> None:
    pictures, _ = read(npz(tmp_path / "set.npz", x=X, y=Y))
    assert_same(pictures, expected(split=False))
    pictures, _ = read(npz(tmp_path / "two.npz", X_train=X, y_train=Y))
    assert_same(pictures, expected(split=False))


def test_pictures_without_labels_lie_in_no_class(tmp_path: Path) -> None:
    pictures, _ = read(npz(tmp_path / "set.npz", x_train=X, y_train=Y, x_test=X_TEST))
    assert [name for name in pictures if name.startswith("test")] == [
        "test/0.png",
        "test/1.png",
        "test/2.png",
    ]


COLOUR = RANDOM.integers(0, 256, (12, 5, 6, 3), np.uint8)
WHOLE = X.astype(np.float32)
VALUES: dict[str, tuple[Array, Array, str]] = {
    "one channel": (X[..., None], X, ""),
    "colour": (COLOUR, COLOUR, ""),
    "channels first": (COLOUR.transpose(0, 3, 1, 2), COLOUR, "channels first"),
    "Fortran order": (np.asfortranarray(COLOUR), COLOUR, ""),
    "floats from 0 to 1": (X / 255, X, "values from 0 to 1 are multiplied by 255"),
    "whole floats": (WHOLE, X, ""),
    "int64": (X.astype(np.int64), X, ""),
    "16 bits": (X.astype(np.uint16) * 257, X, "16-bit values are divided by 257"),
    "16 bits, small": (X.astype(np.uint16), X, ""),
    "true and false": (X > 9, (X > 9) * np.uint8(255), "true is 255"),
    "other byte order": (X.astype(">i4"), X, ""),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_and_axes(tmp_path: Path, case: str) -> None:
    array, pixels, said = VALUES[case]
    pictures, about = read(npz(tmp_path / "set.npz", x=array, y=Y))
    assert_same(pictures, {f"{y}/{row:02}.png": pixels[row] for row, y in enumerate(Y)})
    assert said in about


def test_transparent_pixels_stay(tmp_path: Path) -> None:
    rgba = RANDOM.integers(0, 256, (12, 5, 6, 4), np.uint8)
    pictures, _ = read(npz(tmp_path / "set.npz", x=rgba, y=Y))
    np.testing.assert_array_equal(pictures["0/00.png"], rgba[0])


def test_labels_may_be_text_or_a_column_per_class(tmp_path: Path) -> None:
    words = np.array(["cat", "dog", "grüner Apfel"])[Y]
    for labels in (words, np.char.encode(words, "utf-8")):
        pictures, _ = read(npz(tmp_path / "set.npz", images=X, labels=labels))
        assert "grüner Apfel/02.png" in pictures
    pictures, _ = read(npz(tmp_path / "set.npz", images=X, labels=np.eye(3)[Y]))
    assert_same(pictures, expected(split=False))


def test_a_row_is_decoded_the_fast_way(tmp_path: Path) -> None:
    decoder = PlainPngDecoder(5, 6, "RGB")
    with open_source(npz(tmp_path / "set.npz", x=COLOUR, y=Y)) as source:
        rows = decoder.inflate(source.read("0/00.png", 10**6))
        assert rows is not None
        np.testing.assert_array_equal(decoder.decode([rows])[0], COLOUR[0])


class TestAsASource:
    def test_it_is_a_set_like_any_other(self, tmp_path: Path) -> None:
        with open_source(npz(tmp_path / "set.npz", **SPLIT)) as source:
            assert source.exists("train/0/00.png")
            assert source.top_folder() is None
            inner = source.within("train")
            assert inner.names()[:2] == ["0/00.png", "0/03.png"]
            assert inner.about == source.about
            data = source.read("train/0/00.png", 10**6)
            assert b"".join(source.chunks("train/0/00.png")) == data
            for fault, name, limit in (("missing", "a.png", 99), ("too large", "test/0/1.png", 9)):
                with pytest.raises(Unreadable, match=fault):
                    source.read(name, limit)

    def test_digest_and_checksum_tell_other_pixels_labels_and_splits(self, tmp_path: Path) -> None:
        other = X.copy()
        other[0, 0, 0] ^= 1
        sets = [
            SPLIT,
            SPLIT | {"x_train": other},
            SPLIT | {"y_train": Y[::-1]},
            {"x_train": X, "y_train": Y, "x_val": X_TEST, "y_val": Y_TEST},
        ]
        digests, checksums = [], []
        for number, arrays in enumerate(sets):
            with open_source(npz(tmp_path / f"{number}.npz", **arrays)) as source:
                digests.append(source.digest())
                assert source.digest() == digests[-1]
            if number < 2:
                checksums.append(source.checksum("train/0/00.png", 10**6))
        assert len({*digests}) == len(sets)
        assert checksums[0] != checksums[1]
        with open_source(WAYS["IDX"](tmp_path)) as source:
            assert source.digest() == digests[0]  # however it is packed

    def test_mapped_memory_is_given_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        released: list[Any] = []
        monkeypatch.setattr("regbench.images.sources.arrays._RELEASED_BYTES", 50)
        monkeypatch.setattr("regbench.images.sources.arrays.release_memory", released.append)
        with open_source(npz(tmp_path / "set.npz", x=X, y=Y)) as source:
            for name in source.names():
                source.read(name, 10**6)
        assert len(released) == 4


def cifar(label_bytes: int, classes: list[str]) -> tuple[dict[str, bytes], dict[str, Array]]:
    """Return CIFAR's binary files of four train and two test pictures, and the pictures."""
    pixels = RANDOM.integers(0, 256, (6, 32, 32, 3), np.uint8)
    rows = [
        bytes(label_bytes - 1) + bytes([number % len(classes)]) + one.transpose(2, 0, 1).tobytes()
        for number, one in enumerate(pixels)
    ]
    names = [f"train/{classes[number % len(classes)]}/{number}.png" for number in range(4)]
    names += [f"test/{classes[number % len(classes)]}/{number - 4}.png" for number in (4, 5)]
    labels = "\n".join(classes).encode() + b"\n\n"
    if label_bytes == 1:
        files = {
            "data_batch_1.bin": b"".join(rows[:3]),
            "data_batch_2.bin": rows[3],
            "test_batch.bin": b"".join(rows[4:]),
            "batches.meta.txt": labels,
        }
    else:
        files = {"train.bin": b"".join(rows[:4]), "test.bin": b"".join(rows[4:])}
        files["fine_label_names.txt"] = labels
    return files, dict(zip(names, pixels, strict=True))


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_cifar_in_its_binary_version(tmp_path: Path, label_bytes: int) -> None:
    files, pictures = cifar(label_bytes, ["airplane", "automobile"])
    assert_same(read(folder(tmp_path / "set/cifar-bin", files).parent)[0], pictures)
    files["test_batch.bin" if label_bytes == 1 else "test.bin"] += b"x"
    assert stop(folder(tmp_path / "cut", files)).endswith(".bin: cut short")


def test_cifar_with_unknown_targets(tmp_path: Path) -> None:
    files, _ = cifar(1, ["airplane", "automobile"])
    files["batches.meta.txt"] = b"airplane"
    assert stop(folder(tmp_path / "set", files)) == (
        "SET: data_batch_1.bin holds the target 1, batches.meta.txt 1 names"
    )
    del files["batches.meta.txt"]
    assert "train/1/1.png" in read(folder(tmp_path / "other", files))[0]


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("evil"),)


def damaged_npz(root: Path) -> Path:
    data = bytearray(npz(root / "good.npz", x=X, y=Y).read_bytes())
    data[60] ^= 1
    (root / "set.npz").write_bytes(data)
    return root / "set.npz"


STOPS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "objects": (
        lambda root: npz(root / "set.npz", x=np.array([Evil()] * 12), y=Y),
        "SET: x: holds Python objects, which could run code; save numbers or text",
    ),
    "labels that are objects": (
        lambda root: npz(root / "set.npz", x=X, y=Y.astype(object)),
        "SET: y: holds Python objects, which could run code; save numbers or text",
    ),
    "pickle": (
        lambda root: folder(root / "set", {"data.pkl": pickle.dumps(Evil())}),
        "SET holds no pictures, but 'data.pkl': it could run code, and is not read; save the "
        "arrays as npz",
    ),
    "CIFAR's Python version": (
        lambda root: folder(root / "set", {"batches.meta": pickle.dumps(1), "data_batch_1": b""}),
        "SET is CIFAR's Python version, pickles that could run code; take the binary version from "
        "the same page",
    ),
    "MATLAB": (
        lambda root: folder(root / "set", {"train_32x32.mat": b"MATLAB"}),
        "SET holds no pictures, but 'train_32x32.mat': it is not read; save the arrays as npz, "
        "or the pictures as files",
    ),
    "a zip in a folder": (
        lambda root: folder(root / "set", {"pets.zip": b"PK"}),
        "SET holds no pictures, but 'pets.zip': set images to that file",
    ),
    "7z in a folder": (
        lambda root: folder(root / "set", {"pets.7z": b"7z"}),
        "SET holds no pictures, but 'pets.7z': unpack it, and set images to the folder",
    ),
    "names that say nothing": (
        lambda root: npz(root / "set.npz", arr_0=X, arr_1=Y),
        "SET holds no arrays that are known by their names (x_train, y_train, x_test, y_test, or "
        "x and y), but 'arr_0', 'arr_1'",
    ),
    "no labels": (
        lambda root: npz(root / "set.npz", x_train=X, x_test=X_TEST),
        "SET holds no arrays that are known by their names (x_train, y_train, x_test, y_test, or "
        "x and y), but 'x_test', 'x_train'",
    ),
    "too few labels": (
        lambda root: npz(root / "set.npz", x=X, y=Y[1:]),
        "SET: x holds 12 pictures, y 11 labels",
    ),
    "two of the same": (
        lambda root: npz(root / "set.npz", x=X, images=X, y=Y),
        "SET: images and x may both be the pictures; keep only one in the set",
    ),
    "two sets": (
        lambda root: folder(
            root / "set",
            {
                f"emnist-{kind}-{name}": data
                for kind in ("digits", "letters")
                for name, data in IDX_FILES.items()
            },
        ),
        "SET holds 2 sets of arrays: 'emnist-digits', 'emnist-letters'; keep the one that is meant "
        "in a folder of its own",
    ),
    "pictures, too": (
        lambda root: folder(root / "set", IDX_FILES | {"cat/1.png": b""}),
        "SET holds pictures ('cat/1.png', ...) and arrays of pictures, too; keep those that are "
        "meant in a folder of their own",
    ),
    "flat": (
        lambda root: npz(root / "set.npz", x=X.reshape(12, 20), y=Y),
        "SET: x is 12 x 20; pictures are pictures x height x width, or pictures x height x width x "
        "channels: reshape it",
    ),
    "two readings": (
        lambda root: npz(root / "set.npz", x=np.zeros((12, 3, 9, 3), np.uint8), y=Y),
        "SET: x is 12 x 3 x 9 x 3: its second axis or its last may be the channels; save it as "
        "pictures x height x width x channels, with more pixels than channels",
    ),
    "two channels": (
        lambda root: npz(root / "set.npz", x=np.zeros((12, 9, 9, 2), np.uint8), y=Y),
        "SET: x is 12 x 9 x 9 x 2; one axis must be channels (1, 3, 4)",
    ),
    "standardized": (
        lambda root: npz(root / "set.npz", x=(X - 128.0) / 64, y=Y),
        f"SET: x: values from {int(X.min()) / 64 - 2:g} to {int(X.max()) / 64 - 2:g}; grey "
        "levels are read as whole numbers from 0 to 255, floats from 0 to 1, or uint16",
    ),
    "no numbers": (
        lambda root: npz(root / "set.npz", x=np.full((12, 2, 2), "a"), y=Y),
        "SET: x holds <U1, no numbers",
    ),
    "complex numbers": (
        lambda root: npz(root / "set.npz", x=X * 1j, y=Y),
        "SET: x: holds complex128, neither numbers nor text",
    ),
    "fractions as labels": (
        lambda root: npz(root / "set.npz", x=X, y=Y / 2),
        "SET: y holds fractions, and no labels",
    ),
    "several labels": (
        lambda root: npz(root / "set.npz", x=X, y=np.ones((12, 3))),
        "SET: y has 3 columns, and not a single 1 in each row",
    ),
    "labels of three axes": (
        lambda root: npz(root / "set.npz", x=X, y=np.ones((12, 3, 2))),
        "SET: y is no list of labels, one for each picture",
    ),
    "labels in Latin-1": (
        lambda root: npz(root / "set.npz", x=X, y=np.array([b"gr\xfcn"] * 12)),
        "SET: y holds text that is not UTF-8",
    ),
    "labels that are paths": (
        lambda root: npz(root / "set.npz", x=X, y=np.array(["a/../b"] * 12)),
        "SET: the label 'a/../b' of y cannot be a folder's name; labels are without slashes and "
        "do not begin with a dot",
    ),
    "a single value": (
        lambda root: npz(root / "set.npz", x=np.array(3), y=Y),
        "SET: x: a single value",
    ),
    "nothing": (
        lambda root: npz(root / "set.npz", x=np.zeros((0, 3, 3)), y=Y[:0]),
        "SET: x: empty",
    ),
    "a damaged npz": (damaged_npz, "SET: x: unreadable: damaged zip entry"),
    "a damaged npz in a folder": (
        lambda root: folder(root / "set", {"a.npz": b"no zip"}),
        "SET: a.npz is no npz, or a damaged one",
    ),
    "a damaged npy": (
        lambda root: folder(root / "set", {"x.npy": b"no npy", "y.npy": npy(Y)}),
        "SET: x: no npy file, or a damaged one",
    ),
    "an npy cut short": (
        lambda root: folder(root / "set", {"x.npy": npy(X)[:-1], "y.npy": npy(Y)}),
        "SET: x: cut short",
    ),
    "an npy that goes on": (
        lambda root: folder(root / "set", {"x.npy": npy(X) + b"a", "y.npy": npy(Y)}),
        "SET: x: longer than its header says",
    ),
    "an npy that claims a lot": (
        lambda root: folder(
            root / "set", {"x.npy": npy(X).replace(b"(12, 5, 4)", b"(9**9,5,4)"), "y.npy": npy(Y)}
        ),
        "SET: x: no npy file, or a damaged one",
    ),
    "an npy of terabytes": (
        lambda root: folder(
            root / "set", {"x.npy": npy(X).replace(b"12, 5, 4)", b"9999999999,)"), "y.npy": npy(Y)}
        ),
        "SET: x: cut short",
    ),
    "an IDX cut short": (
        lambda root: folder(root / "set", IDX_FILES | {"train-images-idx3-ubyte": idx(X)[:-7]}),
        "SET: train-images-idx3-ubyte: cut short",
    ),
    "an IDX without sizes": (
        lambda root: folder(root / "set", IDX_FILES | {"train-images-idx3-ubyte": idx(X)[:9]}),
        "SET: train-images-idx3-ubyte: cut short",
    ),
    "no IDX": (
        lambda root: folder(root / "set", IDX_FILES | {"train-images-idx3-ubyte": b"<html>"}),
        "SET: train-images-idx3-ubyte: no IDX file",
    ),
    "a gzipped IDX cut short": (
        lambda root: folder(
            root / "set", {f"{n}.gz": gzip.compress(d)[:-9] for n, d in IDX_FILES.items()}
        ),
        "SET: train-images-idx3-ubyte.gz: cut short",
    ),
    "one IDX file": (
        lambda root: folder(root, {"train-images-idx3-ubyte": idx(X)}) / "train-images-idx3-ubyte",
        "'SET' is an IDX file, one array; set images to the folder that also holds the labels",
    ),
    "one npy file": (
        lambda root: folder(root, {"x.npy": npy(X)}) / "x.npy",
        "'SET' is an npy file, one array; set images to the folder that also holds the labels",
    ),
}


@pytest.mark.parametrize("case", STOPS)
def test_stops_with_a_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write, line = STOPS[case]
    assert stop(write(tmp_path)) == line
    assert not Path("evil").exists()


def test_other_files_beside_pictures_do_not_matter(tmp_path: Path) -> None:
    files = {"cat/1.png": b"", "a.npz": b"no npz", "b.npy": npy(X), "c.pkl": b"", "d.mat": b""}
    with open_source(folder(tmp_path / "set", files)) as source:
        assert source.names() == sorted(files)
