"""Files in a store, tested with fsspec's in-memory file system."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from regbench.errors import StudyError
from regbench.storage import remote
from regbench.storage.addresses import (
    address_problem,
    clean_address,
    credentials_of,
    with_credentials,
)
from regbench.storage.remote import RemoteFile
from regbench.storage.stored_file import LocalFile, stored_file
from regbench.text import redaction

LOGIN = "key:secret"


pytestmark = pytest.mark.usefixtures("store")


def fail(times: int, error: Exception) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Patch a method of a file system to fail a number of times before it works."""
    left = [times]

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*args: Any, **kwargs: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise error
            return method(*args, **kwargs)

        return failing

    return wrap


def write(file: RemoteFile, content: bytes) -> None:
    with file.atomic_write() as partial:
        partial.write_bytes(content)


def test_what_is_written_is_in_the_store_and_read_from_the_cache(
    store: MemoryFileSystem, tmp_path: Path
) -> None:
    file = stored_file("memory://place/folder/a.txt")
    assert isinstance(file, RemoteFile)
    assert not file.exists()
    write(file, b"one")
    assert file.exists()
    assert store.cat("/place/folder/a.txt") == b"one"
    assert store.ls("/place/folder", detail=False) == ["/place/folder/a.txt"]
    assert file.local_copy() == tmp_path / "cache/files/memory/place/folder/a.txt"
    assert file.local_copy().read_bytes() == b"one"


def test_a_copy_is_brought_once_and_again_after_a_change(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[str] = []
    get = MemoryFileSystem.get_file

    def counted(self: MemoryFileSystem, address: str, *args: Any, **kwargs: Any) -> None:
        brought.append(address)
        get(self, address, *args, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "get_file", counted)
    store.pipe("/place/a.txt", b"one")
    file = RemoteFile("memory://place/a.txt")
    assert file.local_copy().read_bytes() == file.local_copy().read_bytes() == b"one"
    assert len(brought) == 1
    store.pipe("/place/a.txt", b"two")
    assert file.local_copy().read_bytes() == b"two"
    file.path.write_bytes(b"six")  # by another program
    os.utime(file.path, ns=(1, 1))
    assert file.local_copy().read_bytes() == b"two"
    assert len(brought) == 3


def test_what_is_gone_from_the_store_is_gone(store: MemoryFileSystem) -> None:
    file = RemoteFile("memory://place/a.txt")
    write(file, b"one")
    store.rm("/place/a.txt")
    assert not file.exists()
    with pytest.raises(FileNotFoundError, match=r"memory://place/a\.txt"):
        file.local_copy()
    write(file, b"one")
    file.remove()
    file.remove()
    assert not file.exists()
    assert not file.path.exists()
    assert not store.exists("/place/a.txt")


def test_a_lost_connection_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "60")
    monkeypatch.setattr(remote.time, "sleep", lambda _: None)
    lost = fail(3, ConnectionResetError("reset by peer"))
    monkeypatch.setattr(MemoryFileSystem, "put_file", lost(MemoryFileSystem.put_file))
    file = RemoteFile("memory://place/a.txt")
    write(file, b"one")
    assert file.local_copy().read_bytes() == b"one"
    assert [r.message for r in caplog.records] == [
        "memory://place/a.txt: reset by peer; trying again"
    ]


def test_an_upload_that_fails_leaves_what_was_there(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RemoteFile("memory://place/a.txt")
    write(file, b"one")
    with monkeypatch.context() as patched:
        lost = fail(99, ConnectionResetError("reset by peer"))
        patched.setattr(MemoryFileSystem, "mv", lost(MemoryFileSystem.mv))
        with pytest.raises(StudyError, match=r"^memory://place/a.txt: no .* reset by peer;") as no:
            write(file, b"two")
    assert "\n" not in no.value.message
    assert store.ls("/place", detail=False) == ["/place/a.txt"]
    assert file.path.read_bytes() == file.local_copy().read_bytes() == b"one"
    assert [path.name for path in file.path.parent.iterdir()] == ["a.txt"]


def test_a_download_that_is_cut_off_is_not_read_as_whole(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: MemoryFileSystem, address: str, target: str) -> None:
        Path(target).write_bytes(self.cat(address)[:2])

    store.pipe("/place/a.txt", b"whole")
    file = RemoteFile("memory://place/a.txt")
    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "get_file", half)
        with pytest.raises(StudyError, match="did not arrive whole"):
            file.local_copy()
        assert list(file.path.parent.iterdir()) == []
    assert file.local_copy().read_bytes() == b"whole"


def test_a_refusal_is_reported_at_once_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", set())
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "60")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    refused = fail(99, PermissionError("no entry for top-secret, nor from-the-environment"))
    monkeypatch.setattr(MemoryFileSystem, "info", refused(MemoryFileSystem.info))
    file = RemoteFile("memory://place/a.txt", {"client": {"secret": "top-secret"}})
    with pytest.raises(StudyError) as no:
        file.exists()
    assert no.value.message == "memory://place/a.txt: no entry for ***, nor ***"
    assert "top-secret" not in repr(file)


def test_one_file_becomes_another(store: MemoryFileSystem) -> None:
    file = RemoteFile("memory://place/a.txt")
    write(file, b"one")
    file.with_name("b.txt").copy_from(file)
    assert store.cat("/place/b.txt") == b"one"
    with pytest.raises(FileNotFoundError):
        file.copy_from(file.joinpath("none"))


