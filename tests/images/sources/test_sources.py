"""Reading a set as a folder, a zip or a tar; no file outside of it can be read."""

import errno
import gc
import io
import os
import random
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regbench.errors import StudyError
from regbench.images.sources import folder as sources_folder
from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    UnsafeName,
    clean_name,
    rare_garbage_collection,
)
from regbench.images.sources.open import open_source
from regbench.images.sources.tar import TarSource
from regbench.images.sources.zip import ZipSource

Files = dict[str, bytes]
MakeSet = Callable[[Files], Path]

UNSAFE = [
    "../secret",
    "a/../../secret",
    "a/../b",
    "..",
    "/etc/passwd",
    "//etc/passwd",
    "..\\secret",
    "a\\b",
    "C:secret",
    "c:/secret",
]


def make_folder(root: Path, files: Files) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def make_zip(path: Path, files: Files, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: Files) -> Path:
    """Write a tar, compressed by its suffix: tar, gz, bz2 or xz."""
    kind = path.suffix.removeprefix(".")
    with tarfile.open(path, "w:" if kind == "tar" else f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


TARS = ["tar", "gz", "bz2", "xz"]


@pytest.fixture(params=["folder", "zip", *TARS])
def make_set(request: pytest.FixtureRequest, tmp_path: Path) -> MakeSet:
    if request.param == "zip":
        return lambda files: make_zip(tmp_path / "set.zip", files)
    if request.param in TARS:
        return lambda files: make_tar(tmp_path / f"set.{request.param}", files)
    return lambda files: make_folder(tmp_path / "set", files)


def reason(source: ImageSource, name: str, limit: int = 100) -> str:
    with pytest.raises(Unreadable) as caught:
        source.read(name, limit)
    return caught.value.reason


class TestEverySource:
    def test_lists_and_reads_files(self, make_set: MakeSet) -> None:
        path = make_set({"b/2.png": b"two", "a.csv": b"", "b/1.png": b"one"})
        with open_source(path) as source:
            assert source.display == str(path)
            assert source.names() == ["a.csv", "b/1.png", "b/2.png"]
            assert source.names() == ["a.csv", "b/1.png", "b/2.png"]
            assert source.read("b/1.png", 100) == b"one"
            assert source.read("./b//2.png", 100) == b"two"
            assert source.read("a.csv", 100) == b""

    def test_reads_a_file_of_any_size_in_pieces(self, make_set: MakeSet) -> None:
        large = random.Random(0).randbytes(3_000_000)  # noqa: S311
        with open_source(make_set({"a": large, "b": b"", "c": bytes(2_500_000)})) as source:
            read: list[list[bytes]] = [[], [], []]
            # In turn: one does not disturb another.
            for pieces in zip_longest(*map(source.chunks, "abc"), fillvalue=b""):
                for place, piece in zip(read, pieces, strict=True):
                    assert len(piece) <= 1 << 20
                    place.append(piece)
            assert [b"".join(each) for each in read] == [large, b"", bytes(2_500_000)]
            with pytest.raises(Unreadable, match="missing"):
                list(source.chunks("d"))

    def test_hides_what_systems_leave_behind(self, make_set: MakeSet) -> None:
        hidden = [".DS_Store", "__MACOSX/a.png", "x/.git/a.png", "x/._a.png", "x/Thumbs.db"]
        with open_source(make_set(dict.fromkeys(["x/a.png", *hidden], b""))) as source:
            assert source.names() == ["x/a.png"]
            assert source.top_folder() == "x"

    def test_knows_which_files_exist(self, make_set: MakeSet) -> None:
        with open_source(make_set({"x/a.png": b""})) as source:
            assert source.exists("x/a.png")
            assert source.exists("./x/a.png")
            assert not source.exists("x")
            assert not source.exists("x/b.png")
            assert not source.exists("../set/x/a.png")

    @pytest.mark.parametrize("name", ["b", "x/b", "x/a.png/b"])
    def test_reports_missing_files(self, make_set: MakeSet, name: str) -> None:
        with open_source(make_set({"x/a.png": b""})) as source:
            assert reason(source, name) == "missing"

    @pytest.mark.parametrize("name", UNSAFE)
    def test_refuses_names_that_leave_the_set(self, make_set: MakeSet, name: str) -> None:
        path = make_set({"a/b": b""})
        (path.parent / "secret").write_bytes(b"secret")
        with open_source(path) as source, pytest.raises(UnsafeName):
            source.read(name, 100)

    @pytest.mark.parametrize("name", ["", ".", "a\0b", "a\udc80"])
    def test_refuses_names_of_no_file(self, make_set: MakeSet, name: str) -> None:
        with open_source(make_set({"a": b""})) as source:
            assert reason(source, name) == "not a file name"

    def test_limits_the_bytes_read(self, make_set: MakeSet) -> None:
        with open_source(make_set({"a": b"x" * 100, "b": b"x" * 101})) as source:
            assert source.read("a", 100) == b"x" * 100
            assert reason(source, "b", 100) == "too large: more than 100 bytes"

    def test_top_folder_is_the_root_on_demand(self, make_set: MakeSet) -> None:
        with open_source(make_set({"top/x/a.png": b"a", "top/b.csv": b"b"})) as source:
            assert source.top_folder() == "top"
            inner = source.within("top")
            assert inner.names() == ["b.csv", "x/a.png"]
            assert inner.read("x/a.png", 9) == b"a"
            assert inner.top_folder() is None

    @pytest.mark.parametrize("files", [["a", "x/b"], ["a"], ["x/a", "y/b"], []])
    def test_several_tops_are_no_top_folder(self, make_set: MakeSet, files: list[str]) -> None:
        with open_source(make_set({".keep": b""} | dict.fromkeys(files, b""))) as source:
            assert source.top_folder() is None


DIGESTED: Files = {"Train/train.csv": b"filename,label", "Train/a.png": b"one", "b.png": b"two"}
OTHERS: dict[str, Files] = {
    "content of the same size": DIGESTED | {"b.png": b"twO"},
    "two contents changed round": DIGESTED | {"Train/a.png": b"two", "b.png": b"one"},
    "a name": {name.replace("b.", "c."): data for name, data in DIGESTED.items()},
    "a folder": {name.replace("Train/a", "a"): data for name, data in DIGESTED.items()},
    "one file more": DIGESTED | {"c.png": b""},
    "one file less": {name: data for name, data in DIGESTED.items() if name != "b.png"},
    "an empty file": DIGESTED | {"b.png": b""},
    "no files": {},
}


class TestDigest:
    """The digest of a set."""

    @pytest.fixture(params=["folder", "zip", "tar", "gz"])
    def digest(self, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Files], str]:
        def made(files: Files) -> str:
            place = tmp_path / f"set {len(list(tmp_path.iterdir()))}"
            if request.param == "zip":
                make_zip(place, files)
            elif request.param in TARS:
                place = make_tar(place.with_suffix(f".{request.param}"), files)
            else:
                place.mkdir()
                make_folder(place, files)
            with open_source(place) as source:
                return source.digest()

        return made

    def test_is_the_same_for_the_same_files(self, digest: Callable[[Files], str]) -> None:
        turned = dict(reversed(DIGESTED.items()))
        assert digest(DIGESTED) == digest(dict(DIGESTED)) == digest(turned)

    def test_is_another_for_any_other_files(self, digest: Callable[[Files], str]) -> None:
        digests = {kind: digest(files) for kind, files in OTHERS.items()}
        assert len({digest(DIGESTED), *digests.values()}) == len(OTHERS) + 1

    @pytest.mark.parametrize("hidden", [".DS_Store", "Train/Thumbs.db"])
    def test_does_not_count_what_systems_leave_behind(
        self, digest: Callable[[Files], str], hidden: str
    ) -> None:
        assert digest(DIGESTED | {hidden: b"x"}) == digest(DIGESTED)

    def test_depends_on_where_a_file_ends(self, digest: Callable[[Files], str]) -> None:
        joined = {"a": b"1b\0" + b"2"}
        assert digest(joined) != digest({"a": b"1", "b": b"2"})

    def test_of_a_zip_does_not_depend_on_how_it_is_packed(self, tmp_path: Path) -> None:
        digests = set()
        for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with open_source(make_zip(tmp_path / f"{kind}.zip", DIGESTED, kind)) as source:
                digests.add(source.digest())
        assert len(digests) == 1

    def test_of_a_zip_depends_on_the_order_of_equal_names(self, tmp_path: Path) -> None:
        digests = set()
        for first, second in ((b"1", b"2"), (b"2", b"1")):
            path = make_zip(tmp_path / f"{first!r}.zip", {"a": first, "./a": second})
            with open_source(path) as source:
                digests.add(source.digest())
        assert len(digests) == 2

    def test_of_a_folder_accepts_unreadable_files(self, tmp_path: Path) -> None:
        folder = make_folder(tmp_path / "set", {"a": b"1"})
        with open_source(folder) as source:
            before = source.digest()
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("../nowhere")
        (folder / "folder").symlink_to(tmp_path)
        (folder / os.fsdecode(b"\xff")).write_bytes(b"a name in no encoding")
        with open_source(folder) as source:
            after = source.digest()
            assert after == source.digest() != before


