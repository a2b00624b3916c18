"""Nothing that RegBench loads can run, nothing that it writes down holds a secret."""

import ast
import ipaddress
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from kedro.io import DatasetError
from PIL import Image, PngImagePlugin

from regbench.datasets.array_dataset import ArrayDataset, ArraysDataset
from regbench.datasets.atomic import CSVDataset, JSONDataset, ParquetDataset
from regbench.datasets.network_dataset import NetworkDataset
from regbench.datasets.results_dataset import ResultsDataset
from regbench.errors import SettingsError, StudyError, explanation
from regbench.images.ingest import ingest_labeled
from regbench.images.mnist.arrays import read_mnist
from regbench.images.sources.open import open_source
from regbench.pipelines.reporting.nodes import _shown as shown_setting
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
from regbench.study.schema import Ingest
from regbench.text.redaction import without_secrets

MakeConf = Callable[..., Path]
SECRET = "geheim-4711"  # noqa: S105


class Payload:
    """Unpickled, it writes a file."""

    def __init__(self, planted: Path) -> None:
        self._planted = planted

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self._planted,)


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """A file that whatever is loaded tries to write; after the test it must not be there."""
    path = tmp_path / "planted"
    pickle.loads(pickle.dumps(Payload(path)))  # noqa: S301 - the payload would work
    path.unlink()
    yield path
    assert not path.exists()


