"""The dataset of file digests."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from regbench.datasets.file_digests import FileDigestsDataset
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS


def test_every_byte_counts_and_an_absent_file_has_none(tmp_path: Path) -> None:
    files = {"one": str(tmp_path / "a/1.npy"), "other": str(tmp_path / "2.csv")}
    dataset = FileDigestsDataset(path=str(tmp_path), files=files)
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
    files = {"one": "memory://digests/1", "other": "memory://digests//2.csv"}
    dataset = FileDigestsDataset(path="memory://digests", files=files)
    assert dataset.load() == {"one": "", "other": "3ebd48dd741ab5c0"}


def test_they_are_only_read(tmp_path: Path) -> None:
    dataset = FileDigestsDataset(path=str(tmp_path), files={})
    with pytest.raises(DatasetError, match="only read"):
        dataset.save({})


@pytest.mark.parametrize("digests", ["prepared_digests", "report_digests"])
def test_the_catalog_has_the_files_where_their_datasets_have_them(digests: str) -> None:
    params = {"data_root": "s3://results/here"}
    loader = StudyConfigLoader(str(PROJECT / "conf"), runtime_params=params, **CONFIG_LOADER_ARGS)
    catalog = loader["catalog"]
    entry = catalog[digests]
    assert entry["path"] == params["data_root"]
    assert len(entry["files"]) > 10
    for name, file in entry["files"].items():
        assert file == catalog[name]["filepath"]
        assert file.startswith(f"{entry['path']}/")
