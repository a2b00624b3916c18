"""A set in a tar: nothing leaves it, nothing of it is lost in silence, bombs are refused."""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regbench.errors import StudyError
from regbench.images.sources import inflate
from regbench.images.sources.base import Unreadable, UnsafeName
from regbench.images.sources.open import open_source

Members = list[tuple[str, bytes | tarfile.TarInfo]]


def tar(members: Members) -> bytes:
    """Return a tar of files, and of headers without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name) if isinstance(content, bytes) else content
            info.name = name
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def header(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def stop(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(StudyError) as caught:
        open_source(path)
    return caught.value.message.replace(repr(str(path)), "SET")


def test_the_last_of_equal_names_counts_as_for_tar(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    path.write_bytes(tar([("a", b"first"), ("./a", b"last"), ("b", b"")]))
    with open_source(path) as source:
        assert source.names() == ["a", "a", "b"]
        assert source.read("a", 9) == b"last"
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out/a").read_bytes() == b"last"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\evil", "C:evil"])
def test_names_that_leave_the_set_are_listed_and_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "set.tar.gz").write_bytes(gzip.compress(tar([("a/b", b"1"), (name, b"2")])))
    with open_source(tmp_path / "set.tar.gz") as source:
        assert name in source.names()
        with pytest.raises(UnsafeName):
            source.read(name, 9)
    assert os.listdir(tmp_path) == ["set.tar.gz"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "unreadable: a link in a tar"),
        (tarfile.LNKTYPE, "unreadable: a link in a tar"),
        (tarfile.CHRTYPE, "not a file"),
        (tarfile.BLKTYPE, "not a file"),
        (tarfile.FIFOTYPE, "not a file"),
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes, reason: str) -> None:
    path = tmp_path / "set.tar"
    path.write_bytes(tar([("a", b"1"), ("odd", header(kind, "a"))]))
    with open_source(path) as source:
        assert source.names() == ["a", "odd"]
        assert source.digest() == source.digest()
        for read in (lambda: source.read("odd", 9), lambda: list(source.chunks("odd"))):
            with pytest.raises(Unreadable) as caught:
                read()
            assert caught.value.reason == reason


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo()
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "9", "GNU.sparse.name": "a"}
    path = tmp_path / "set.tar"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info.name, info.size = "a", 1
        archive.addfile(info, io.BytesIO(b"x"))
    path.write_bytes(buffer.getvalue())
    with open_source(path) as source, pytest.raises(Unreadable) as caught:
        source.read("a", 9)
    assert caught.value.reason == "unreadable: a sparse file in a tar"


THREE = tar([(name, name.encode() * 700) for name in "abc"])


@pytest.mark.parametrize("length", [600, 1024, 1500, 2048, 4608])
def test_one_that_is_cut_short_stops(tmp_path: Path, length: int) -> None:
    assert stop(tmp_path / "set.tar", THREE[:length]) == "SET cannot be read: cut short"


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    damaged = bytearray(THREE)
    damaged[1536:1540] = b"\xff\xff\xff\xff"  # in the name of the second
    assert stop(tmp_path / "set.tar", bytes(damaged)) == "SET cannot be read: damaged tar"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_ones_are_cut_short_or_damaged_or_none(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(tar([("a", random.Random(0).randbytes(200_000))]))  # noqa: S311
    path = tmp_path / "set.tgz"
    assert stop(path, packed[:-1000]) == "SET cannot be read: cut short"
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0x40
    assert stop(path, bytes(damaged)).startswith("SET cannot be read: damaged")
    assert stop(path, pack(b"filename,label\n" * 99)).endswith(
        " of another file than a tar; unpack it"
    )
    path.write_bytes(pack(THREE[:1000]) + pack(THREE[1000:]))  # as pigz and others write
    with open_source(path) as source:
        assert source.names() == ["a", "b", "c"]
        assert source.read("c", 999) == b"c" * 700


def test_a_bomb_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_BOMB_BYTES", 1 << 20)
    packed = gzip.compress(tar([("a", bytes(20 << 20))]))
    reason = "inflates to more than a hundred times its size, as a bomb does"
    assert stop(tmp_path / "set.tgz", packed) == f"SET cannot be read: {reason}"


def test_a_long_header_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    assert (
        stop(tmp_path / "set.tar", info.tobuf() + bytes(10_240))
        == "SET cannot be read: damaged tar"
    )


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    said = stop(tmp_path / "set.tgz", gzip.compress(THREE))
    assert said.startswith("cannot unpack into ")
    assert said.endswith("No space left on device; set TMPDIR to a folder with more space")


def test_what_is_closed_or_shorter_than_it_was_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    path.write_bytes(tar([("a", bytes(3_000_000))]))
    with open_source(path) as source:
        whole = source.digest()
        os.truncate(path, 1_000_000)
        with pytest.raises(Unreadable, match="damaged tar"):
            source.read("a", 9_000_000)
        assert source.digest() != whole
    with pytest.raises(Unreadable, match="damaged tar"):
        source.read("a", 9_000_000)


def test_keeps_no_file_open(tmp_path: Path) -> None:
    before = os.listdir("/dev/fd")
    for data in (THREE, gzip.compress(THREE), THREE[:700], gzip.compress(THREE)[:90], b"x" * 999):
        (tmp_path / "set.tar").write_bytes(data)
        with suppress(StudyError), open_source(tmp_path / "set.tar") as source:
            source.read("a", 999)
    assert os.listdir("/dev/fd") == before


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x01\0", "RAR"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
    ],
)
def test_other_archives_are_named(tmp_path: Path, begin: bytes, kind: str) -> None:
    assert stop(tmp_path / "set.7z", begin + bytes(900)) == (
        f"SET is a {kind} archive, which is not read; unpack it and set images to the folder"
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    changes=st.integers(1, 12),
    cut=st.booleans(),
    packed=st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
)
def test_no_damage_raises_anything_else(
    tmp_path: Path, seed: int, changes: int, cut: bool, packed
) -> None:  # type: ignore[no-untyped-def]
    data = bytearray(packed(THREE))
    rng = random.Random(seed)  # noqa: S311
    for _ in range(changes):
        data[rng.randrange(len(data))] = rng.randrange(256)
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(data[: rng.randrange(len(data))] if cut else data)
    with suppress(StudyError), open_source(damaged) as source:
        source.top_folder()
        assert source.digest() == source.digest()
        for name in source.names():
            with suppress(Unreadable):
                assert len(source.read(name, 1000)) <= 1000
