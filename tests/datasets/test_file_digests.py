"""Digests of files as a dataset."""

from pathlib import Path

import pytest
import yaml
from kedro.io import DatasetError

from regbench.datasets.file_digests import FileDigestsDataset

CONF = Path(__file__).parents[2] / "conf" / "base"


def test_every_byte_counts_and_an_absent_file_has_none(tmp_path: Path) -> None:
    dataset = FileDigestsDataset(path=str(tmp_path), files={"one": "a/1.npy", "other": "2.csv"})
    assert dataset.exists()
    assert dataset.load() == {"one": "", "other": ""}
    (tmp_path / "2.csv").write_bytes(b"1,2\n")
    before = dataset.load()
    assert before["one"] == ""
    (tmp_path / "2.csv").write_bytes(b"1,3\n")
    assert len(before["other"]) == 16
    assert dataset.load()["other"] != before["other"]


def test_they_are_the_same_in_a_store() -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/digests/2.csv", b"1,2\n")
    dataset = FileDigestsDataset(path="memory://digests", files={"one": "1", "other": "2.csv"})
    assert dataset.load() == {"one": "", "other": "3ebd48dd741ab5c0"}


def test_they_are_only_read(tmp_path: Path) -> None:
    dataset = FileDigestsDataset(path=str(tmp_path), files={})
    with pytest.raises(DatasetError, match="only read"):
        dataset.save({})


@pytest.mark.parametrize("digests", ["prepared_digests", "report_digests"])
def test_the_catalog_has_the_files_where_their_datasets_have_them(digests: str) -> None:
    catalog = {}
    for path in CONF.glob("catalog*.yml"):
        catalog |= yaml.safe_load(path.read_text())
    entry = catalog[digests]
    for name, file in entry["files"].items():
        assert catalog[name]["filepath"] == f"{entry['path']}/{file}"