class TestLoading:
    def test_arrays_with_pickles(self, planted: Path, tmp_path: Path) -> None:
        evil = np.array([Payload(planted)], dtype=object)
        np.save(tmp_path / "evil.npy", evil, allow_pickle=True)
        with pytest.raises(DatasetError, match=r"evil\.npy"):
            ArrayDataset(filepath=str(tmp_path / "evil.npy")).load()
        np.savez(tmp_path / "evil.npz", x_train=evil, mean=evil)
        with pytest.raises(DatasetError, match=r"evil\.npz") as refused:
            ArraysDataset(filepath=str(tmp_path / "evil.npz")).load()
        said = explanation(refused.value)
        assert said is not None
        assert "(no plain array)" in said.message  # NumPy says how to load it unsafely
        with pytest.raises(StudyError, match=r"evil\.npz"):
            read_mnist(tmp_path / "evil.npz")

    @pytest.mark.parametrize("name", ["evil.npy", "evil.npz", "evil.parquet", "evil.json"])
    def test_a_plain_pickle_under_any_name(self, planted: Path, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Payload(planted)))
        kinds = {
            "npy": ArrayDataset,
            "npz": ArraysDataset,
            "parquet": ParquetDataset,
            "json": JSONDataset,
        }
        with pytest.raises(DatasetError):
            kinds[path.suffix[1:]](filepath=str(path)).load()

    def test_a_table_with_a_pickled_type(self, planted: Path, tmp_path: Path) -> None:
        # Versions of PyArrow before 14.0.1 unpickled this (CVE-2023-47248).
        evil = {
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Payload(planted)),
        }
        schema = pa.schema([pa.field("seed", pa.int64(), metadata=evil)])
        path = tmp_path / "evil.parquet"
        pq.write_table(pa.table({"seed": [1]}, schema=schema), path)
        assert ParquetDataset(filepath=str(path)).load()["seed"].tolist() == [1]

    def test_a_table_with_pickles_as_values(self, planted: Path, tmp_path: Path) -> None:
        evil = pickle.dumps(Payload(planted))
        path = tmp_path / "evil.parquet"
        pd.DataFrame({"seed": [evil]}).to_parquet(path)
        assert ParquetDataset(filepath=str(path)).load()["seed"].tolist() == [evil]

    def test_json_and_csv_are_values(self, planted: Path, tmp_path: Path) -> None:
        evil = {"py/reduce": [{"py/function": "pathlib.Path.touch"}, [str(planted)]]}
        (tmp_path / "evil.json").write_text(json.dumps(evil))
        assert JSONDataset(filepath=str(tmp_path / "evil.json")).load() == evil
        (tmp_path / "evil.csv").write_text(f"a\n\"=cmd|'touch {planted}'!A1\"\n")
        table = CSVDataset(filepath=str(tmp_path / "evil.csv")).load()
        assert table["a"].tolist() == [f"=cmd|'touch {planted}'!A1"]

    def test_results_with_other_entries(self, planted: Path, tmp_path: Path) -> None:
        folder = tmp_path / "results"
        folder.mkdir()
        evil = pickle.dumps(Payload(planted))
        with zipfile.ZipFile(folder / "results.zip", "w") as made:
            made.writestr("format", "1")
            for name in ("../planted", str(planted), "runs.parquet", "runs.pkl"):
                made.writestr(name, evil)
        assert ResultsDataset(filepath=str(folder / "results.zip")).load().trainings.empty
        assert [path.name for path in folder.iterdir()] == ["results.zip"]

    @pytest.mark.parametrize(
        "layer",
        [
            # A module that is imported by its name, a function that is called by its name, and one
            # of Keras' own that writes a file (CVE-2025-8747).
            {"module": "planted_module", "class_name": "Layer", "config": {}},
            {"module": "os", "class_name": "system", "config": {"command": "touch PLANTED"}},
            {"module": "builtins", "class_name": "exec", "config": {"code": "PLANTED"}},
            {
                "module": "keras.utils",
                "class_name": "get_file",
                "config": {"fname": "PLANTED", "origin": "file://SOURCE"},
            },
        ],
    )
    def test_networks_that_name_code(
        self,
        planted: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        layer: dict[str, Any],
    ) -> None:
        import keras

        (tmp_path / "planted_module.py").write_text(f"open({str(planted)!r}, 'w')\n")
        (tmp_path / "source").write_text("x")
        monkeypatch.syspath_prepend(str(tmp_path))
        path = tmp_path / "evil.keras"
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        text = json.dumps(layer | {"registered_name": None, "build_config": None})
        text = text.replace("PLANTED", str(planted)).replace("SOURCE", str(tmp_path / "source"))
        network = json.loads(entries["config.json"])
        network["config"]["layers"][1] = json.loads(text)
        entries["config.json"] = json.dumps(network).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        with pytest.raises(DatasetError, match=r"evil\.keras"):
            NetworkDataset(filepath=str(path)).load()

    def test_a_network_with_a_pickled_lambda(self, planted: Path, tmp_path: Path) -> None:
        import keras

        path = str(planted)
        evil = keras.Sequential(
            [keras.Input((2,)), keras.layers.Lambda(lambda x: (Path(path).touch(), x)[1])]
        )
        planted.unlink(missing_ok=True)  # Keras has called it to build the network
        evil.save(tmp_path / "evil.keras")
        with pytest.raises(DatasetError, match="Lambda"):
            NetworkDataset(filepath=str(tmp_path / "evil.keras")).load()

    @pytest.mark.parametrize("file", ["parameters_mine.yml", "globals.yml", "catalog.yml"])
    @pytest.mark.parametrize(
        "tag",
        [
            "!!python/object/apply:os.system ['touch PLANTED']",
            "!!python/object/apply:pathlib.Path.touch [PLANTED]",
            "!!python/object/new:os.system ['touch PLANTED']",
            "!!python/module:planted_module",
        ],
    )
    def test_settings_with_tags(
        self, planted: Path, own_conf: MakeConf, file: str, tag: str
    ) -> None:
        conf = own_conf()
        (conf / "local" / file).write_text(f"images: {tag}\n".replace("PLANTED", str(planted)))
        with pytest.raises(SettingsError, match=re.escape(file)):
            _ = StudyConfigLoader(str(conf), **CONFIG_LOADER_ARGS)[file.partition(".")[0][:10]]

    @pytest.mark.parametrize(
        "value", ["${oc.env:REGBENCH_SECRET}", "${oc.decode:${oc.env:REGBENCH_SECRET}}"]
    )
    def test_settings_do_not_read_the_environment(
        self, own_conf: MakeConf, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        # Only credentials may: what is a setting stands in reports.
        monkeypatch.setenv("REGBENCH_SECRET", SECRET)
        conf = own_conf(globals={"mnist_source": value})
        with pytest.raises(SettingsError) as caught:
            StudyConfigLoader(str(conf), **CONFIG_LOADER_ARGS).study()
        assert SECRET not in caught.value.message

    def test_pictures_and_label_files(self, planted: Path, tmp_path: Path) -> None:
        evil = pickle.dumps(Payload(planted), protocol=0).decode()
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", evil)
        text.add_itxt("XML:com.adobe.xmp", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>")
        (tmp_path / "set").mkdir()
        for name in ("0.png", "1.png"):
            picture = Image.new("L", (4, 4))
            picture.save(tmp_path / "set" / name, pnginfo=text)
        (tmp_path / "set/labels.csv").write_text(
            f"filename,label\n0.png,=cmd|'touch {planted}'!A1\n1.png,$(touch {planted})\n"
        )
        base = yaml.safe_load((PROJECT / "conf/base/parameters_data.yml").read_text())["ingest"]
        settings = Ingest.model_validate(base | {"label_file": "labels.csv", "image_folder": ""})
        with open_source(tmp_path / "set") as source:
            made = ingest_labeled(source, settings)
        assert made.classes == [f"$(touch {planted})", f"=cmd|'touch {planted}'!A1"]


FORBIDDEN_MODULES = {
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "imp", "code"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load"),
    *(
        "yaml.load_all",
        "yaml.unsafe_load",
        "yaml.full_load",
        "pd.read_pickle",
        "pandas.read_pickle",
    ),
    *("keras.config.enable_unsafe_deserialization",),
}
FORBIDDEN_ARGUMENTS = {("allow_pickle", True), ("shell", True), ("safe_mode", False)}


def dangers(source: str) -> list[str]:
    """What in a module could run what it loads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.partition(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            found += [name] if name in FORBIDDEN_CALLS else []
            for argument in node.keywords:
                value = argument.value.value if isinstance(argument.value, ast.Constant) else None
                if (argument.arg, value) in FORBIDDEN_ARGUMENTS:
                    found.append(f"{name}({argument.arg}={value})")
            if name in ("np.load", "numpy.load") and "allow_pickle=False" not in ast.unparse(node):
                found.append(f"{name} without allow_pickle=False")
            if name.endswith("load_model") and "safe_mode=True" not in ast.unparse(node):
                found.append(f"{name} without safe_mode=True")
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from pickle import loads", ["pickle"]),
        ("yaml.load(text)", ["yaml.load"]),
        ("eval('1')", ["eval"]),
        ("np.load(path)", ["np.load without allow_pickle=False"]),
        ("subprocess.run('ls', shell=True)", ["subprocess.run(shell=True)"]),
        ("yaml.safe_load(text); re.compile('x')", []),
    ],
)
def test_what_could_run_is_found(source: str, found: list[str]) -> None:
    assert dangers(source) == found


def test_the_code_loads_nothing_that_could_run() -> None:
    modules = sorted((PROJECT / "src").rglob("*.py"))
    assert len(modules) > 40
    found = {str(path): dangers(path.read_text("utf-8")) for path in modules}
    assert {path: of_one for path, of_one in found.items() if of_one} == {}


def test_the_catalog_keeps_nothing_as_a_pickle() -> None:
    for path in (PROJECT / "conf").rglob("catalog*.yml"):
        assert not re.search(r"type:.*[Pp]ickle|backend:", path.read_text("utf-8")), path


def tracked(*patterns: str) -> list[Path]:
    """The files of the project that git knows."""
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout: which files are tracked is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [PROJECT / name for name in listed.stdout.split("\0") if name]


class TestServedPages:
    def test_documented_commands_listen_on_loopback_only(self) -> None:
        documents = tracked("*.md", "*.ipynb", "*.yml", "*.yaml", "*.sh", ".ci/*")
        commands = [
            (path, command)
            for path in documents
            for command in re.findall(r"kedro viz[^`\n\\]*", path.read_text("utf-8"))
        ]
        assert any(path.name == "README.md" for path, _ in commands)
        for path, command in commands:
            hosts = re.findall(r"--host[ =](\S+)", command)
            for host in hosts:
                assert host == "localhost" or ipaddress.ip_address(host).is_loopback, path

    def test_kedro_viz_listens_on_loopback_by_default(self) -> None:
        from kedro_viz.launchers.cli.run import run

        (host,) = [option for option in run.params if option.name == "host"]
        assert ipaddress.ip_address(host.default).is_loopback
        assert "--host" in CliRunner().invoke(run, ["--help"]).output


class TestSecrets:
    def test_tracked_settings_hold_none(self) -> None:
        named = re.compile(
            r"pass(word|wd|phrase)|secret|token|api_?key|access_?key|credential", re.I
        )
        shaped = re.compile(
            r"AKIA[0-9A-Z]{16}|://[^/\s:@]+:[^/\s@]+@|-----BEGIN|\bgh[pousr]_\w{30}"
        )
        files = tracked("conf/*", "*.toml", "*.yml", ".ci/*", ".telemetry")
        assert len(files) > 10
        for path in files:
            text = path.read_text("utf-8")
            assert not shaped.search(text), path
            keys = re.findall(r"^\s*[\"']?([\w.-]+)[\"']?\s*[:=]", text, re.M)
            assert [key for key in keys if named.search(key) and key != "credentials"] == [], path

    @pytest.mark.parametrize(
        "name",
        [
            *("conf/local/credentials.yml", "conf/local/anything.yml", "conf/base/credentials.yml"),
            *("conf/article/credentials_mine.yml", "conf/local/sub/credentials.yaml"),
        ],
    )
    def test_own_settings_and_credentials_are_not_tracked(self, name: str) -> None:
        tracked()
        ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=PROJECT, check=False)
        assert ignored.returncode == 0

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("https://me:pw@host/x.npz", "https://***@host/x.npz"),
            ("s3://key@bucket/x", "s3://***@bucket/x"),
            ("at https://h/x?sig=ab&t=c, then", "at https://h/x?***, then"),
            ("https://h/x?sig=ab", "https://h/x?***"),
            ("https://me:p@w@host/", "https://***@host/"),
            ("https://host/a@b", "https://host/a@b"),
            ("me@example.com and x?y", "me@example.com and x?y"),
            ("'https://a:b@h/' and 'https://c:d@i/'", "'https://***@h/' and 'https://***@i/'"),
        ],
    )
    def test_addresses_are_shown_without_them(self, text: str, shown: str) -> None:
        assert without_secrets(text) == shown
        assert StudyError(text).message == shown
        assert str(pickle.loads(pickle.dumps(StudyError(text)))) == shown  # noqa: S301

    def test_the_report_shows_none(self) -> None:
        assert shown_setting("https://me:pw@host/mnist.npz") == "https://***@host/mnist.npz"
        assert shown_setting({"epochs": 2}) == {"epochs": 2}

    def test_neither_logs_nor_results_hold_them(
        self, own_conf: MakeConf, small_set: Path, tmp_path: Path
    ) -> None:
        conf = own_conf(
            credentials={"store": {"key": "me", "secret": SECRET, "more": [{"token": SECRET}]}},
            catalog={
                "kept": {
                    "type": "pandas.CSVDataset",
                    "filepath": str(tmp_path / "kept.csv"),
                    "credentials": "store",
                }
            },
        )
        logging_conf = yaml.safe_load((conf / "logging.yml").read_text())
        logging_conf["root"]["level"] = "DEBUG"
        logging_conf["loggers"] = {"regbench": {"level": "DEBUG"}, "kedro": {"level": "DEBUG"}}
        (tmp_path / "logging.yml").write_text(yaml.safe_dump(logging_conf))
        address = f"https://me:{SECRET}@example.com/mnist.npz?signature={SECRET}"
        params = f"images={small_set},data_root={tmp_path}/data,mnist_source={address}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "kedro", "run", "--pipelines=data"),
                *(f"--conf-source={conf}", f"--params={params}"),
            ],
            cwd=PROJECT,
            env=os.environ | {"KEDRO_LOGGING_CONFIG": str(tmp_path / "logging.yml")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "DEBUG" in done.stderr
        assert SECRET not in done.stdout + done.stderr
        written = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert any(path.name == "image_index.parquet" for path in written)
        for path in written:
            assert SECRET.encode() not in path.read_bytes(), path
