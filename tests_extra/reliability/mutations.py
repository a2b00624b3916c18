"""Inputs for fuzzing: valid files of every kind that RegBench reads, damaged on purpose.

Everything follows from a seed and a number: the same two give the same bytes on any machine with
the same versions of Pillow and NumPy.
"""

import io
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from benchmarks.harness import ROOT
from PIL import Image

# How often each kind is tried, in 20.
SHARES = {"picture": 9, "zip": 4, "labels": 4, "settings": 3}
LABELS = b"filename,label\n0.png,a\n1.png,b\n2.png,c\n"
_EDGES = (*(0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000),)
_EDGES += (0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_MOST_BYTES = 8_000_000  # of a label file: what is large only takes long


@dataclass(frozen=True)
class Input:
    """One input: its number, its kind, what was damaged (for example ``png-rgb``), the file."""

    number: int
    kind: str
    of: str
    data: bytes


def make(seed: int, number: int) -> Input:
    """Make one input."""
    rng = random.Random(f"{seed}:{number}")  # noqa: S311
    kind = [kind for kind, share in SHARES.items() for _ in range(share)][number % 20]
    make_sound, damage = {
        "picture": (pictures, _picture),
        "zip": (zips, _zip),
        "labels": (lambda: {"label file": LABELS}, _labels),
        "settings": (settings, _yaml),
    }[kind]
    sound = make_sound()
    name = rng.choice(sorted(sound))
    return Input(number, kind, name, damage(rng, sound[name]))


def intact(kind: str) -> Input:
    """An input of a kind that is not damaged."""
    data = {"picture": pictures()["png-rgb"], "zip": zips()["zip-deflated"], "labels": LABELS}
    return Input(0, kind, "globals.yml", data.get(kind, b""))


def _bytes(rng: random.Random, data: bytes) -> bytes:
    """Change bytes in some of the usual ways, one to four times."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(min(len(data) + 1, rng.choice((64, 1 << 30))))
        size = rng.choice((1, 2, 4, 64, 512))
        part, after = data[at : at + size], data[at + size :]
        number = rng.choice(_EDGES).to_bytes(4, rng.choice(("little", "big")))
        data = data[:at] + rng.choice(
            (
                *2
                * (bytes([part[0] ^ 1 << rng.randrange(8)]) + part[1:] + after if part else b"",),
                *2 * (number[: len(part)] + part[4:] + after,),
                b"",
                after,
                rng.randbytes(size) + part + after,
                part * rng.choice((2, 50)) + after,
            )
        )
    return data


# Pictures


@cache
def pictures() -> dict[str, bytes]:
    """Valid pictures of every format and of most of what a format can hold, by name."""
    values = np.random.default_rng(1).integers(0, 256, (24, 20, 4), np.uint8)
    rgba = Image.fromarray(values, "RGBA")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    profile = {"exif": exif, "icc_profile": b"i" * 60}
    frames = {"save_all": True, "append_images": [rgba.convert("RGB").rotate(90)]}
    options: dict[str, list[dict[str, Any]]] = {
        "png": [{}, {"transparency": 3}, profile, frames],
        "jpeg": [{}, {"progressive": True, "comment": b"a comment", **profile}],
        "bmp": [{}],
        "gif": [{}, {"transparency": 3, "comment": b"a comment"}, frames],
        "tiff": [{}, *({"compression": f"tiff_{how}"} for how in ("lzw", "adobe_deflate")), frames],
        "webp": [profile, {"lossless": True}, frames],
        "ppm": [{}],
    }
    found = {}
    for kind, of_kind in options.items():
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"):
            if mode == "I;16":
                image = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
            else:
                image = rgba.convert("RGB").quantize(16) if mode == "P" else rgba.convert(mode)
            for number, how in enumerate(of_kind):
                file = io.BytesIO()
                try:
                    image.save(file, kind, **how)
                except (OSError, ValueError, SystemError, struct.error):
                    continue  # a format does not hold everything
                name = f"{kind}-{mode.lower().replace(';', '')}-{number}".removesuffix("-0")
                found[name] = file.getvalue()
    small = io.BytesIO()
    rgba.convert("L").resize((28, 28)).save(small, "png")
    found["png-l-28"] = small.getvalue()  # what is read the fast way
    found["ppm-text"] = b"P3\n# a comment\n3 2 255\n" + b" ".join(b"%d" % n for n in range(18))
    return found


def _picture(rng: random.Random, data: bytes) -> bytes:
    """Damage a picture; of a PNG, whose chunks RegBench reads itself, those."""
    if data.startswith(b"\x89PNG") and rng.random() < 0.6:
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = _png(rng, data)
        if rng.random() < 0.7:
            return data
    return _bytes(rng, data)


def _png(rng: random.Random, data: bytes) -> bytes:
    """Damage chunks of a PNG, their checksums put right again."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    what = rng.randrange(7)
    if what == 0:
        del chunks[at]
    elif what == 1:
        rng.shuffle(chunks)
    elif what == 2:
        kind = rng.choice((b"tRNS", b"PLTE", b"IDAT", b"IEND", b"iCCP", b"zTXt", b"acTL", b"fcTL"))
        chunks.insert(at, (kind, rng.randbytes(rng.choice((0, 1, 4, 13, 26, 768)))))
    elif what == 3 and len(chunks[0][1]) == 13:
        fields = list(struct.unpack(">IIBBBBB", chunks[0][1]))
        place, sides = rng.randrange(7), (0, 1, 28, 1000, 7000, 49_999, 0x7FFFFFFF, 0xFFFFFFFF)
        fields[place] = rng.choice(sides if place < 2 else (0, 1, 2, 3, 4, 6, 8, 16, 255))
        chunks[0] = chunks[0][0], struct.pack(">IIBBBBB", *fields)
    elif what == 4:
        for place, (name, content) in enumerate(chunks):
            if name in (b"IDAT", b"fdAT", b"zTXt", b"iCCP"):
                chunks[place] = name, _repacked(rng, content)
    else:
        chunks[at] = kind, _bytes(rng, body)
    return data[:8] + b"".join(
        len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
        for kind, body in chunks
    )


def _repacked(rng: random.Random, content: bytes) -> bytes:
    """Damage what is inside a deflate stream, or make very much of it."""
    try:
        inside = zlib.decompress(content)
    except zlib.error:
        return content
    if rng.random() < 0.2:
        return zlib.compress(inside * rng.choice((2, 100, 20_000)), 1)
    return zlib.compress(_bytes(rng, inside))


# Zips

_ODD_NAMES = (
    *("../up.png", "/etc/passwd", "a/../../up.png", "C:/x.png", "a\\b.png", "\0.png", "", ".", "/"),
    *("a/", "x" * 255, "x" * 5000, "é.png", "e\u0301.png", "a\nb.png", "%s.png", "con", "~/x.png"),
    *("Train/train.csv", "Test.csv", "Train/Images/train/0.png", "\ud800.png"),
)
# Places and widths of fields in a zip's headers, by the signature that these begin with.
_FIELDS = {
    b"PK\5\6": ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
    b"PK\3\4": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\1\2": (
        *((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2)),
        *((32, 2), (34, 2), (38, 4), (42, 4)),
    ),
}


