"""The archive of earlier runs' networks: retention, and nothing else is ever deleted."""

import errno
import json
import os
import shutil
from pathlib import Path

import fsspec
import pytest

from regbench.datasets.network_archive import NetworkArchiveDataset

FIRST, SECOND, THIRD = (f"2026-01-0{day}T020000Z" for day in (1, 2, 3))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def archive(root: Path) -> NetworkArchiveDataset:
    return NetworkArchiveDataset(
        path=str(root), networks="06_models", archive="09_history/networks"
    )


def trained(root: Path, weights: str, technique: str = "l2", seed: int = 1) -> dict[str, str]:
    """Write a network as a training does: to a temporary file, then renamed."""
    folder = root / "06_models" / technique
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        (f"seed_{seed}.keras", f"network {weights}"),
        (f"seed_{seed}_fingerprint.json", json.dumps({"weights": weights})),
    ):
        partial = folder / "partial"
        partial.write_text(content)
        partial.replace(folder / name)
    return {f"{technique}/seed_{seed}": weights}


def kept(root: Path) -> dict[str, str]:
    folder = root / "09_history/networks"
    files = sorted(folder.rglob("*.keras"))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_networks_of_the_last_runs_are_kept(archive: NetworkArchiveDataset, root: Path) -> None:
    runs = {FIRST: "a", SECOND: "b", THIRD: "c"}
    for number, (run, weights) in enumerate(runs.items(), start=1):
        networks = trained(root, weights) | trained(root, weights, "l1")
        keep = list(runs)[:number][-2:]
        archive.save({"run": run, "networks": networks, "keep": keep})
        assert archive.load() == keep
    assert kept(root) == {
        f"{run}/{technique}/seed_1.keras": f"network {runs[run]}"
        for run in (SECOND, THIRD)
        for technique in ("l1", "l2")
    }
    assert (root / "06_models/l2/seed_1.keras").read_text() == "network c"
    of_second = root / f"09_history/networks/{SECOND}/l2/seed_1_fingerprint.json"
    assert json.loads(of_second.read_text()) == {"weights": "b"}


def test_the_newest_run_is_kept_whatever_is_said(
    archive: NetworkArchiveDataset, root: Path
) -> None:
    archive.save({"run": FIRST, "networks": trained(root, "a"), "keep": []})
    archive.save({"run": FIRST, "networks": {}, "keep": []})
    assert list(kept(root)) == [f"{FIRST}/l2/seed_1.keras"]
    archive.save({"run": "", "networks": {}, "keep": [FIRST]})
    assert archive.load() == [FIRST]


def test_unchanged_networks_take_no_space(archive: NetworkArchiveDataset, root: Path) -> None:
    assert archive.exists()
    networks = trained(root, "a")
    for run in (FIRST, SECOND, SECOND):
        archive.save({"run": run, "networks": networks, "keep": [FIRST, SECOND]})
    assert (root / "06_models/l2/seed_1.keras").stat().st_nlink == 3
    assert not list(root.rglob("*.partial*"))


def test_a_disk_without_links_gets_copies(
    archive: NetworkArchiveDataset, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    archive.save({"run": FIRST, "networks": trained(root, "a"), "keep": [FIRST]})
    assert kept(root) == {f"{FIRST}/l2/seed_1.keras": "network a"}
    assert (root / "06_models/l2/seed_1.keras").stat().st_nlink == 1


def test_another_network_than_the_run_has_is_not_kept(
    archive: NetworkArchiveDataset, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    networks = trained(root, "a") | trained(root, "a", seed=2) | trained(root, "a", seed=3)
    trained(root, "b", seed=1)
    (root / "06_models/l2/seed_2_fingerprint.json").write_text("{")
    archive.save({"run": FIRST, "networks": networks, "keep": [FIRST]})
    assert list(kept(root)) == [f"{FIRST}/l2/seed_3.keras"]
    assert caplog.text.count(f"is no longer the network of run {FIRST}: not kept") == 2


def test_only_folders_of_runs_are_deleted(
    archive: NetworkArchiveDataset, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive.save({"run": FIRST, "networks": trained(root, "a"), "keep": [FIRST]})
    folder = root / "09_history/networks"
    (folder / "mine").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (folder / "2025-01-01T020000Z").symlink_to(elsewhere)
    (folder / FIRST / "out").symlink_to(elsewhere)
    archive.save({"run": SECOND, "networks": trained(root, "b"), "keep": [SECOND]})
    assert sorted(p.name for p in folder.iterdir()) == ["2025-01-01T020000Z", SECOND, "mine"]
    assert (elsewhere / "precious").exists()
    assert f"leads out of {root}: not deleted" in caplog.text


def test_an_archive_that_lies_elsewhere_is_not_emptied(
    archive: NetworkArchiveDataset, root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / FIRST).mkdir(parents=True)
    (root / "09_history").mkdir(parents=True)
    (root / "09_history/networks").symlink_to(elsewhere)
    archive.save({"run": SECOND, "networks": {}, "keep": [SECOND]})
    assert (elsewhere / FIRST).exists()


def test_what_cannot_be_deleted_is_a_warning(
    archive: NetworkArchiveDataset,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive.save({"run": FIRST, "networks": trained(root, "a"), "keep": [FIRST]})

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    archive.save({"run": SECOND, "networks": trained(root, "b"), "keep": [SECOND]})
    assert f"{FIRST} could not be deleted: Permission denied" in caplog.text
    assert len(kept(root)) == 2


def test_networks_of_the_last_runs_are_kept_in_a_store(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path / "cache"))
    store = fsspec.filesystem("memory")
    archive = NetworkArchiveDataset(
        path="memory://place", networks="06_models", archive="09_history/networks"
    )
    for run, weights in ((FIRST, "a"), (SECOND, "b")):
        networks = trained(root, weights)
        store.put(f"{root}/06_models/", "/place/06_models/", recursive=True)
        archive.save({"run": run, "networks": networks | {"l1/seed_1": "none"}, "keep": [run]})
        assert archive.load() == [run]
    files = store.find("/place/09_history/networks")
    folder = f"/place/09_history/networks/{SECOND}/l2"
    assert files == [f"{folder}/seed_1.keras", f"{folder}/seed_1_fingerprint.json"]
    assert store.cat(files[0]) == b"network b"
    store.store.clear()