def test_a_full_disk_here_names_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    full = fail(99, OSError(28, "No space left on device", "/cache/a.txt"))
    monkeypatch.setattr(MemoryFileSystem, "info", full(MemoryFileSystem.info))
    with pytest.raises(StudyError, match=r"No space left on device: '/cache/a.txt' \(REGBENCH_C"):
        RemoteFile("memory://place/a.txt").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere://place/a.txt", "nowhere://place/a.txt: Protocol not known: nowhere"),
        ("oci://place/a.txt", "oci:// needs a package that is not installed: Install ocifs"),
    ],
)
def test_an_unusable_store_is_reported_in_one_line(address: str, message: str) -> None:
    with pytest.raises(StudyError) as no:
        stored_file(address).exists()
    assert no.value.message.startswith(message)


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = fail(99, ImportError("Install s3fs"))
    monkeypatch.setattr(fsspec, "get_filesystem_class", missing(fsspec.get_filesystem_class))
    with pytest.raises(StudyError, match=r"^s3:// needs .*: uv sync --extra s3 installs it$"):
        stored_file("s3://place/a.txt").exists()


def test_a_wrong_time_to_try_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "long")
    with pytest.raises(StudyError, match="REGBENCH_RETRY_SECONDS must be a number"):
        RemoteFile("memory://place/a.txt").exists()


def test_files_here_are_files_here(tmp_path: Path) -> None:
    for address in (str(tmp_path / "a.txt"), f"file://{tmp_path}/a.txt"):
        file = stored_file(address, {"key": "value"})
        assert file == LocalFile(tmp_path / "a.txt")
        assert not file.exists()
        with file.atomic_write() as partial:
            partial.write_bytes(b"one")
        assert file.local_copy().read_bytes() == b"one"
        file.remove()
        file.remove()
        assert not file.exists()


def test_a_file_goes_to_another_process() -> None:
    file = stored_file("memory://place/a.txt", {"key": "value"})
    assert isinstance(file, RemoteFile)
    write(file, b"one")
    assert pickle.loads(pickle.dumps(file)).local_copy().read_bytes() == b"one"  # noqa: S301


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("S3://Bucket//study/", "s3://Bucket/study"),
        ("data/results/", "data/results/"),
        ("file:///data/", "file:///data/"),
    ],
)
def test_an_address_has_one_form(address: str, clean: str) -> None:
    assert clean_address(address) == clean


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("s3://bucket/study", None),
        ("/a/../b", None),
        (f"s3://{LOGIN}@bucket/study", "credentials"),
        ("https://host/set.zip?X-Amz-Signature=1234", "credentials"),
        ("https://host/set.zip?download=1", None),
        ("s3://bucket/../../etc", "'..'"),
        ("s3://bucket/a\\b", "'..'"),
        ("simplecache::s3://bucket/a", "'::'"),
        ("s3://", "place"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_unsaid(
    address: str, problem: str | None
) -> None:
    message = address_problem(address)
    assert problem in message if message and problem else message == problem, message
    if message:
        assert "secret" not in message
        assert "1234" not in message
        with pytest.raises(StudyError):
            stored_file(address)


def test_the_web_is_only_read() -> None:
    assert address_problem("https://host/set.zip") is None
    assert "only read" in str(address_problem("https://host/results", to_write=True))


def test_catalog_entries_in_a_store_get_its_credentials() -> None:
    catalog = {
        "near": {"filepath": "data/a.csv"},
        "far": {"filepath": "s3://bucket//a.csv"},
        "own": {"filepath": "s3://bucket/a.csv", "credentials": "mine"},
        "many": {"path": "s3://bucket/folder/"},
        "other": {"filepath": "gs://bucket/a.csv"},
        "_variable": "s3://bucket/",
    }
    assert with_credentials(catalog, lambda: {"s3": {"key": "k"}}) == {
        "near": {"filepath": "data/a.csv"},
        "far": {"filepath": "s3://bucket/a.csv", "credentials": "s3"},
        "own": {"filepath": "s3://bucket/a.csv", "credentials": "mine"},
        "many": {"path": "s3://bucket/folder", "credentials": "s3"},
        "other": {"filepath": "gs://bucket/a.csv"},
        "_variable": "s3://bucket/",
    }
    assert credentials_of("s3://bucket", {"s3": {"key": "k"}}) == {"key": "k"}
    assert credentials_of("gs://bucket", {"s3": {"key": "k"}}) == {}
    assert credentials_of("data", {"s3": {"key": "k"}}) == {}


def test_no_credentials_are_read_for_files_here() -> None:
    def refuse() -> dict[str, Any]:
        raise AssertionError

    catalog = {"near": {"filepath": "data/a.csv"}}
    assert with_credentials(catalog, refuse) == catalog


def test_a_damaged_record_of_a_copy_is_no_record(store: MemoryFileSystem) -> None:
    store.pipe("/place/a.txt", b"one")
    file = RemoteFile("memory://place/a.txt")
    file.local_copy()
    file._version_file.write_text(json.dumps("nonsense"))
    file.path.write_bytes(b"bad")
    assert file.local_copy().read_bytes() == b"one"


@pytest.mark.parametrize(
    "info",
    [
        {"size": 3, "ETag": '"abc"', "LastModified": "2026-11-23T01:02:03Z"},
        {"size": 3, "ETag": '"abc"', "mtime": 1795395723.0},
    ],
)
def test_a_tag_is_a_version_and_times_are_read(info: dict[str, Any]) -> None:
    entry = remote.FileInfo.of(info)
    assert (entry.version, entry.size) == ('"abc"', 3)
    assert entry.modified is not None
    assert entry.modified.isoformat() == "2026-11-23T01:02:03+00:00"


def test_metadata_of_a_store_may_be_missing() -> None:
    assert remote.FileInfo.of({"size": None}) == remote.FileInfo("", 0, None)
    assert remote.FileInfo.of({"size": 3, "updated": "lately"}).modified is None
