"""Whole small studies with images and results in a server that speaks S3."""

import io
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import s3fs
import yaml

from regbench.errors import UnreachableError
from regbench.runs.locks.machine import Use
from regbench.runs.locks.store import store_lock
from regbench.storage import remote
from regbench.storage.remote import RemoteFile

if TYPE_CHECKING:
    from conftest import Kedro, Line


def said(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The error of a run, which is one line."""
    assert done.returncode == code, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert done.stderr.rstrip().endswith(line)
    return line


def digests(root: Any) -> dict[str, str]:
    """The digest of every network's weights."""
    models = root / "06_models"
    return {
        str(path.relative_to(models)): json.loads(path.read_bytes())["weights"]
        for path in models.rglob("*_fingerprint.json")
    }


def mirror(store: s3fs.S3FileSystem, address: str, folder: Path) -> Path:
    """Everything that the store has under an address."""
    store.get(address, str(folder), recursive=True)
    return folder


def without_seconds(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=[name for name in table if "seconds" in name])


@pytest.fixture
def remote_zip(store: s3fs.S3FileSystem, bucket: str, small_zip: Path) -> str:
    store.put_file(str(small_zip), f"{bucket}/set.zip")
    return f"s3://{bucket}/set.zip"


def names(root: Path) -> set[Path]:
    """The results, but for locks and for reports that have the time in their names.

    What MLflow logs, where its extra is installed, is no result and never in a store.
    """
    files = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    results = {file for file in files if not file.parts[0].startswith("mlflow")}
    return {file for file in results if file.name != "lock" and file.parent.name != "reports"}


def test_a_study_in_a_store_is_the_study_here(
    kedro: "Kedro",
    store: s3fs.S3FileSystem,
    options: dict[str, Any],
    bucket: str,
    remote_zip: str,
    small_zip: Path,
    conf: Path,
    tmp_path: Path,
) -> None:
    local, root = tmp_path / "local", f"s3://{bucket}/study"
    assert kedro(images=small_zip, data_root=local).returncode == 0

    # Credentials from conf/local, none in the environment.
    own_conf = shutil.copytree(conf, tmp_path / "conf")
    (own_conf / "local/credentials.yml").write_text(yaml.safe_dump({"s3": options}))
    done = kedro(
        conf=own_conf, with_credentials=False, images=remote_zip, data_root=f"{root}/", retry=5
    )
    assert done.returncode == 0, done.stderr

    stored = mirror(store, f"{bucket}/study", tmp_path / "stored")
    made = names(local)
    assert made == names(stored)
    for name in made - {Path("09_history/history.parquet")}:  # which tells the time
        if name.suffix in (".npy", ".parquet") or name.name.endswith("_fingerprint.json"):
            assert (stored / name).read_bytes() == (local / name).read_bytes(), name
    tables = [pd.read_csv(root / "08_reporting/comparison.csv") for root in (local, stored)]
    pd.testing.assert_frame_equal(*map(without_seconds, tables))
    everything = (path for root in (stored, tmp_path / "cache") for path in root.rglob("*"))
    for path in everything:
        assert path.is_dir() or options["secret"].encode() not in path.read_bytes(), path

    # The report opens from the cache, and the run says where.
    report = tmp_path / "cache/files/s3" / bucket / "study/08_reporting/report.html"
    assert report.read_bytes() == (stored / "08_reporting/report.html").read_bytes()
    assert str(report.parents[1]) in done.stderr

    # On another machine nothing is trained again.
    before = store.find(f"{bucket}/study/06_models", detail=True)
    done = kedro(
        "--only-missing-outputs", cache="another machine", images=remote_zip, data_root=root
    )
    assert done.returncode == 0, done.stderr
    after = store.find(f"{bucket}/study/06_models", detail=True)
    assert len(after) == 12
    assert all(after[name]["LastModified"] == e["LastModified"] for name, e in before.items())

    # And its networks label.
    done = kedro(
        "--pipelines=prediction", cache="a third machine", images=remote_zip, data_root=root
    )
    assert done.returncode == 0, done.stderr
    with store.open(f"{bucket}/study/07_model_output/unlabeled_predictions.csv") as file:
        assert len(pd.read_csv(file)) == 5


def test_a_folder_in_a_store(
    kedro: "Kedro", store: s3fs.S3FileSystem, bucket: str, small_set: Path, tmp_path: Path
) -> None:
    store.put(f"{small_set}/", f"{bucket}/set/", recursive=True)
    store.pipe(f"{bucket}/set/../../escaped.png", b"no picture")
    params = {"images": f"s3://{bucket}/set/", "data_root": tmp_path / "data"}
    done = kedro("--nodes=data.ingest", **params)
    assert done.returncode == 0, done.stderr
    assert "bringing 207 of 207 files here" in done.stderr
    assert "escaped.png" in done.stderr
    assert list(tmp_path.rglob("escaped.png")) == []
    local = kedro("--nodes=data.ingest", images=small_set, data_root=tmp_path / "local")
    assert local.returncode == 0
    made = [np.load(tmp_path / root / "02_intermediate/images.npy") for root in ("data", "local")]
    np.testing.assert_array_equal(*made)
    again = kedro("--nodes=data.ingest", **params)
    assert again.returncode == 0
    assert "bringing" not in again.stderr


def test_a_line_cut_in_the_middle_ends_in_one_line_and_goes_on_when_mended(
    kedro: "Kedro",
    store: s3fs.S3FileSystem,
    bucket: str,
    remote_zip: str,
    line: "Line",
    tmp_path: Path,
) -> None:
    params = {"images": remote_zip, "data_root": f"s3://{bucket}/study"}
    line.cut_at(b"06_models/baseline/seed_1.keras HTTP")
    done = kedro("--pipelines=baseline", endpoint=line.address, retry=2, **params)
    assert line.is_cut.is_set()
    error = said(done, 1)
    # Of two trainings side by side, that of another file may find the line cut first.
    assert re.search(rf"s3://{bucket}/study/\d\d_[a-z_]+/baseline/seed_\d", error)
    assert "no success for 2 s" in error
    for name in store.find(f"{bucket}/study"):
        content = io.BytesIO(store.cat(name))
        if name.endswith((".keras", ".npz", ".zip")):
            assert zipfile.ZipFile(content).testzip() is None
        elif name.endswith(".npy"):
            np.load(content)
        elif name.endswith(".json"):
            json.load(content)

    # Cut while the images come, mended while they are tried again.
    shutil.rmtree(tmp_path / "cache/files")
    line.mend()
    line.cut_at(b"\x93NUMPY")
    mending = threading.Thread(target=_mend, args=(line,))
    mending.start()
    done = kedro(
        *("--pipelines=baseline,reporting", "--only-missing-outputs"),
        endpoint=line.address,
        retry=60,
        **params,
    )
    mending.join()
    assert done.returncode == 0, done.stderr
    assert line.cuts > 1  # tried again by us, or before that by the store's own package
    expected = kedro("--pipelines=baseline", images=remote_zip, data_root=tmp_path / "local")
    assert expected.returncode == 0
    stored = mirror(store, f"{bucket}/study", tmp_path / "stored")
    assert len(digests(stored)) == 2
    assert digests(stored) == digests(tmp_path / "local")


def _mend(line: "Line") -> None:
    line.is_cut.wait(300)
    time.sleep(2)
    line.mend()


def test_another_machine_at_work_is_named(
    kedro: "Kedro",
    bucket: str,
    remote_zip: str,
    options: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path / "another machine"))
    root = RemoteFile(f"s3://{bucket}/study", options)
    with store_lock(root, Use(["data"], []), "kedro run --elsewhere", wait=False):
        done = kedro("--nodes=data.ingest", images=remote_zip, data_root=root)
    assert f"s3://{bucket}/study is in use: process" in said(done, 4)
    assert "--elsewhere" in done.stderr
    done = kedro("--nodes=data.ingest", images=remote_zip, data_root=root)
    assert done.returncode == 0, done.stderr