class TestOpening:
    @pytest.mark.parametrize("name", ["absent", "a\0b", "x" * 5000])
    def test_names_a_missing_path(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(StudyError, match="does not exist") as caught:
            open_source(tmp_path / name)
        assert repr(str(tmp_path / name)) in caught.value.message

    @pytest.mark.parametrize("data", [b"", b"filename,label\n", b"PK\x05\x06" + b"\xff" * 18])
    def test_refuses_other_files(self, tmp_path: Path, data: bytes) -> None:
        path = make_folder(tmp_path, {"set.csv": data}) / "set.csv"
        with pytest.raises(StudyError, match="neither a folder nor a readable zip") as caught:
            open_source(path)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message

    def test_root_may_be_a_link(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "real", {"a": b"1"})
        (tmp_path / "link").symlink_to("real")
        with open_source(tmp_path / "link") as source:
            assert source.read("a", 9) == b"1"


class TestFolder:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        make_folder(tmp_path, {"outside/secret": b"secret", "set-2/secret": b"secret"})
        return make_folder(tmp_path / "set", {"a/1": b"one"})

    def test_follows_links_that_stay_inside(self, root: Path) -> None:
        (root / "file").symlink_to("a/1")
        (root / "folder").symlink_to("a")
        with open_source(root) as source:
            assert source.read("file", 9) == b"one"
            assert source.read("folder/1", 9) == b"one"

    @pytest.mark.parametrize("target", ["outside", "set-2", "."])
    def test_refuses_links_to_folders_outside(self, root: Path, target: str) -> None:
        (root / "folder").symlink_to(root.parent / target)
        with open_source(root) as source:
            assert reason(source, "folder/secret") == "leaves the set"

    @pytest.mark.parametrize("target", ["../outside/secret", "../set-2/secret", "../absent"])
    def test_refuses_links_to_files_outside(self, root: Path, target: str) -> None:
        (root / "file").symlink_to(target)
        (root / "chain").symlink_to("file")
        with open_source(root) as source:
            assert reason(source, "file") == "leaves the set"
            assert reason(source, "chain") == "leaves the set"

    def test_links_are_told_where_opening_follows_them(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sources_folder, "_NOFOLLOW", 0)  # as on Windows
        (root / "file").symlink_to("a/1")
        (root / "out").symlink_to("../outside/secret")
        with open_source(root) as source:
            assert source.read("file", 9) == b"one"
            assert reason(source, "out") == "leaves the set"

    def test_reads_a_file_that_comes_in_pieces(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = os.read
        (root / "long").write_bytes(bytes(range(256)))
        with open_source(root) as source:
            whole = source.digest()
            monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 7)))
            assert source.read("long", 256) == bytes(range(256))
            assert source.digest() == whole

    def test_a_file_held_by_another_program_is_waited_for(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = os.open

        def held(path: str, flags: int) -> int:
            if flags & os.O_NONBLOCK:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return opened(path, flags)

        with open_source(root) as source:
            monkeypatch.setattr(os, "open", held)
            assert source.read("a/1", 9) == b"one"

    @pytest.mark.parametrize("fails", ["fstat", "read"])
    def test_a_failing_disk_is_told_and_no_file_stays_open(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, fails: str
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(5, "Input/output error")

        before = os.listdir("/dev/fd")
        with open_source(root) as source:
            whole = source.digest()
            with monkeypatch.context() as disk:
                disk.setattr(os, fails, refuse)
                assert reason(source, "a/1") == "unreadable: Input/output error"
                assert source.digest() != whole
            assert source.digest() == whole
        assert os.listdir("/dev/fd") == before

    @pytest.mark.parametrize("how", ["moved", "unmounted", "refused"])
    def test_a_folder_that_is_gone_is_no_missing_picture(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        with open_source(root) as source:
            assert reason(source, "none") == "missing"
            if how == "moved":
                root.rename(root.with_name("elsewhere"))
            elif how == "unmounted":  # the folder below the mount is empty, on another disk
                monkeypatch.setattr(sources_folder, "_disk_of", lambda _: -1)
                (root / "a/1").unlink()
            else:

                def refuse(*_: object) -> None:
                    raise OSError(errno.ESTALE, "Stale file handle")

                monkeypatch.setattr(os, "open", refuse)
                monkeypatch.setattr(os, "scandir", refuse)
            with pytest.raises(
                StudyError, match=r"there no more \(unmounted, moved or deleted\?\)"
            ):
                source.read("a/1", 9)

    def test_keeps_no_file_open(self, root: Path) -> None:
        (root / "out").symlink_to("../outside/secret")
        before = os.listdir("/dev/fd")
        with open_source(root) as source:
            source.read("a/1", 9)
            for name, limit in (("a/1", 2), ("a", 9), ("out", 9), ("absent", 9)):
                assert reason(source, name, limit)
            source.digest()
        assert os.listdir("/dev/fd") == before

    def test_names_linked_folders_without_walking_them(self, root: Path) -> None:
        (root / "b").symlink_to(root.parent / "outside")
        (root / "a/loop").symlink_to(root)
        with open_source(root) as source:
            assert source.names() == ["a/1", "a/loop/", "b/"]
            assert reason(source, "b/") == "a folder or a link to one"

    def test_linked_top_folder_is_not_entered(self, tmp_path: Path) -> None:
        make_folder(tmp_path, {"outside/secret": b"secret", "set/.keep": b""})
        (tmp_path / "set/top").symlink_to(tmp_path / "outside")
        with open_source(tmp_path / "set") as source:
            assert source.top_folder() is None

    def test_refuses_what_is_no_plain_file(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.mkfifo(root / "pipe")  # opening it would block
        (root / "to_pipe").symlink_to("pipe")
        (root / "to_socket").symlink_to("socket")
        (root / "loop").symlink_to("loop")
        monkeypatch.chdir(root)  # the name of a socket must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
        with open_source(root) as source:
            assert reason(source, "pipe") == "not a file"
            assert reason(source, "to_pipe") == "not a file"
            assert reason(source, "socket") == "not a file"
            assert reason(source, "to_socket") == "not a file"
            assert reason(source, "a") == "not a file"
            assert reason(source, "loop") == "not a file"
            assert reason(source, "x" * 300) == "unreadable: File name too long"

    def test_reports_when_a_folder_cannot_be_listed(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        with open_source(root) as source:
            monkeypatch.setattr(os, "scandir", refuse)
            for look in (source.top_folder, lambda: open_source(root)):
                with pytest.raises(StudyError, match=r"cannot list .*: Permission denied"):
                    look()


class TestZip:
    def test_lists_unsafe_entries_and_reads_none(self, tmp_path: Path) -> None:
        names = ["../evil", "/evil", "top/../../evil", "top\\..\\evil", "top/a"]
        path = make_zip(tmp_path / "set.zip", dict.fromkeys(names, b"x"))
        with open_source(path) as source:
            assert sorted(source.names()) == sorted(names)
            assert source.top_folder() == "top"
            inner = source.within("top")
            unsafe = ["../evil", "/evil", "../../evil", "top\\..\\evil"]
            assert sorted(inner.names()) == sorted([*unsafe, "a"])
            for name in unsafe:
                assert reason(inner, name) == "leaves the set"

    def test_first_of_two_entries_counts_and_both_are_listed(self, tmp_path: Path) -> None:
        with open_source(make_zip(tmp_path / "x.zip", {"a": b"1", "./a": b"2"})) as source:
            assert source.names() == ["a", "a"]
            assert source.read("a", 9) == b"1"

    def test_ignores_entries_of_folders(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.mkdir("top")
            archive.writestr("top/a", b"1")
        with open_source(tmp_path / "x.zip") as source:
            assert source.names() == ["top/a"]

    def test_refuses_links(self, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        with open_source(tmp_path / "x.zip") as source:
            assert reason(source, "link") == "unreadable: a link in a zip"

    def test_refuses_encrypted_entries(self, tmp_path: Path) -> None:
        data = bytearray(make_zip(tmp_path / "x.zip", {"a": b"1"}).read_bytes())
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        (tmp_path / "x.zip").write_bytes(data)
        with open_source(tmp_path / "x.zip") as source:
            assert reason(source, "a") == "unreadable: encrypted"

    @pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_refuses_compressions_that_inflate_without_bound(
        self, tmp_path: Path, compression: int
    ) -> None:
        with open_source(make_zip(tmp_path / "x.zip", {"a": b"1"}, compression)) as source:
            assert reason(source, "a").startswith("unreadable: compressed by neither")

    def test_refuses_an_entry_that_inflates_beyond_the_limit(self, tmp_path: Path) -> None:
        path = make_zip(tmp_path / "x.zip", {"a": b"\0" * 30_000_000})
        assert path.stat().st_size < 100_000
        with open_source(path) as source:
            assert reason(source, "a", 1_000_000) == "too large: more than 1000000 bytes"

    def test_refuses_an_entry_larger_than_it_says(self, tmp_path: Path) -> None:
        data = bytearray(make_zip(tmp_path / "x.zip", {"a": b"\0" * 30_000_000}).read_bytes())
        for start in (22, data.index(b"PK\x01\x02") + 24):
            data[start : start + 4] = (100).to_bytes(4, "little")
        (tmp_path / "x.zip").write_bytes(data)
        with open_source(tmp_path / "x.zip") as source:
            assert reason(source, "a", 1 << 20) == "unreadable: damaged zip entry"

    def test_refuses_damaged_entries(self, tmp_path: Path) -> None:
        path = make_zip(tmp_path / "x.zip", {"a": b"content"}, zipfile.ZIP_STORED)
        path.write_bytes(path.read_bytes().replace(b"content", b"Content"))
        with open_source(path) as source:
            assert reason(source, "a") == "unreadable: damaged zip entry"


@given(st.text(st.characters(), max_size=30))
def test_clean_names_are_relative_and_stay_clean(name: str) -> None:
    try:
        clean = clean_name(name)
    except Unreadable:
        return
    assert clean_name(clean) == clean
    assert not os.path.isabs(clean)
    assert not {"", ".", ".."} & set(clean.split("/"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 12), cut=st.booleans())
def test_no_damage_to_a_zip_raises_anything_else(
    tmp_path: Path, seed: int, changes: int, cut: bool
) -> None:
    content: Files = {f"top/{number}": bytes(range(100)) * 3 for number in range(3)}
    data = bytearray(make_zip(tmp_path / "good.zip", content).read_bytes())
    rng = random.Random(seed)  # noqa: S311
    for _ in range(changes):
        data[rng.randrange(len(data))] = rng.randrange(256)
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data[: rng.randrange(len(data))] if cut else data)
    with suppress(StudyError), open_source(damaged) as source:
        source.top_folder()
        assert source.digest() == source.digest()
        for name in source.names():
            with suppress(Unreadable):
                assert len(source.read(name, 1000)) <= 1000


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_whose_disk_is_gone_is_no_damaged_picture(
    make: Callable[[Path, Files], Path], tmp_path: Path
) -> None:
    class Disk(io.BytesIO):
        number = errno.EIO

        def read(self, *_: object) -> bytes:
            raise OSError(self.number, os.strerror(self.number))

    disk = Disk()
    with open_source(make(tmp_path / "set", {"a": b"one", "b": b"two"})) as source:
        if isinstance(source, ZipSource):
            source._archive.fp = disk
        else:
            assert isinstance(source, TarSource)
            source._file = disk
        assert reason(source, "a") == "unreadable: Input/output error"  # perhaps of one place
        disk.number = errno.ENODEV
        with pytest.raises(
            StudyError, match=r"No such device: the disk or share .* is gone; bring"
        ):
            source.read("a", 9)


class TestGarbageCollection:
    @pytest.fixture(autouse=True)
    def thresholds(self) -> Iterator[None]:
        before = gc.get_threshold()
        yield
        gc.set_threshold(*before)

    def test_is_rare_and_then_as_before(self) -> None:
        gc.set_threshold(700, 10, 10)
        with suppress(ValueError), rare_garbage_collection():
            assert gc.get_threshold() == (100_000, 10, 10)
            with rare_garbage_collection():
                pass
            assert gc.get_threshold() == (100_000, 10, 10)
            raise ValueError
        assert gc.get_threshold() == (700, 10, 10)

    @pytest.mark.parametrize("first", [0, 1_000_000])
    def test_that_is_off_or_rarer_stays_so(self, first: int) -> None:
        gc.set_threshold(first, 10, 10)
        with rare_garbage_collection():
            assert gc.get_threshold()[0] == first
        assert gc.get_threshold()[0] == first


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_named_pipe_is_no_set_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "set.zip")
    with pytest.raises(
        StudyError, match=r"set\.zip' is neither a folder nor a readable zip: not a"
    ):
        open_source(tmp_path / "set.zip")