def _zipped(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files:
            info = zipfile.ZipInfo("placeholder", (2026, 1, 1, 0, 0, 0))
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = method
            archive.writestr(info, content)
    return file.getvalue()


@cache
def zips() -> dict[str, bytes]:
    """Valid sets of images as zips, by name."""
    some = [pictures()[name] for name in ("png-l", "png-l-28", "jpeg-rgb", "gif-p")]
    labels = "filename,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(4))
    whole = [("Train/train.csv", labels.encode()), ("Test.csv", b"filename\n0.png\n")]
    whole += [(f"Train/Images/train/{n}.png", data) for n, data in enumerate(some)]
    whole.append(("Train/Images/test/0.png", some[0]))
    folders = _zipped([(f"{'ab'[n % 2]}/{n}.png", data) for n, data in enumerate(some)])
    methods = {"stored": 0, "deflated": 8, "bzip2": 12, "lzma": 14}
    return {
        **{f"zip-{name}": _zipped(whole, method) for name, method in methods.items()},
        "zip-folders": folders,
        "zip-beneath": _zipped([(f"top/{name}", data) for name, data in whole]),
        "zip-nested": _zipped([*whole[:3], ("Train/Images/train/1.png", folders)]),
        "zip-bomb": _zipped([*whole[:3], ("Train/Images/train/1.png", bytes(3_000_000))]),
    }


def _zip(rng: random.Random, data: bytes) -> bytes:
    """Damage a zip: bytes, names, or fields of its directory and of its local headers."""
    if rng.random() < 0.25:
        return _bytes(rng, data)
    if rng.random() < 0.2:
        return _renamed(rng, data)
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        signature = rng.choice((b"PK\5\6", b"PK\3\4", b"PK\3\4", *4 * (b"PK\1\2",)))
        places = [at for at in range(len(data) - 3) if data[at : at + 4] == signature]
        offset, width = rng.choice(_FIELDS[signature])
        at = rng.choice(places) + offset
        # A link's mode and known methods among them.
        values = (*_EDGES, 0xA1FF0000, 12, 14, 93, 99, rng.randrange(len(data)))
        value = rng.choice(values) & ((1 << 8 * width) - 1)
        made[at : at + width] = value.to_bytes(width, "little")
    return bytes(made)


def _renamed(rng: random.Random, data: bytes) -> bytes:
    """Write the zip again with an entry under an odd name, or twice, or inside another zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place, odd = rng.randrange(len(files)), rng.choice(_ODD_NAMES)
    if rng.random() < 0.5:
        files[place] = (odd, files[place][1])
    else:
        files.insert(place, (odd, data if rng.random() < 0.3 else b"x"))
    return _zipped(files, zipfile.ZIP_STORED)


# Label files

_ODD_CELLS = (
    *("", " ", '"', '""', "'", ",", ";", "\t", "\0", "nan", "NA", "None", "007", "1e400", "-0"),
    *("=1+1", "@SUM(A1)", "<script>", "\ufeff", "\u202e", "é", "e\u0301", "%s", "{}", "$(id)"),
    *("../../etc/passwd", "/dev/zero", "a.png/", "a\nb", "a\rb", "x" * 300, "x" * 140_000),
    *("filename", "label", "0.png", "1.png"),
)


def _labels(rng: random.Random, sound: bytes) -> bytes:
    rows = [line.split(",") for line in sound.decode().split()]
    for _ in range(rng.choice((1, 1, 2, 4))):
        what, row = rng.randrange(8), rng.choice(rows)
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
    return _bytes(rng, data) if rng.random() < 0.3 else data


# Settings

_ODD_YAML = (
    *("", "~", "null", "true", "no", "-1", "0", "1.0", "1e999", ".inf", ".nan", "0x7f", "0o17"),
    *("99999999999999999999999999", "2026-01-01", "12:30:45", "''", '"\\u0000"', "[]", "{}"),
    *("!!python/object/apply:os.system ['touch planted']", "!!python/name:os.system", "!!set {a}"),
    *("!!binary aGk=", "!!timestamp 2026", "!x y", "&a [*a]", "&a {b: *a}", "*nothing", "<<: *a"),
    *("${oc.env:HOME}", "${oc.decode:'[1]'}", "${oc.create:{a: 1}}", "${globals:data_root}"),
    *("${runtime_params:x}", "${protocol}", "${.}", "${..epochs}", "${techniques.l2}", "${", "$"),
    *("[[[[[[[[[[[[", "{a: {a: {a: {a: 1}}}}", "- - - - 1", "? [a]\n: b", "|\n  x", ">", "@", "`"),
    *("'../x'", "con", "best", "baseline", "\u202e", "\ufeff", "\t", "%YAML 3.0", "---", "..."),
    *("[l2, l2]", "{combine: [l2]}", "{combine: l2}", "{'': {}}", "{1: 2}", "x" * 300),
)


@cache
def settings() -> dict[str, bytes]:
    """The files of ``conf/base`` that users write versions of, by name."""
    conf = ROOT / "conf" / "base"
    paths = [conf / "globals.yml", conf / "catalog_training.yml", *conf.glob("parameters_*.yml")]
    return {path.name: path.read_bytes() for path in sorted(paths)}


def _yaml(rng: random.Random, data: bytes) -> bytes:
    """Damage a configuration file: bytes, lines, or values."""
    if rng.random() < 0.1:
        return _bytes(rng, data)
    lines = data.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        key, colon, value = lines[at].partition(":")
        what = rng.randrange(8)
        if what <= 3 and colon:
            lines[at] = f"{key}: {rng.choice(_ODD_YAML)}"
        elif what == 4:
            lines[at] = f"{rng.choice(_ODD_YAML)}{colon}{value}"
        elif what == 5:
            lines.insert(at, rng.choice(lines))
        elif what == 6:
            lines[at] = " " * rng.randrange(6) + lines[at].lstrip()
        else:
            lines[at] = ""
    return "\n".join(lines).encode("utf-8", "replace")