def test_wrong_addresses_are_one_line(kedro: "Kedro", small_zip: Path, tmp_path: Path) -> None:
    done = kedro("--nodes=data.ingest", images=small_zip, data_root="s3://no-such-bucket/study")
    assert "s3://no-such-bucket/study/.leases/" in (error := said(done, 1))
    assert "bucket does not exist" in error
    done = kedro(
        "--nodes=data.ingest", images="s3://no-such-bucket/set.zip", data_root=tmp_path / "data"
    )
    assert said(done, 1) == "Error: the set of images 's3://no-such-bucket/set.zip' does not exist"
    login = "a-key:a-secret-access-key"
    done = kedro(
        "--nodes=data.ingest",
        images=small_zip,
        data_root=f"s3://{login}@bucket/study",
    )
    assert "data_root: must hold no credentials" in said(done, 2)


def test_a_store_that_does_not_answer_is_asked_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "0")
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path))
    asked = 0
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def accept() -> None:
            nonlocal asked
            with suppress(OSError):  # closed
                while True:
                    connections.append(silent.accept()[0])
                    asked += 1

        connections: list[socket.socket] = []
        threading.Thread(target=accept, daemon=True).start()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        options = {"key": "a-key", "secret": "a-secret-key", "client_kwargs": client}
        file = RemoteFile("s3://bucket/a.json", {**options, "config_kwargs": {"read_timeout": 0.5}})
        with pytest.raises(UnreachableError, match=r"^s3://bucket/a\.json: no success for 0 s: "):
            file.exists()
        # An answer to whether it will take a file has no time limit of its own.
        monkeypatch.setattr(remote, "_SECONDS_TO_SEND", 1.0)
        in_time = pytest.raises(UnreachableError, match=r"^s3://bucket/a\.json: no success")
        with in_time, file.atomic_write() as partial:
            partial.write_bytes(bytes(10))
        for connection in connections:
            connection.close()
    assert 1 <= asked <= 7  # of s3fs' two attempts, each may look for the file and for a folder
