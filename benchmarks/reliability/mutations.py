"""Inputs for fuzzing: valid files of every kind that RegBench reads, damaged on purpose.

Everything follows from a seed and a number: the same two give the same bytes on any machine with
the same versions of Pillow and NumPy.
"""

import copy
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, PngImagePlugin

CONF = Path(__file__).parents[2] / "conf" / "base"

# How often each kind is tried, in 20.
SHARES = {"picture": 9, "zip": 4, "labels": 3, "yaml": 1, "settings": 3}

_EDGES = (0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000)
_MOST_BYTES = 8_000_000  # of a label file: what is large only takes long
_EDGES_32 = (*_EDGES, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True)
class Input:
    """One input to be read.

    Attributes:
        number: With the seed, what it is made from.
        kind: One of ``SHARES``.
        of: What was damaged, for example ``png-rgb``.
        data: The file, or None for settings.
        settings: Values for ``read_study``, for settings only.
    """

    number: int
    kind: str
    of: str
    data: bytes | None
    settings: Any = None


def make(seed: int, number: int) -> Input:
    """Make one input."""
    rng = random.Random(f"{seed}:{number}")  # noqa: S311
    turns = [kind for kind, share in SHARES.items() for _ in range(share)]
    kind = turns[number % len(turns)]
    if kind == "picture":
        name = rng.choice(sorted(pictures()))
        return Input(number, kind, name, damaged_picture(rng, name))
    if kind == "zip":
        name = rng.choice(sorted(zips()))
        return Input(number, kind, name, damaged_zip(rng, zips()[name]))
    if kind == "labels":
        return Input(number, kind, "label file", damaged_labels(rng))
    if kind == "yaml":
        name = rng.choice(sorted(configuration()))
        return Input(number, kind, name, damaged_yaml(rng, configuration()[name]))
    return Input(number, kind, "parameters", None, damaged_settings(rng))


# Any bytes


