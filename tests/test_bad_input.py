"""What people's folders hold: the table in ``docs/bad-input.md`` says what becomes of it.

Every case writes a set of images and is read the way a run reads it. The table is what is
expected: its last column is compared with what happens, word by word and pixel by pixel.
"""

import bz2
import csv
import gzip
import io
import lzma
import os
import re
import resource
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection  # noqa: F401 - is large, and imported by what runs under a limit
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from PIL import Image

from regbench.datasets.atomic import CSVDataset
from regbench.errors import StudyError
from regbench.images.decode import FORMATS
from regbench.images.duplicates import find_duplicates
from regbench.images.ingest import LabeledImages, ingest_labeled
from regbench.images.sources.open import open_source
from regbench.images.split import split_rows
from regbench.study.schema import Ingest
from regbench.study.split import Split

PROJECT = Path(__file__).parents[1]
TABLE = PROJECT / "docs/bad-input.md"
PARAMETERS = PROJECT / "conf/base"
MOST_MEMORY = 200 << 20  # bytes that a case may take on top of what Python has

Files = dict[str, bytes]

# ---------------------------------------------------------------------------------------------
# How a case is written, and what is looked at
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A set of images that is not as it should be.

    Attributes:
        write: Writes it below a folder, and gives its path.
        seen: What is looked at if it is read.
        settings: Of ``ingest``, where they are not those of a flat set.
        split: Whether it is split as well.
    """

    write: Callable[[Path], Path]
    seen: Callable[[LabeledImages], str]
    settings: dict[str, Any] = field(default_factory=dict)
    split: bool = False


CASES: dict[str, Case] = {}
PICTURES: dict[str, tuple[Callable[[], bytes], str, str | None]] = {}  # file, its name, as listed
FLAT = {"size": 2, "mode": "L", "max_rejected": 1}


def add(case: str, made: Case) -> None:
    assert case not in CASES, case
    CASES[case] = made


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def image(rows: Any, dtype: Any = np.uint8) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype))


def grey(value: int, side: int = 2, kind: str = "PNG", **options: Any) -> bytes:
    return encode(Image.new("L", (side, side), value), kind, **options)


def folder(files: Files, root: Path) -> Path:
    for name, data in files.items():
        (root / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "set" / name).write_bytes(data)
    return root / "set"


def zipped(files: Files, root: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(root / "set.zip", "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return root / "set.zip"


def labels(*rows: str) -> Files:
    return {"labels.csv": "\n".join(["filename,label", *rows]).encode()}


def seen_labels(result: LabeledImages) -> str:
    """The labels in the order of the images, and the reasons of rejections."""
    found = result.index["label"].tolist()
    shown = ", ".join(map(repr, found))
    if len(found) > 9:
        shown = f"{len(found)} images of {len(result.classes)} classes"
    reasons = dict.fromkeys(result.rejected["reason"])
    return f"accepted as {shown}" + "".join(f"; rejected: {reason}" for reason in reasons)


def seen_picture(result: LabeledImages) -> str:
    """The pixels of the third picture, or why there are none."""
    if len(result.rejected):
        [reason] = result.rejected["reason"]
        return f"rejected: {reason}"
    assert result.images[:2, 0, 0, 0].tolist() == [1, 2]
    pixels = result.images[2]
    if (pixels == pixels[0, 0]).all():
        values = " ".join(map(str, pixels[0, 0]))
        return f"accepted as {'grey' if pixels.shape[2] == 1 else 'colour'} {values}"
    rows = (" ".join(map(str, row.ravel())) for row in pixels)
    return f"accepted as pixels {' / '.join(rows)}"


def seen_duplicates(result: LabeledImages) -> str:
    """What is reported of equal pictures, where the first six train and two each judge."""
    shares = {"method": "sequential", "train": 0.6, "validation": 0.2, "test": 0.2}
    found = find_duplicates(split_rows(result.index, Split.model_validate(SPLIT | shares)))
    groups = [
        f"{', '.join(same['filename'])}: {same['finding'].iloc[0] or 'no fault'}"
        for _, same in found.groupby("group")
    ]
    return f"reported: {'; '.join(groups)}"


def seen_written(result: LabeledImages) -> str:
    """The labels as they stand in a CSV file that RegBench writes."""
    with tempfile.TemporaryDirectory() as elsewhere:
        path = Path(elsewhere) / "written.csv"
        CSVDataset(filepath=str(path), save_args={"index": False}).save(result.index[["label"]])
        with path.open(newline="") as file:
            return f"written as {', '.join(repr(label) for (label,) in list(csv.reader(file))[1:])}"


def picture(
    case: str,
    make: Callable[[], bytes],
    name: str = "odd.png",
    listed: str | None = None,
    **settings: Any,
) -> None:
    """A picture of a folder, which the label file lists by this name or another."""
    quoted = '"' + (name if listed is None else listed).replace('"', '""') + '"'

    def write(root: Path) -> Path:
        files = labels("one.png,x", "two.png,y", f"{quoted},x")
        return folder(files | {"one.png": grey(1), "two.png": grey(2), name: make()}, root)

    add(case, Case(write, seen_picture, settings))
    PICTURES[case] = make, name, listed


def label_file(
    case: str,
    text: str | bytes,
    seen: Callable[[LabeledImages], str] = seen_labels,
    **settings: Any,
) -> None:
    """A label file beside four pictures, a to d."""
    data = text if isinstance(text, bytes) else text.encode()
    files = {f"{name}.png": grey(at) for at, name in enumerate("abcd")} | {"labels.csv": data}
    add(case, Case(partial(folder, files), seen, settings))


def whole_set(
    case: str, seen: Callable[[LabeledImages], str] = seen_labels, **settings: Any
) -> Callable[[Callable[[Path], Path]], None]:
    return lambda write: add(case, Case(write, seen, settings))


def class_folders(case: str, *, extra: Files, **settings: Any) -> None:
    """A zip of class folders, and entries that do not belong there."""
    files = {"cat/1.png": grey(1), "dog/1.png": grey(2)} | extra
    add(case, Case(partial(zipped, files), seen_labels, settings))


# ---------------------------------------------------------------------------------------------
# Pictures that are none
# ---------------------------------------------------------------------------------------------


def noise(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    return encode(Image.fromarray(pixels), kind)


def half(kind: str) -> bytes:
    whole = noise(kind)
    return whole[: len(whole) // 2]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: tuple[int, ...], *chunks: bytes) -> bytes:
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def idat(data: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(data))


GREY_2_X_2 = (2, 2, 8, 0, 0, 0, 0)
PIXELS = b"\0\x07\x07\0\x07\x07"  # two rows, unfiltered, of two grey pixels of 7


def flipped_pixel() -> bytes:
    stored = chunk(b"IDAT", zlib.compress(PIXELS, 0))
    return png(GREY_2_X_2, stored).replace(b"\x07\x07", b"\x07\x08", 1)


def damaged_checksum(data: bytes) -> bytes:
    end = data.index(b"IEND") - 4
    return data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]


for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
    picture(f"truncated {kind}", partial(half, kind))
picture("zero bytes", lambda: b"")
picture("one byte", lambda: b"\x89")
picture("text renamed", lambda: b"This is a shopping list.\nMilk\n")
picture("HTML in a PNG", lambda: b"<!DOCTYPE html><html><script>alert(1)</script></html>")
picture("error page of a server", lambda: b"HTTP/1.1 404 Not Found\r\n\r\n")
picture("SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "odd.svg")
picture("PDF", lambda: b"%PDF-1.7\n%%EOF", "odd.pdf")
picture("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n", "odd.eps")
picture("program", lambda: b"\x7fELF\x02\x01\x01" + bytes(64))
picture("zip renamed", lambda: b"PK\x05\x06" + bytes(18))
picture("gzipped picture", lambda: gzip.compress(grey(7)))
picture("pickle", lambda: b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.")
picture("PNG signature only", lambda: b"\x89PNG\r\n\x1a\n")
picture("PNG without pixels", lambda: png(GREY_2_X_2))
picture("PNG of too few rows", lambda: png(GREY_2_X_2, idat(PIXELS[:3])))
picture("interlaced PNG of too few rows", lambda: png((2, 2, 8, 0, 0, 0, 1), idat(b"\0\7\0\7")))
picture("PNG with a wrong checksum", lambda: damaged_checksum(grey(7)))
picture("PNG with a flipped pixel", flipped_pixel)
picture("PNG after a text-mode transfer", lambda: grey(7).replace(b"\r\n", b"\n"))
picture("PNG of no width", lambda: png((0, 2, 8, 0, 0, 0, 0), idat(b"")))
picture("PNG of an unknown filter", lambda: png(GREY_2_X_2, idat(b"\x09\x07\x07\x09\x07\x07")))
picture("HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "odd.heic")
picture("JPEG XL", lambda: b"\xff\x0a\xfa\x01", "odd.jxl")
picture("PSD", lambda: b"8BPS\0\1" + bytes(20), "odd.psd")
picture("NEF", lambda: grey(7, kind="TIFF"), "odd.nef")
picture("DNG named TIFF", lambda: grey(7, kind="TIFF", tiffinfo={50706: b"\1\4\0\0"}), "odd.tif")
picture("DICOM", lambda: bytes(128) + b"DICM", "odd.dcm")
picture("float pixels", lambda: encode(image([[0, 0.5]], np.float32), "TIFF"), "odd.tif")
picture("pixels beyond 16 bits", lambda: encode(image([[0, 65536]], np.int32), "TIFF"), "odd.tif")
picture("LAB colours", lambda: encode(Image.new("LAB", (2, 2)), "TIFF"), "odd.tif")


# ---------------------------------------------------------------------------------------------
# Pictures that are read
# ---------------------------------------------------------------------------------------------


def rgba(alpha: int) -> bytes:
    return encode(Image.new("RGBA", (2, 2), (100, 100, 100, alpha)))


def palette(**options: Any) -> bytes:
    picture = image([[0, 1], [1, 0]]).convert("P")
    picture.putpalette([255, 0, 0, 0, 0, 255])  # red and blue
    return encode(picture, **options)


def animated(kind: str) -> bytes:
    frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(image([[10, 20], [30, 40]]), exif=exif)


def interlaced() -> bytes:
    """Adam7: the first pixel; the second; the second row."""
    return png((2, 2, 8, 0, 0, 0, 1), idat(b"\0\x0a" + b"\0\x14" + b"\0\x1e\x28"))


def sixteen_bit_colours() -> bytes:
    pixel = struct.pack(">3H", 0xC8FF, 0x6401, 0x3280)
    return png((1, 1, 16, 2, 0, 0, 0), idat(b"\0" + pixel))


def red(kind: str, **options: Any) -> bytes:
    return encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), kind, **options)


picture("CMYK JPEG", lambda: red("JPEG", quality=100), "odd.jpg")
picture("CMYK JPEG in colour", lambda: red("JPEG", quality=100), "odd.jpg", mode="RGB")
picture("CMYK TIFF", lambda: red("TIFF"), "odd.tif")
picture("16 bits", lambda: encode(image([[0, 128], [129, 65535]], np.uint16)))
picture("16 bits of colour", sixteen_bit_colours, mode="RGB")
picture("1 bit", lambda: encode(image([[0, 255], [255, 0]]).convert("1")))
picture("1 bit TIFF", lambda: encode(image([[0, 255], [255, 0]]).convert("1"), "TIFF"), "odd.tif")
picture("palette", palette)
picture("palette in colour", palette, mode="RGB", size=[1, 2])
picture("palette with a transparent colour", lambda: palette(transparency=0))
picture("colour as grey", lambda: encode(Image.new("RGB", (2, 2), (200, 100, 50))))
picture("grey as colour", lambda: grey(7), mode="RGB")
picture("transparent on black", lambda: rgba(0))
picture("transparent on white", lambda: rgba(0), background="white")
picture("half transparent", lambda: rgba(127))
for kind in ("GIF", "PNG", "WEBP", "TIFF"):
    picture(f"animated {kind}", partial(animated, kind))
picture("EXIF: turned left", lambda: turned(6))
picture("EXIF: upside down", lambda: turned(3))
picture("EXIF: mirrored", lambda: turned(2))
picture("EXIF: orientation 99", lambda: turned(99))
picture("damaged EXIF", lambda: grey(7, exif=b"Exif\0\0damaged beyond repair"))
picture("interlaced PNG", interlaced)
picture("progressive JPEG", lambda: grey(100, 8, "JPEG", quality=100, progressive=True))
picture("JPEG named PNG", lambda: grey(100, 8, "JPEG", quality=100))
picture("JPEG named HEIC", lambda: grey(100, 8, "JPEG", quality=100), "odd.heic")
picture("AVIF", lambda: grey(7, 8, "AVIF", quality=100), "odd.avif")
picture("JPEG that shrinks a lot", lambda: grey(100, 400, "JPEG", quality=100), "odd.jpg")
picture("padded", lambda: encode(Image.new("L", (4, 2), 7)), aspect="pad")
picture("cropped", lambda: encode(image([[0, 7, 7, 0]] * 2)), aspect="crop")
picture("no suffix", lambda: grey(7), "odd")
picture("HTML behind a PNG", lambda: grey(7) + b"<script>alert(1)</script>")
picture("1 x 1 pixel", lambda: grey(7, 1))
picture("1 x 2000 pixels", lambda: encode(Image.new("L", (2000, 1), 7)))

# ---------------------------------------------------------------------------------------------
# Bombs
# ---------------------------------------------------------------------------------------------


MB = 1 << 20


def deflated(begin: bytes, zeros: int) -> bytes:
    """Raw deflate of some bytes and then of many zeros, a megabyte of which is packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)

    def packed(data: bytes) -> bytes:
        return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)

    parts = [packed(begin + bytes(zeros % MB)), packed(bytes(MB)) * (zeros // MB)]
    return b"".join([*parts, packer.flush()])


def zlib_bomb(begin: bytes, zeros: int) -> bytes:
    checksum = zlib.adler32(begin + bytes(zeros % MB))
    for _ in range(zeros // MB):
        checksum = zlib.adler32(bytes(MB), checksum)
    return b"\x78\xda" + deflated(begin, zeros) + checksum.to_bytes(4)


def black(side: int) -> bytes:
    """A whole PNG of 1 bit a pixel."""
    pixels = zlib_bomb(b"", side * (1 + side // 8))
    return png((side, side, 1, 0, 0, 0, 0), chunk(b"IDAT", pixels))


def patched(data: bytes, changes: dict[int, bytes]) -> bytes:
    changed = bytearray(data)
    for at, value in changes.items():
        changed[at : at + len(value)] = value
    return bytes(changed)


def huge_jpeg() -> bytes:
    data = grey(7, 8, "JPEG")
    return patched(data, {data.index(b"\xff\xc0") + 5: struct.pack(">HH", 65_500, 65_500)})


def huge_tiff() -> bytes:
    data = grey(7, kind="TIFF")
    tags = {data.index(struct.pack("<HHI", tag, 4, 1)) + 8 for tag in (256, 257)}
    return patched(data, dict.fromkeys(tags, struct.pack("<I", 100_000)))


def bomb_of_pixels() -> bytes:
    return png(GREY_2_X_2, chunk(b"IDAT", zlib_bomb(PIXELS, 300 * MB)))


def bomb_of_text() -> bytes:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib_bomb(b"", 300 * MB))
    return png(GREY_2_X_2, text, idat(PIXELS))


def bomb_of_a_profile() -> bytes:
    profile = chunk(b"iCCP", b"sRGB\0\0" + zlib_bomb(b"", 300 * MB))
    return png(GREY_2_X_2, profile, idat(PIXELS))


def bomb_of_a_strip() -> bytes:
    strip = zlib_bomb(b"\7" * 4, 300 * MB)
    entries = [
        *((256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 2), (279, 4, 1, len(strip))),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    header = b"II*\0" + struct.pack("<I", 8 + len(strip) + len(strip) % 2)
    padding = bytes(len(strip) % 2)
    return header + strip + padding + struct.pack("<H", len(entries)) + directory + bytes(4)


picture("20,000 x 20,000 pixels", lambda: black(20_000))
picture("2,147,483,647 pixels", lambda: png((2**31 - 1, 1, 8, 0, 0, 0, 0), idat(b"")))
picture("JPEG that claims 65,500 x 65,500", huge_jpeg)
picture("GIF that claims 65,535 x 65,535", lambda: patched(grey(7, kind="GIF"), {6: b"\xff" * 4}))
picture("TIFF that claims 100,000 x 100,000", huge_tiff)
picture(
    "BMP that claims 60,000 x 60,000",
    lambda: patched(grey(7, kind="BMP"), {18: struct.pack("<ii", 60_000, 60_000)}),
)
picture("a pixel more than allowed", lambda: encode(Image.new("L", (5, 2))), max_pixels=9)
picture("PNG bomb of pixels", bomb_of_pixels)
picture("PNG bomb of text", bomb_of_text)
picture("PNG bomb of a colour profile", bomb_of_a_profile)
picture("TIFF bomb of a strip", bomb_of_a_strip)


@whole_set("another file of 300 MB")
def _(root: Path) -> Path:
    path = folder({"cat/1.png": grey(1), "dog/1.png": grey(2), "film.mp4": b""}, root)
    os.truncate(path / "film.mp4", 300 * MB)
    return path


@whole_set("file of 3 GB", seen_picture)
def _(root: Path) -> Path:
    path = folder(labels("one.png,x", "two.png,y", "odd.png,x"), root)
    (path / "one.png").write_bytes(grey(1))
    (path / "two.png").write_bytes(grey(2))
    (path / "odd.png").touch()
    os.truncate(path / "odd.png", 3000 * MB)  # takes no space
    return path


def picture_in_zip(
    data: bytes, root: Path, compression: int = zipfile.ZIP_DEFLATED
) -> tuple[Path, bytearray]:
    """A zip of two pictures and a third file, and its bytes."""
    path = root / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("odd.png", data, compression)
        for name, content in labels("one.png,x", "two.png,y", "odd.png,x").items():
            archive.writestr(name, content)
        archive.writestr("one.png", grey(1))
        archive.writestr("two.png", grey(2))
    return path, bytearray(path.read_bytes())


def in_headers(data: bytearray, local: int, central: int, value: bytes) -> None:
    """Change the first entry in both places where a zip describes it."""
    for at in (local, data.index(b"PK\x01\x02") + central):
        data[at : at + len(value)] = value


def zip_bomb(root: Path, megabytes: int, claimed: int) -> Path:
    path, data = picture_in_zip(deflated(b"", megabytes * MB), root, zipfile.ZIP_STORED)
    in_headers(data, 8, 10, zipfile.ZIP_DEFLATED.to_bytes(2, "little"))
    in_headers(data, 22, 24, claimed.to_bytes(4, "little"))
    path.write_bytes(data)
    return path


@whole_set("zip bomb", seen_picture)
def _(root: Path) -> Path:
    return zip_bomb(root, 3000, 3000 * MB)


@whole_set("zip bomb that lies about its size", seen_picture)
def _(root: Path) -> Path:
    return zip_bomb(root, 300, 100)


@whole_set("zip bomb of overlapping entries")
def _(root: Path) -> Path:
    files = {"cat/1.png": bytes(1 << 20), "dog/1.png": grey(2)}
    path = zipped(files, root)
    data = path.read_bytes()
    end = data.index(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    entries = data[start:end]
    bomb = entries[: entries.index(b"PK\x01\x02", 4)]
    many = b"".join(bomb.replace(b"1.png", b"%d.png" % at) for at in range(2, 10))
    tail = patched(
        data[end:],
        {8: struct.pack("<HHI", 10, 10, len(entries) + len(many))},
    )
    path.write_bytes(data[:end] + many + tail)
    return path


@whole_set("label file that inflates to 2 GB")
def _(root: Path) -> Path:
    path = zipped(labels("one.png,x"), root)
    data = bytearray(path.read_bytes())
    in_headers(data, 22, 24, (2 << 30).to_bytes(4, "little"))
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------------------------------------
# Zips, and entries that lead elsewhere
# ---------------------------------------------------------------------------------------------

class_folders("zip entry with an absolute path", extra={"/etc/evil.png": grey(9)})
class_folders("zip entry with a parent path", extra={"cat/../../evil.png": grey(9)})
class_folders("zip entry with backslashes", extra={"cat\\..\\..\\evil.png": grey(9)})
class_folders("zip entry on a drive", extra={"C:/evil.png": grey(9)})
class_folders("zip entry outside a folder", extra={"stray.png": grey(9)})
class_folders("zip made on a Mac", extra={"__MACOSX/cat/._1.png": b"", "cat/.DS_Store": b""})
class_folders("zip that holds a zip", extra={"bird/birds.zip": b"PK\x05\x06" + bytes(18)})
class_folders("zip with an unlisted label file", extra={"labels.txt": b"1.png cat"})


@whole_set("zip entry twice")
def _(root: Path) -> Path:
    return zipped({"cat/1.png": grey(1), "dog/1.png": grey(2), "cat/./1.png": grey(9)}, root)


@whole_set("zip with a link", seen_picture)
def _(root: Path) -> Path:
    link = zipfile.ZipInfo("odd.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path, _ = picture_in_zip(b"", root)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        for name, content in labels("one.png,x", "two.png,y", "odd.png,x").items():
            archive.writestr(name, content)
        archive.writestr("one.png", grey(1))
        archive.writestr("two.png", grey(2))
    return path


@whole_set("zip with a password", seen_picture)
def _(root: Path) -> Path:
    path, data = picture_in_zip(grey(7), root)
    in_headers(data, 6, 8, b"\1")
    path.write_bytes(data)
    return path


@whole_set("zip with another compression", seen_picture)
def _(root: Path) -> Path:
    return picture_in_zip(grey(7), root, zipfile.ZIP_LZMA)[0]


@whole_set("zip with a flipped byte", seen_picture)
def _(root: Path) -> Path:
    path, data = picture_in_zip(grey(7), root)
    at = data.index(b"odd.png") + 20
    data[at] ^= 0xFF
    path.write_bytes(data)
    return path


@whole_set("zip cut short")
def _(root: Path) -> Path:
    path, data = picture_in_zip(grey(7), root)
    path.write_bytes(data[: len(data) // 2])
    return path


@whole_set("empty zip")
def _(root: Path) -> Path:
    return zipped({}, root)


@whole_set("text renamed zip")
def _(root: Path) -> Path:
    (root / "set.zip").write_text("filename,label\n")
    return root / "set.zip"


@whole_set("no such set")
def _(root: Path) -> Path:
    return root / "set"


@whole_set("empty folder")
def _(root: Path) -> Path:
    (root / "set").mkdir()
    return root / "set"


# ---------------------------------------------------------------------------------------------
# Tars, and members that lead elsewhere
# ---------------------------------------------------------------------------------------------


def tarred(members: list[tuple[str, bytes | tarfile.TarInfo]]) -> bytes:
    """A tar of two classes, and of files or headers that do not belong there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in [("cat/1.png", grey(1)), ("dog/1.png", grey(2)), *members]:
            data = content if isinstance(content, bytes) else b""
            info = tarfile.TarInfo() if isinstance(content, bytes) else content
            info.name, info.size = name, len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def tar(case: str, make: Callable[[], bytes], name: str = "set.tar") -> None:
    def write(root: Path) -> Path:
        (root / name).write_bytes(make())
        return root / name

    add(case, Case(write, seen_labels))


tar("tar", lambda: tarred([]))
tar("tar, gzipped", lambda: gzip.compress(tarred([])), "set.tar.gz")
tar("tar, gzipped, of another name", lambda: gzip.compress(tarred([])), "set")
tar("tar by bzip2", lambda: bz2.compress(tarred([])))
tar("tar by xz", lambda: lzma.compress(tarred([])))
tar("tar member with an absolute path", lambda: tarred([("/x/1.png", grey(3))]))
tar("tar member with a parent path", lambda: tarred([("x/../../1.png", grey(3))]))
tar("tar with a link", lambda: tarred([("cat/2.png", member(tarfile.SYMTYPE, "1.png"))]))
tar(
    "tar with a link outside", lambda: tarred([("cat/2.png", member(tarfile.SYMTYPE, "/dev/zero"))])
)
tar("tar with a hard link", lambda: tarred([("cat/2.png", member(tarfile.LNKTYPE, "cat/1.png"))]))
tar("tar with a device", lambda: tarred([("cat/2.png", member(tarfile.CHRTYPE))]))
tar("tar with a pipe", lambda: tarred([("cat/2.png", member(tarfile.FIFOTYPE))]))
tar("tar member twice", lambda: tarred([("cat/1.png", grey(9))]))
tar("tar made on a Mac", lambda: tarred([("cat/._1.png", b"x"), ("./.DS_Store", b"x")]))
tar("tar cut short", lambda: tarred([])[:1800])
tar("tar cut short after a member", lambda: tarred([])[:2048])
tar("tar with a damaged header", lambda: patched(tarred([]), {1024: b"\xff" * 9}))
tar("tar, gzipped and cut short", lambda: gzip.compress(tarred([]))[:-60])
tar("tar, gzipped, with a flipped byte", lambda: patched(gzip.compress(tarred([])), {90: b"\0\0"}))
tar("gzip of no tar", lambda: gzip.compress(b"filename,label\n"), "labels.csv.gz")
tar("7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(600), "set.7z")
tar("RAR", lambda: b"Rar!\x1a\x07\x01\0" + bytes(600), "set.rar")
tar("empty tar", lambda: bytes(10_240))


@whole_set("tar bomb")
def _(root: Path) -> Path:
    begin = tarfile.TarInfo("cat/1.png")
    begin.size = 2 << 30
    content = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflated(begin.tobuf(), 2 << 30)
    (root / "set.tgz").write_bytes(content)
    return root / "set.tgz"


# ---------------------------------------------------------------------------------------------
# Arrays
# ---------------------------------------------------------------------------------------------

X = np.repeat(np.array([1, 2, 3, 4], np.uint8), 4).reshape(4, 2, 2)
Y = np.array(["x", "y", "x", "y"])


def arrays(case: str, **made: Any) -> None:
    def write(root: Path) -> Path:
        np.savez_compressed(root / "set.npz", **made)
        return root / "set.npz"

    add(case, Case(write, seen_labels))


def idx_files(case: str, cut: int = 0, **changes: bytes) -> None:
    pictures = b"\0\0\x08\3" + struct.pack(">3I", *X.shape) + X.tobytes()
    files = {
        "train-images-idx3-ubyte": pictures[: len(pictures) - cut],
        "train-labels-idx1-ubyte": b"\0\0\x08\1" + struct.pack(">I4B", 4, 0, 1, 0, 1),
    }
    add(case, Case(partial(folder, files | changes), seen_labels))


arrays("npz", x=X, y=Y)
arrays("npz of numbers", images=X, labels=[0, 1, 0, 1])
arrays("npz with a column per class", x=X, y=np.eye(2)[[0, 1, 0, 1]])
arrays("npz of floats from 0 to 1", x=X / 255, y=Y)
arrays("npz of other floats", x=X / 255 - 0.5, y=Y)
arrays("npz of pixels that are NaN", x=X * np.nan, y=Y)
arrays("npz of objects", x=X.astype(object), y=Y)
arrays("npz of labels that are objects", x=X, y=Y.astype(object))
arrays("npz of rows", x=X.reshape(4, 4), y=Y)
arrays("npz of two readings", x=np.zeros((4, 3, 9, 3), np.uint8), y=Y)
arrays("npz of fewer labels", x=X, y=Y[:3])
arrays("npz of other names", arr_0=X, arr_1=Y)
arrays("npz without labels", x=X)
arrays("npz of labels that are paths", x=X, y=np.array(["../x", "y", "../x", "y"]))
arrays("npz twice", x=X, images=X, y=Y)
idx_files("IDX")
idx_files("IDX cut short", cut=3)
idx_files("IDX beside pictures", **{"cat/1.png": grey(1)})
add("pickle of a set", Case(partial(folder, {"data.pkl": b"\x80\x04."}), seen_labels))
add("CIFAR's Python version", Case(partial(folder, {"batches.meta": b"\x80\x04."}), seen_labels))
add("HDF5", Case(partial(folder, {"train.h5": b"\x89HDF"}), seen_labels))
add("zip in a folder", Case(partial(folder, {"pets.zip": b"PK"}), seen_labels))


# ---------------------------------------------------------------------------------------------
# Links and things that are no files, in a folder
# ---------------------------------------------------------------------------------------------


def with_odd(make: Callable[[Path], None], root: Path) -> Path:
    """A folder with a third file made by ``make``; a secret picture lies outside."""
    (root / "outside").mkdir()
    (root / "outside/secret.png").write_bytes(grey(99))
    files = labels("one.png,x", "two.png,y", "odd.png,x")
    path = folder(files | {"one.png": grey(1), "two.png": grey(2)}, root)
    make(path / "odd.png")
    return path


def linked(case: str, target: str) -> None:
    write = partial(with_odd, lambda path: path.symlink_to(target))
    add(case, Case(write, seen_picture))


linked("link to a picture of the set", "two.png")
linked("link to a picture outside", "../outside/secret.png")
linked("link to an absolute path", "/etc/passwd")
linked("link to a device", "/dev/zero")
linked("link to nothing", "nowhere.png")
linked("link to itself", "odd.png")
add("folder named as a picture", Case(partial(with_odd, Path.mkdir), seen_picture))
add("pipe", Case(partial(with_odd, os.mkfifo), seen_picture))


@whole_set("linked folder outside")
def _(root: Path) -> Path:
    folder({"../outside/1.png": grey(9)}, root)
    path = folder({"cat/1.png": grey(1), "dog/1.png": grey(2)}, root)
    (path / "bird").symlink_to(root / "outside")
    return path


@whole_set("label file linked outside")
def _(root: Path) -> Path:
    (root / "secret.csv").write_bytes(labels("one.png,x")["labels.csv"])
    path = folder({"one.png": grey(1)}, root)
    (path / "labels.csv").symlink_to("../secret.csv")
    return path


# ---------------------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------------------

COMPOSED = unicodedata.normalize("NFC", "é.png")
DECOMPOSED = unicodedata.normalize("NFD", "é.png")


def named(case: str, name: str, listed: str | None = None) -> None:
    picture(f"name: {case}", lambda: grey(7), name, listed)


named("spaces", "my holiday picture.png")
named("spaces at both ends", " odd.png ")
named("composed accent", COMPOSED)
named("decomposed accent", DECOMPOSED)
named("listed composed, stored decomposed", DECOMPOSED, COMPOSED)
named("listed decomposed, stored composed", COMPOSED, DECOMPOSED)
named("emoji and right-to-left", "😀-\u202eשלום.png")
named("newline", "two\nlines.png")
named("carriage return", "two\rlines.png")
named("tab", "a\tb.png")
named("percent signs", "100%s%20%(x)d.png")
named("braces", "{0}{name}.png")
named("quotes and comma", "a\"b',c.png")
named("wildcards", "*?[a-z].png")
named("HTML", "<img src=x onerror=alert(1)>.png")
named("formula", "=1+1.png")
named("leading dash", "-rf.png")
named("hidden", ".odd.png")
named("only dots", "....png")
named("255 bytes", "x" * 251 + ".png")
named("256 bytes", "odd.png", "x" * 252 + ".png")
named("written with ./ and //", "sub/odd.png", "./sub//odd.png")
named("other capitals", "odd.png", "ODD.PNG")
named("parent path", "odd.png", "../outside.png")
named("parent path within", "sub/odd.png", "sub/../sub/odd.png")
named("absolute path", "odd.png", "/etc/passwd")
named("backslashes", "odd.png", "..\\odd.png")
named("drive letter", "odd.png", "C:odd.png")
named("web address", "odd.png", "https://example.org/odd.png")
named("NUL", "odd.png", "odd\0.png")
named("a dot", "odd.png", ".")
named("a folder", "sub/odd.png", "sub/")
named("not there", "odd.png", "absent.png")
named("formula that is not there", "odd.png", '=HYPERLINK("https://example.org","x")')
named("only spaces", "odd.png", "  ")


@whole_set("name: no UTF-8")
def _(root: Path) -> Path:
    path = folder({"cat/1.png": grey(1), "dog/1.png": grey(2)}, root)
    Path(os.fsdecode(os.fsencode(path) + b"/cat/\xff.png")).write_bytes(grey(9))
    return path


@whole_set("name: capitals tell two apart")
def _(root: Path) -> Path:
    return zipped(labels("a.png,x", "A.png,y") | {"a.png": grey(1), "A.png": grey(2)}, root)


# ---------------------------------------------------------------------------------------------
# Label files
# ---------------------------------------------------------------------------------------------

label_file("labels: byte order mark", "\ufefffilename,label\na.png,x\nb.png,y\n")
label_file("labels: CRLF", "filename,label\r\na.png,x\r\nb.png,y\r\n")
label_file("labels: CR only", "filename,label\ra.png,x\rb.png,y\r")
label_file("labels: no newline at the end", "filename,label\na.png,x\nb.png,y")
label_file("labels: blank lines and spaces", " filename , label \n\na.png,  x \n , \nb.png,y\n\n")
label_file("labels: semicolons", "filename;label\na.png;x\nb.png;y\n")
label_file("labels: semicolons, as set", "filename;label\na.png;x\nb.png;y\n", separator=";")
label_file("labels: tabs", "filename\tlabel\na.png\tx\nb.png\ty\n")
label_file("labels: quotes", '"filename","label"\n"a.png","say ""x"", y"\nb.png,y\n')
label_file("labels: an open quote", 'filename,label\n"a.png,x\nb.png,y\n')
label_file("labels: a stray quote", 'filename,label\n"a".png,x\nb.png,y\n')
label_file("labels: duplicate rows", "filename,label\na.png,x\na.png,x\nb.png,y\n")
label_file("labels: conflicting labels", "filename,label\na.png,x\na.png,y\nb.png,y\nc.png,x\n")
label_file("labels: missing label", "filename,label\na.png,x\nb.png,y\nc.png,\nd.png\n")
label_file("labels: missing file name", "filename,label\na.png,x\nb.png,y\n,x\n")
label_file("labels: a cell too many", "filename,label\na.png,x\nb.png,y,z\n")
label_file("labels: empty cells too many", "filename,label\na.png,x,\nb.png,y,,,\n")
label_file("labels: NaN, NA, None", "filename,label\na.png,NaN\nb.png,NA\nc.png,None\nd.png,null\n")
label_file("labels: leading zeros", "filename,label\na.png,007\nb.png,7\nc.png,07\nd.png,7.0\n")
label_file("labels: true and 1e3", "filename,label\na.png,true\nb.png,1e3\nc.png,inf\nd.png,-1\n")
label_file("labels: capitals", "filename,label\na.png,Cat\nb.png,cat\n")
label_file("labels: two forms of an accent", "filename,label\na.png,\xe9\nb.png,e\u0301\n")
label_file("labels: newline in a label", 'filename,label\na.png,"x\ny"\nb.png,y\n')
label_file("labels: HTML", "filename,label\na.png,<script>alert(1)</script>\nb.png,y\n")
FORMULAS = "filename,label\na.png,=1+1\nb.png,@SUM(1)\nc.png,-x\nd.png,-1\n"
label_file("labels: formulas", FORMULAS)
label_file("labels: formulas, in what we write", FORMULAS, seen_written)
label_file("labels: path as a label", "filename,label\na.png,../../x\nb.png,/etc/passwd\n")
label_file("labels: 200,000 characters", f"filename,label\na.png,{'x' * 200_000}\nb.png,y\n")
label_file("labels: empty file", "")
label_file("labels: only a header", "filename,label\n")
label_file("labels: no header", "a.png,x\nb.png,y\n")
label_file("labels: other columns", "image,class\na.png,x\nb.png,y\n")
label_file(
    "labels: other columns, as set",
    "class,image\nx,a.png\ny,b.png\n",
    filename_column="image",
    label_column="class",
)
label_file("labels: a column twice", "filename,label,label\na.png,x,y\n")
label_file("labels: UTF-16", "filename,label\na.png,x\nb.png,y\n".encode("utf-16"))
label_file("labels: Latin-1", "filename,label\na.png,\xe9\nb.png,y\n".encode("latin-1"))
label_file("labels: a picture", grey(7))
label_file("labels: a comment", "# made by hand\nfilename,label\na.png,x\nb.png,y\n")
label_file("labels: one class", "filename,label\na.png,x\nb.png,x\n")
label_file("labels: pictures that are not there", "filename,label\n1.png,x\n2.png,y\n")
label_file(
    "labels: too many rejected", "filename,label\na.png,x\nb.png,y\n1.png,x\n", max_rejected=0.05
)
label_file("labels: no such label file", "", label_file="Train/train.csv")
label_file("labels: label file outside", "", label_file="../labels.csv")
label_file("labels: image folder outside", "filename,label\na.png,x\n", image_folder="..")


def many_classes(classes: int, each: int, root: Path) -> Path:
    names = {
        f"{label:04}-{at}.png": f"{label:04}" for label in range(classes) for at in range(each)
    }
    files = labels(*(f"{name},{label}" for name, label in names.items()))
    return zipped(files | dict.fromkeys(names, grey(7)), root, zipfile.ZIP_STORED)


add("1,000 classes", Case(partial(many_classes, 1000, 1), seen_labels))
add("one image per class", Case(partial(many_classes, 12, 1), seen_labels, split=True))
add("two images per class", Case(partial(many_classes, 12, 2), seen_labels, split=True))

# ---------------------------------------------------------------------------------------------
# The same picture twice
# ---------------------------------------------------------------------------------------------


def twice(
    case: str,
    *values: tuple[int, str],
    seen: Callable[[LabeledImages], str] = seen_labels,
    **settings: Any,
) -> None:
    """Pictures of these greys and labels."""
    files = labels(*(f"{at}.png,{label}" for at, (_, label) in enumerate(values)))
    files |= {f"{at}.png": grey(value) for at, (value, _) in enumerate(values)}
    add(f"duplicates: {case}", Case(partial(folder, files), seen, settings))


SAME, CONFLICT = ((7, "x"), (7, "x"), (8, "y")), ((7, "x"), (7, "y"), (8, "x"), (9, "y"))
twice("one label", *SAME)
twice("one label, to be dropped", *SAME, duplicates="drop", max_rejected=0)
twice("two labels", *CONFLICT)
twice("two labels, to be dropped", *CONFLICT, duplicates="drop")
ACROSS = [(value, "xy"[at % 2]) for at, value in enumerate([0, 1, 2, 1, 4, 5, 6, 2, 0, 9])]
twice("in several parts", *ACROSS, seen=seen_duplicates)
twice("nothing left", (7, "x"), (7, "y"), duplicates="drop")
twice("one class left", (7, "x"), (7, "y"), (8, "x"), duplicates="drop")


@whole_set("duplicates: in another format", duplicates="drop")
def _(root: Path) -> Path:
    pictures = {"a.png": grey(7), "b.bmp": grey(7, kind="BMP"), "c.png": grey(8)}
    return folder(labels("a.png,x", "b.bmp,x", "c.png,y") | pictures, root)


# ---------------------------------------------------------------------------------------------
# What becomes of them
# ---------------------------------------------------------------------------------------------

DEFAULTS = yaml.safe_load((PARAMETERS / "parameters_data.yml").read_text())["ingest"]
SPLIT = yaml.safe_load((PARAMETERS / "parameters_protocol.yml").read_text())["protocol"]["split"]
ROW = re.compile(r"\| (?P<case>.+?) \| `(?P<outcome>.+)` \|")


def read_table() -> list[tuple[str, str]]:
    """Each row's case and outcome."""
    text = TABLE.read_text("utf-8").partition("\n## Layouts\n")[0]
    rows = map(ROW.fullmatch, text.splitlines())
    return [(row["case"], row["outcome"].replace(r"\|", "|")) for row in rows if row]


EXPECTED = dict(read_table())


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let Python take no more than ``MOST_MEMORY`` on top of what it has."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    usual = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MOST_MEMORY, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, usual)


def outcome(case: Case, root: Path) -> str:
    """Read a case as a run does."""
    path = case.write(root)
    before = set(root.rglob("*"))
    settings = Ingest.model_validate(DEFAULTS | FLAT | case.settings)
    try:
        with limited_memory(), open_source(path) as source:
            result = ingest_labeled(source, settings)
            source.digest()
        if case.split:
            split_rows(result.index, Split.model_validate(SPLIT))
    except StudyError as error:
        return f"stopped: {error.message.replace(str(path), 'SET')}"
    finally:
        assert set(root.rglob("*")) == before
    assert len(result.index) == len(result.images)
    return case.seen(result)


def test_the_table_shows_every_case_once() -> None:
    shown = [case for case, _ in read_table()]
    assert len(shown) == len(set(shown))
    assert sorted(shown) == sorted(CASES)
    assert f"{len(CASES)} cases" in TABLE.read_text("utf-8")


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_it(case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if case == "HEIC" and "HEIF" in FORMATS:
        pytest.skip("the extra heic is installed")
    found = outcome(CASES[case], tmp_path)
    assert found == EXPECTED[case]
    assert "\n" not in found
    assert not any("\n" in record.getMessage() for record in caplog.records)


def test_the_limit_of_memory_holds() -> None:
    with limited_memory():
        bytes(MOST_MEMORY // 2)
        with pytest.raises(MemoryError):
            bytes(2 * MOST_MEMORY)


# ---------------------------------------------------------------------------------------------
# The same through Kedro
# ---------------------------------------------------------------------------------------------


def run_data(
    root: Path, images: Path, *outputs: str, split: dict[str, Any] | None = None, **ingest: Any
) -> dict[str, pd.DataFrame]:
    """Run the data pipeline as far as these outputs, and load what it stored."""
    bootstrap_project(PROJECT)
    params = {"images": str(images), "data_root": str(root / "data"), "ingest": FLAT | ingest}
    params |= {"protocol": {"split": split}} if split else {}
    with KedroSession.create(project_path=PROJECT, runtime_params=params) as session:
        session.run(pipeline_names=["data"], runner=SequentialRunner(), to_outputs=outputs)
        catalog = session.load_context().catalog
        return {name: catalog.load(name) for name in outputs}


def all_pictures(root: Path) -> tuple[Path, dict[str, str]]:
    """One set of all pictures of the table; and what is expected, by name."""
    good = {f"good {at}.png": grey(100 + at) for at in range(30)}
    files, listed, expected = dict(good), {name: "xy"[at % 2] for at, name in enumerate(good)}, {}
    for case, (make, name, name_listed) in PICTURES.items():
        if case == "name: other capitals":  # is taken in under its own name
            continue
        usual = name_listed is None and name.startswith("odd")
        stored = f"{len(listed)} {name}" if usual else name
        shown = stored if name_listed is None else name_listed
        skipped = "accent" in case or "bomb" in case or CASES[case].settings
        if shown not in listed and not skipped:
            files[stored] = make()
            listed[shown] = "x"
            expected[shown] = EXPECTED[case]
    rows = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in listed.items())
    return folder(labels(*rows) | files, root), expected


def test_all_pictures_in_one_run(tmp_path: Path) -> None:
    path, expected = all_pictures(tmp_path)
    found = run_data(tmp_path, path, "images", "split_index", "rejected_images")
    refused = {name: text for name, text in expected.items() if text.startswith("rejected: ")}
    assert len(refused) > 40
    assert len(expected) - len(refused) > 40
    reasons = found["rejected_images"].set_index("filename")["reason"]
    assert {name: f"rejected: {reason}" for name, reason in reasons.items()} == refused
    index = found["split_index"]
    assert len(index) == 30 + len(expected) - len(refused)
    for name, pixels in zip(index["filename"], found["images"], strict=True):
        if (text := expected.get(name, "")).startswith("accepted as grey "):
            assert (pixels == int(text.split()[-1])).all(), name
        else:
            assert name.startswith("good ") or "pixels" in text
    for cells in csv.reader(
        (tmp_path / "data/02_intermediate/rejected_images.csv").open(newline="")
    ):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@pytest.mark.parametrize("case", ["labels: a cell too many", "zip cut short"])
def test_a_run_stops_with_the_same_line(case: str, tmp_path: Path) -> None:
    path = CASES[case].write(tmp_path)
    with pytest.raises(StudyError) as caught:
        run_data(tmp_path, path, "split_index", **CASES[case].settings)
    assert f"stopped: {caught.value.message.replace(str(path), 'SET')}" == EXPECTED[case]


def test_a_run_reports_duplicates_and_drops_them_if_asked_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = [*range(40), 7, 8, 8, 9]
    names = [f"{at:02}.png" for at in range(len(values))]
    said = ["xy"[value % 2] for value in values[:-1]] + ["x"]  # 9 is y the first time
    rows = (f"{name},{label}" for name, label in zip(names, said, strict=True))
    files = labels(*rows) | {name: grey(value) for name, value in zip(names, values, strict=True)}
    path = folder(files, tmp_path)
    outputs = ("split_index", "duplicate_images", "rejected_images")

    # The first ones train and the last ones test.
    kept = run_data(tmp_path, path, *outputs, split={"method": "sequential"}, max_rejected=0)
    duplicates = kept["duplicate_images"].astype({"group": int})
    groups = [["07.png", "40.png"], ["08.png", "41.png", "42.png"], ["09.png", "43.png"]]
    assert duplicates.groupby("group")["filename"].apply(list).tolist() == groups
    parts = kept["split_index"].set_index("filename")["split"]
    assert duplicates["split"].tolist() == parts[duplicates["filename"]].tolist()
    findings = duplicates.drop_duplicates("group")["finding"].tolist()
    assert findings == ["in several parts"] * 2 + ["different labels, in several parts"]
    assert "(4 test images also trained on)" in caplog.text
    assert kept["rejected_images"].empty
    assert len(kept["split_index"]) == len(values)

    dropped = run_data(tmp_path, path, *outputs, max_rejected=0, duplicates="drop")
    assert dropped["duplicate_images"].empty
    assert dropped["split_index"]["digest"].is_unique
    assert dropped["rejected_images"].to_dict("split")["data"] == [
        ["09.png", "same pixels as '43.png' with another label"],
        ["40.png", "same pixels as '07.png'"],
        ["41.png", "same pixels as '08.png'"],
        ["42.png", "same pixels as '08.png'"],
        ["43.png", "same pixels as '09.png' with another label"],
    ]
