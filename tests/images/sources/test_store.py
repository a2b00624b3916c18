"""Image sets in a store, tested with fsspec's in-memory file system."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from regbench.errors import StudyError
from regbench.images.sources.open import open_source
from regbench.images.sources.store import fetch_set
from regbench.storage.remote import RemoteFile

SET = RemoteFile("memory://place/set")


pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of every downloaded file is appended."""
    names: list[str] = []
    get = MemoryFileSystem.get_file

    def record(self: MemoryFileSystem, address: str, *args: Any, **kwargs: Any) -> None:
        names.append(address.removeprefix("memory://place/set/"))
        get(self, address, *args, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "get_file", record)
    return names


def fill(store: MemoryFileSystem, **contents: bytes) -> None:
    for name, content in contents.items():
        store.pipe(f"/place/set/{name.replace('__', '/').replace('_', '.')}", content)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_mirrored_file_by_file_and_then_only_what_changed(
    store: MemoryFileSystem, downloads: list[str]
) -> None:
    fill(store, cat__1_png=b"one", cat__2_png=b"two", dog__1_png=b"three")
    folder = fetch_set(SET)
    assert files_of(folder) == {"cat/1.png": b"one", "cat/2.png": b"two", "dog/1.png": b"three"}
    assert sorted(downloads) == ["cat/1.png", "cat/2.png", "dog/1.png"]
    downloads.clear()
    assert fetch_set(SET) == folder
    assert downloads == []
    fill(store, cat__1_png=b"ONE", cat__3_png=b"new")
    store.rm("/place/set/dog/1.png")
    os.utime(folder / "cat/2.png", ns=(1, 1))
    fetch_set(SET)
    assert sorted(downloads) == ["cat/1.png", "cat/2.png", "cat/3.png"]
    assert files_of(folder) == {"cat/1.png": b"ONE", "cat/2.png": b"two", "cat/3.png": b"new"}
    assert not (folder / "dog").exists()


def test_an_interrupted_download_is_resumed(
    store: MemoryFileSystem, downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, a_png=b"one", b_png=b"two")
    get = MemoryFileSystem.get_file

    def half(self: MemoryFileSystem, address: str, target: str) -> None:
        get(self, address, target)
        if address.endswith("b.png"):
            Path(target).write_bytes(b"t")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "get_file", half)
        with pytest.raises(StudyError, match=r"^memory://place/set/b.png: .* arrive whole"):
            fetch_set(SET)
    downloads.clear()
    assert files_of(fetch_set(SET)) == {"a.png": b"one", "b.png": b"two"}
    assert downloads == ["b.png"]


def test_a_damaged_index_downloads_everything_again(
    store: MemoryFileSystem, downloads: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    fill(store, a_png=b"one")
    folder = fetch_set(SET)
    assert "damaged" not in caplog.text
    (folder.parent / "index.json").write_text(json.dumps(["nonsense"]))
    fetch_set(SET)
    assert downloads == ["a.png", "a.png"]
    assert "index.json: damaged; all files are brought here again" in caplog.text


def test_no_name_leads_out_of_the_folder(
    store: MemoryFileSystem, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["good.png", "../../escaped.png", "a/../../escaped.png", "a\\b.png", "C:/x", "n" * 250]
    names += ["file", "file/below.png"]  # possible in a store, not in a file system
    listed = {
        f"/place/set/{name}": {"name": name, "size": 1, "type": "file", "created": 1.0}
        for name in names
    }

    class Hostile(MemoryFileSystem):
        protocol = "hostile"
        cachable = False

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"type": "directory"}

        def find(self, path: str, **_: Any) -> dict[str, dict[str, Any]]:  # type: ignore[override]
            return listed

        def get_file(self, rpath: str, lpath: str, **_: Any) -> None:  # type: ignore[override]
            Path(lpath).write_bytes(b"x")

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return "/place/set"

    fsspec.register_implementation("hostile", Hostile, clobber=True)
    folder = fetch_set(RemoteFile("hostile://place/set"))
    assert files_of(folder).keys() == {"good.png", "file/below.png"}
    assert list(tmp_path.rglob("escaped.png")) == []
    assert "'../../escaped.png' and 5 more" in caplog.text


def test_a_zip_is_one_file_and_opened_under_its_address(
    store: MemoryFileSystem, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.png").write_bytes(b"one")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set"))
    store.pipe("/place/set.zip", packed.read_bytes())
    file = RemoteFile("memory://place/set.zip")
    with open_source(fetch_set(file), str(file)) as source:
        assert source.names() == ["a.png"]
        assert source.display == "memory://place/set.zip"


def test_a_set_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StudyError, match=r"^the set of images 'memory://place/set' does not exist"):
        fetch_set(SET)