def damaged(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change bytes in some of the usual ways, one to four times."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = rng.choice(_DAMAGES)(rng, bytearray(data), others)
    return data


def _flip(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    for _turn in range(rng.choice((1, 1, 2, 8, 32))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _set_bytes(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    for _turn in range(rng.choice((1, 2, 4))):
        if data:
            data[rng.randrange(len(data))] = rng.choice(
                (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
    return bytes(data)


def _set_number(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    width = rng.choice((2, 4))
    if len(data) >= width:
        at = rng.randrange(min(len(data) - width + 1, rng.choice((64, 1 << 30))))
        value = rng.choice(_EDGES_32) & ((1 << 8 * width) - 1)
        data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
    return bytes(data)


def _truncate(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    return bytes(data[: rng.randrange(len(data) + 1)])


def _insert(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 16, 1000)))
    return bytes(data)


def _remove(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 2, 16, 256))]
    return bytes(data)


def _repeat(rng: random.Random, data: bytearray, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = bytes(data[at : at + rng.choice((1, 8, 64, 512))])
    data[at:at] = part * rng.choice((1, 2, 50))
    return bytes(data)


def _splice(rng: random.Random, data: bytearray, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return bytes(data[: rng.randrange(len(data) + 1)]) + other[rng.randrange(len(other) + 1) :]


_DAMAGES: list[Callable[[random.Random, bytearray, list[bytes]], bytes]] = [
    *(_flip, _flip, _set_bytes, _set_bytes, _set_number, _set_number),
    *(_truncate, _insert, _remove, _repeat, _splice),
]


# Pictures


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def pictures() -> dict[str, bytes]:
    """Valid pictures of every format and of most of what a format can hold, by name."""
    values = np.random.default_rng(1).integers(0, 256, (24, 20, 4), np.uint8)
    rgba = Image.fromarray(values, "RGBA")
    rgb, grey, cmyk = rgba.convert("RGB"), rgba.convert("L"), Image.fromarray(values, "CMYK")
    palette, one_bit = rgb.quantize(16), grey.convert("1")
    deep = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    floats = Image.fromarray(values[..., 0].astype(np.float32))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 50, zip=True)
    text.add_itxt("Title", "y" * 50, "en", "z", zip=True)
    frames: dict[str, Any] = {"save_all": True, "append_images": [rgb.rotate(90), rgb]}
    return {
        "png-1": _encoded(one_bit, "PNG"),
        "png-l": _encoded(grey, "PNG"),
        "png-l-28": _encoded(grey.resize((28, 28)), "PNG"),  # what is read the fast way
        "png-la": _encoded(rgba.convert("LA"), "PNG"),
        "png-p": _encoded(palette, "PNG", transparency=3),
        "png-rgb": _encoded(rgb, "PNG"),
        "png-rgba": _encoded(rgba, "PNG"),
        "png-16": _encoded(deep, "PNG"),
        "png-text": _encoded(grey, "PNG", pnginfo=text, exif=exif, icc_profile=b"i" * 60),
        "png-animated": _encoded(rgb, "PNG", **frames),
        "jpeg-l": _encoded(grey, "JPEG"),
        "jpeg-rgb": _encoded(rgb, "JPEG", exif=exif, comment=b"a comment"),
        "jpeg-progressive": _encoded(rgb, "JPEG", progressive=True, icc_profile=b"i" * 60),
        "jpeg-cmyk": _encoded(cmyk, "JPEG"),
        "bmp-1": _encoded(one_bit, "BMP"),
        "bmp-p": _encoded(palette, "BMP"),
        "bmp-rgb": _encoded(rgb, "BMP"),
        "bmp-rgba": _encoded(rgba, "BMP"),
        "gif-l": _encoded(grey, "GIF"),
        "gif-p": _encoded(palette, "GIF", transparency=3, comment=b"a comment"),
        "gif-animated": _encoded(rgb, "GIF", **frames),
        "tiff-1": _encoded(one_bit, "TIFF", compression="group4"),
        "tiff-l": _encoded(grey, "TIFF"),
        "tiff-rgb": _encoded(rgb, "TIFF", exif=exif),
        "tiff-lzw": _encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": _encoded(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-packbits": _encoded(palette, "TIFF", compression="packbits"),
        "tiff-jpeg": _encoded(rgb, "TIFF", compression="jpeg"),
        "tiff-cmyk": _encoded(cmyk, "TIFF"),
        "tiff-16": _encoded(deep, "TIFF"),
        "tiff-float": _encoded(floats, "TIFF"),
        "tiff-frames": _encoded(rgb, "TIFF", **frames),
        "webp-lossy": _encoded(rgb, "WEBP", exif=exif),
        "webp-lossless": _encoded(rgba, "WEBP", lossless=True),
        "webp-animated": _encoded(rgb, "WEBP", **frames),
        "ppm-l": _encoded(grey, "PPM"),
        "ppm-rgb": _encoded(rgb, "PPM"),
        "ppm-1": _encoded(one_bit, "PPM"),
        "ppm-16": b"P5 4 3 65535\n" + bytes(range(24)),
        "ppm-text": b"P3\n# a comment\n3 2 255\n" + b" ".join(b"%d" % n for n in range(18)),
        "ppm-bits": b"P1 4 2\n1 0 1 0\n0 1 0 1\n",
        "pam": b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(12),
        "pfm": b"Pf\n2 2\n-1.0\n" + struct.pack("<4f", 0, 0.5, 1, 2),
    }


def damaged_picture(rng: random.Random, name: str) -> bytes:
    """Damage one of ``pictures``: half of the time its structure, with right checksums."""
    data = pictures()[name]
    form = name.partition("-")[0]
    if form in _STRUCTURES and rng.random() < 0.6:
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = _STRUCTURES[form](rng, data)
        if rng.random() < 0.7:
            return data
    return damaged(rng, data, list(pictures().values()))


def _png(rng: random.Random, data: bytes) -> bytes:
    """Damage chunks of a PNG, their checksums put right again."""
    chunks = _png_chunks(data)
    if not chunks:
        return data
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    what = rng.randrange(8)
    if what == 0:
        del chunks[at]
    elif what == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[at])
    elif what == 2:
        rng.shuffle(chunks)
    elif what == 3:
        kind = rng.choice((b"tRNS", b"PLTE", b"IDAT", b"IEND", b"iCCP", b"zTXt", b"acTL", b"fcTL"))
        chunks.insert(at, (kind, rng.randbytes(rng.choice((0, 1, 4, 13, 26, 768)))))
    elif what == 4 and chunks[0][0] == b"IHDR":
        chunks[0] = b"IHDR", _png_header(rng, chunks[0][1])
    elif what == 5:
        for place, (name, content) in enumerate(chunks):
            if name in (b"IDAT", b"fdAT", b"zTXt", b"iCCP"):
                chunks[place] = name, _repacked(rng, content)
    else:
        chunks[at] = kind, damaged(rng, body, [one for _, one in chunks])
    parts = [_png_chunk(name, content) for name, content in chunks]
    if rng.random() < 0.1:  # a length that is wrong
        part = rng.randrange(len(parts)) if parts else 0
        parts[part : part + 1] = [
            rng.choice(_EDGES_32).to_bytes(4) + one[4:] for one in parts[part : part + 1]
        ]
    return data[:8] + b"".join(parts)


def _png_header(rng: random.Random, body: bytes) -> bytes:
    fields = list(struct.unpack(">IIBBBBB", body[:13].ljust(13, b"\0")))
    at = rng.randrange(len(fields))
    sides = (0, 1, 28, 1000, 7000, 49_999, 0x7FFFFFFF, 0xFFFFFFFF)
    fields[at] = rng.choice(sides) if at < 2 else rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return struct.pack(">IIBBBBB", *fields)


def _repacked(rng: random.Random, content: bytes) -> bytes:
    """Damage what is inside a deflate stream, or make very much of it."""
    try:
        inside = zlib.decompress(content)
    except zlib.error:
        return content
    if rng.random() < 0.2:
        return zlib.compress(inside * rng.choice((2, 100, 20_000)), 1)
    return zlib.compress(damaged(rng, inside, [content]))


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _jpeg(rng: random.Random, data: bytes) -> bytes:
    """Damage segments of a JPEG: their lengths, contents, order."""
    starts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        starts.append(at)
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    if not starts:
        return data
    segments = [data[a:b] for a, b in zip(starts, [*starts[1:], at], strict=True)]
    place = rng.randrange(len(segments))
    one = segments[place]
    what = rng.randrange(5)
    if what == 0:
        del segments[place]
    elif what == 1:
        segments.insert(rng.randrange(len(segments) + 1), one)
    elif what == 2:
        rng.shuffle(segments)
    elif what == 3:
        segments[place] = one[:2] + rng.choice(_EDGES).to_bytes(4)[2:] + one[4:]
    else:
        body = damaged(rng, one[4:], segments)[:60_000]
        segments[place] = one[:2] + (len(body) + 2).to_bytes(2) + body
    return data[:2] + b"".join(segments) + data[at:]


def _tiff(rng: random.Random, data: bytes) -> bytes:
    """Damage entries of a TIFF's first directory: tag, type, count, value."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 8:
        return data
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    if directory + 2 > len(data):
        return data
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        at = directory + 2 + 12 * rng.randrange(max(1, count))
        if at + 12 > len(made):
            break
        what = rng.randrange(5)
        if what == 0:
            tags = (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322)
            struct.pack_into(f"{order}H", made, at, rng.choice((*tags, 338, 339, 347, 34665)))
        elif what == 1:
            struct.pack_into(f"{order}H", made, at + 2, rng.randrange(20))
        elif what == 2:
            struct.pack_into(f"{order}I", made, at + 4, rng.choice(_EDGES_32))
        elif what == 3:
            struct.pack_into(f"{order}I", made, at + 8, rng.choice((*_EDGES_32, directory, at)))
        else:
            struct.pack_into(f"{order}H", made, at + 8, rng.choice(_EDGES) & 0xFFFF)
    if rng.random() < 0.1:
        struct.pack_into(f"{order}H", made, directory, rng.choice(_EDGES) & 0xFFFF)
    return bytes(made)


def _header(size: int) -> Callable[[random.Random, bytes], bytes]:
    """Damage the first bytes only, where a format keeps its sizes and lengths."""

    def change(rng: random.Random, data: bytes) -> bytes:
        return damaged(rng, data[:size], [data])[: size + 64] + data[size:]

    return change


def _riff(rng: random.Random, data: bytes) -> bytes:
    """Damage chunks of a WebP, its lengths put right again."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if not chunks:
        return data
    place = rng.randrange(len(chunks))
    what = rng.randrange(4)
    if what == 0:
        del chunks[place]
    elif what == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[place])
    else:
        kind, body = chunks[place]
        chunks[place] = kind, damaged(rng, body, [one for _, one in chunks])
    packed = b"".join(
        kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        for kind, body in chunks
    )
    return b"RIFF" + (len(packed) + 4).to_bytes(4, "little") + b"WEBP" + packed


def _text_header(rng: random.Random, data: bytes) -> bytes:
    """Put odd numbers and words into the header of a PPM."""
    words = data.split(b" ", 4)
    odd = (b"0", b"-1", b"99999999999999999999", b"7000", b"65536", b"#", b"\n", b"1e3", b"nan")
    words[rng.randrange(len(words))] = rng.choice(odd)
    return b" ".join(words)


_STRUCTURES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "png": _png,
    "jpeg": _jpeg,
    "tiff": _tiff,
    "webp": _riff,
    "bmp": _header(54),
    "gif": _header(40),
    "ppm": _text_header,
    "pam": _text_header,
    "pfm": _text_header,
}


# Zips

_ODD_NAMES = (
    *("../up.png", "/etc/passwd", "a/../../up.png", "C:/x.png", "a\\b.png", "\0.png", "", ".", "/"),
    *("a/", "x" * 255, "x" * 5000, "é.png", "e\u0301.png", "a\nb.png", "%s.png", "con", "~/x.png"),
    *("Train/train.csv", "Test.csv", "Train/Images/train/0.png", "\ud800.png"),
)


def _zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, content)
    return file.getvalue()


@cache
def zips() -> dict[str, bytes]:
    """Valid sets of images as zips, by name."""
    some = [pictures()[name] for name in ("png-l", "png-l-28", "jpeg-rgb", "gif-p")]
    labels = "filename,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(4))
    listed = {f"Train/Images/train/{n}.png": data for n, data in enumerate(some)}
    unlabeled = {"Test.csv": b"filename\n0.png\n", "Train/Images/test/0.png": some[0]}
    whole = {"Train/train.csv": labels.encode(), **listed, **unlabeled}
    folders = {f"{'ab'[n % 2]}/{n}.png": data for n, data in enumerate(some)}
    beneath = {f"top/{name}": data for name, data in whole.items()}
    return {
        "zip-labels": _zipped(whole),
        "zip-stored": _zipped(whole, zipfile.ZIP_STORED),
        "zip-bzip2": _zipped(whole, zipfile.ZIP_BZIP2),
        "zip-lzma": _zipped(whole, zipfile.ZIP_LZMA),
        "zip-folders": _zipped(folders),
        "zip-beneath": _zipped(beneath),
        "zip-nested": _zipped(whole | {"Train/Images/train/1.png": _zipped(folders)}),
        "zip-bomb": _zipped(whole | {"Train/Images/train/1.png": bytes(3_000_000)}),
    }


def damaged_zip(rng: random.Random, data: bytes) -> bytes:
    """Damage a zip: bytes, or fields of its directory and of its local headers."""
    if rng.random() < 0.25:
        return damaged(rng, data, list(zips().values()))
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        what = rng.randrange(10)
        if what == 0:
            return _renamed(rng, bytes(made))
        if what == 1:
            end = made.rfind(b"PK\5\6")
            _put(rng, made, end, ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)))
        elif what <= 3:
            local = _places(made, b"PK\3\4")
            fields = ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))
            _put(rng, made, rng.choice(local or [-1]), fields)
        else:
            central = _places(made, b"PK\1\2")
            fields = ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2))
            more = ((32, 2), (34, 2), (38, 4), (42, 4))
            _put(rng, made, rng.choice(central or [-1]), fields + more)
    return bytes(made)


def _places(data: bytearray, signature: bytes) -> list[int]:
    return [at for at in range(len(data) - 3) if data[at : at + 4] == signature]


def _put(rng: random.Random, data: bytearray, at: int, fields: tuple[tuple[int, int], ...]) -> None:
    """Put a number into a field of a header; a link's mode and known methods among them."""
    offset, width = rng.choice(fields)
    if at < 0 or at + offset + width > len(data):
        return
    values = (*_EDGES_32, 0xA1FF0000, 12, 14, 93, 99, rng.randrange(len(data)))
    value = rng.choice(values) & ((1 << 8 * width) - 1)
    data[at + offset : at + offset + width] = value.to_bytes(width, "little")


def _renamed(rng: random.Random, data: bytes) -> bytes:
    """Write the zip again with an entry under an odd name, or twice, or inside another zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # what is damaged already stays as it is
        return data
    place = rng.randrange(len(files)) if files else 0
    odd = rng.choice(_ODD_NAMES)
    if rng.random() < 0.5 and files:
        files[place] = (odd, files[place][1])
    else:
        files.insert(place, (odd, data if rng.random() < 0.3 else b"x"))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo("placeholder", (2026, 1, 1, 0, 0, 0))
            info.filename = name.encode("utf-8", "replace").decode()
            archive.writestr(info, content)
    return made.getvalue()


# Label files

_ODD_CELLS = (
    *("", " ", '"', '""', "'", ",", ";", "\t", "\0", "nan", "NA", "None", "007", "1e400", "-0"),
    *("=1+1", "@SUM(A1)", "<script>", "\ufeff", "\u202e", "é", "e\u0301", "%s", "{}", "$(id)"),
    *("../../etc/passwd", "/dev/zero", "a.png/", "a\nb", "a\rb", "x" * 300, "x" * 140_000),
    *("filename", "label", "0.png", "1.png"),
)


def damaged_labels(rng: random.Random) -> bytes:
    """Make a label file of three pictures (0.png, 1.png, 2.png), damaged."""
    rows = [["filename", "label"], *([f"{n}.png", "ab"[n % 2]] for n in range(3))]
    for _ in range(rng.choice((1, 1, 2, 4))):
        what = rng.randrange(8)
        row = rng.choice(rows) if rows else []
        if what <= 3 and row:
            row[rng.randrange(len(row))] = rng.choice(_ODD_CELLS)
        elif what == 4:
            row.append(rng.choice(_ODD_CELLS))
        elif what == 5 and row:
            row.pop()
        elif what == 6:
            few = 2000 if sum(map(len, row)) < 1000 else 2
            rows += [list(row) for _ in range(rng.choice((1, 2, few)))]
        else:
            rows += [[f"{n}.png", str(n)] for n in range(rng.choice((1, 10, 1000)))]
    separator = rng.choice((",", ",", ",", ",", ";", "\t", "|"))
    end = rng.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    quote = rng.choice((str, str, '"{}"'.format, lambda cell: '"' + cell.replace('"', '""') + '"'))
    text = end.join(separator.join(quote(cell) for cell in row) for row in rows)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-7"))
    data = text.encode(encoding, "replace")[:_MOST_BYTES]
    return damaged(rng, data, [data]) if rng.random() < 0.3 else data


# Configuration


@cache
def configuration() -> dict[str, bytes]:
    """The files of ``conf/base`` that users write versions of, by name."""
    paths = [CONF / "globals.yml", CONF / "catalog_training.yml", *CONF.glob("parameters_*.yml")]
    return {path.name: path.read_bytes() for path in sorted(paths)}


_ODD_YAML = (
    *("", "~", "null", "true", "no", "-1", "0", "1.0", "1e999", ".inf", ".nan", "0x7f", "0o17"),
    *("99999999999999999999999999", "2026-01-01", "12:30:45", "''", '"\\u0000"', "[]", "{}"),
    *("!!python/object/apply:os.system ['touch planted']", "!!python/name:os.system", "!!set {a}"),
    *("!!binary aGk=", "!!timestamp 2026", "!x y", "&a [*a]", "&a {b: *a}", "*nothing", "<<: *a"),
    *("${oc.env:HOME}", "${oc.decode:'[1]'}", "${oc.create:{a: 1}}", "${globals:data_root}"),
    *("${runtime_params:x}", "${protocol}", "${.}", "${..epochs}", "${techniques.l2}", "${", "$"),
    *("[[[[[[[[[[[[", "{a: {a: {a: {a: 1}}}}", "- - - - 1", "? [a]\n: b", "|\n  x", ">", "@", "`"),
    *("'../x'", "con", "best", "baseline", "\u202e", "\ufeff", "\t", "%YAML 3.0", "---", "..."),
)


def damaged_yaml(rng: random.Random, data: bytes) -> bytes:
    """Damage a configuration file: bytes, lines, or values."""
    if rng.random() < 0.2:
        return damaged(rng, data, list(configuration().values()))
    if rng.random() < 0.03:
        return _bomb(rng)
    lines = data.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        key, colon, _value = lines[at].partition(":")
        what = rng.randrange(8)
        if what <= 3 and colon:
            lines[at] = f"{key}: {rng.choice(_ODD_YAML)}"
        elif what == 4:
            lines[at] = f"{rng.choice(_ODD_YAML)}{colon}{_value}"
        elif what == 5:
            lines.insert(at, rng.choice(lines))
        elif what == 6:
            lines[at] = " " * rng.randrange(6) + lines[at].lstrip()
        else:
            del lines[at]
            lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "replace")


def _bomb(rng: random.Random) -> bytes:
    """A small file that stands for very much, or for something very deep."""
    depth = rng.choice((5, 9, 30))
    aliases = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, depth)]
    merges = [f"b{n}: &b{n}\n  <<: [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, depth)]
    level = rng.choice((50, 500, 20_000))
    texts = (
        "\n".join(["a0: &a0 [x]", *aliases]),
        "\n".join(["b0: &b0 {x: 1}", *merges]),
        "techniques: " + "[" * level,
        "techniques: " + "[" * level + "]" * level,
        "techniques: " + "{a: " * level + "1" + "}" * level,
        "images: " + "${" * level + "}" * level,
        "images: " + "x" * 1_000_000,
        "\n".join(f"{'  ' * n}k:" for n in range(min(level, 500))),
        "techniques:\n" + "".join(f"  t{n}: {{l2: {n}}}\n" for n in range(1000)),
    )
    return rng.choice(texts).encode()


@cache
def parameters() -> dict[str, Any]:
    """The parameters of the base study, as ``read_study`` takes them."""
    merged: dict[str, Any] = {}
    for name, content in configuration().items():
        if not name.startswith("catalog"):
            merged |= yaml.safe_load(content)
    return merged


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**64, 10**400, 0.5, -0.0, 1e308, float("inf")),
    *(float("nan"), "", "x", "1", "nan", "true", "\0", "\ud800", "x" * 100_000, "../x", "con"),
    *(b"bytes", [], [[]], [None], {}, {"": {}}, {1: 2}, {None: None}, (1, 2), {"a": {"b": {}}}),
    *(["baseline"], ["l2", "l2"], {"combine": ["l2"]}, {"combine": "l2"}, {"combine": [[]]}),
)


def damaged_settings(rng: random.Random) -> Any:
    """Change values, keys and shapes of the base study's parameters."""
    values = copy.deepcopy(parameters())
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        place: Any = values
        while isinstance(place, dict) and place:
            key = rng.choice(list(place))
            what = rng.randrange(8)
            if isinstance(place[key], dict) and what > 1:
                place = place[key]
                continue
            if what == 0:
                del place[key]
            elif what == 1:
                odd = rng.choice(("a b", "../x", "CON", "", "Baseline", 1, None, 1.5, "x" * 300))
                place[odd] = place.pop(key)
            else:
                place[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
            break
    return values


def intact(kind: str) -> Input:
    """An input of a kind that is not damaged."""
    data = {
        "picture": pictures()["png-rgb"],
        "zip": zips()["zip-labels"],
        "labels": b"filename,label\n0.png,a\n1.png,b\n2.png,c\n",
        "yaml": b"",
    }
    of = "globals.yml" if kind == "yaml" else kind
    return Input(0, kind, of, data.get(kind), parameters() if kind == "settings" else None)
