"""Small real studies: a few hundred MNIST digits, small networks, two epochs."""

import csv
import functools
import gc
import io
import json
import logging
import os
import shutil
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import fsspec
import hypothesis
import pandas as pd
import pytest
import yaml
from fsspec.implementations.memory import MemoryFileSystem
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import AbstractRunner, SequentialRunner

from regbench.text import redaction

PROJECT = Path(__file__).parents[1]

# As many processes as cores are at work: threads of NumPy and TensorFlow would wait for others.
for variable in ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(autouse=True)
def _no_secrets_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test keeps secret is left out of another's messages otherwise."""
    monkeypatch.setattr(redaction, "_secrets", set())


# No timing in a test: the first example may import what the others need.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
DIGITS = PROJECT / "data" / "01_raw" / "digits.zip"
CLASSES = [str(digit) for digit in range(10)]

# Files that take a minute or so: whoever begins one last is waited for.
LONGEST_FIRST = (
    "regularization.ipynb",
    "test_whole_runs.py",
    "test_whole_studies.py",
    "test_cli.py",
    "test_stale.py",
    "test_damaged_files.py",
    "test_unexpected_errors.py",
    "test_failing_trainings.py",
    "test_new_files.py",
    "test_your_network.py",
    "test_report_in_browser.py",
    "test_bad_input.py",
    "test_spectral_norm.py",
    "test_several_networks.py",
    "test_resampled_runs.py",
    "test_statistics.py",
    "test_history_of_runs.py",
    "test_refit.py",
    "test_export.py",
    "test_bundle.py",
    "test_your_images.py",
    "test_pretrained.py",
    "test_runner.py",
    "test_signals.py",
    "test_ensembles_in_a_study.py",
)

# Selects of `reporting` the table alone: the page and its pictures take as long as ten trainings.
COMPARED = {"to_outputs": ["comparison"]}
# The page, but not the pictures beside it, nor the history.
REPORTED = {"to_outputs": ["report"]}

SMALL_NETWORK = {"mlp": {"hidden_units": [32, 16]}}
SMALL_PROTOCOL = {
    "batch_size": 32,
    "epochs": 2,
    "seeds": [1, 2],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    turn = {name: turn for turn, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: turn.get(item.path.name, len(turn)))


def pytest_collection_finish() -> None:
    """Take what is imported out of garbage collections: TensorFlow makes each of them slow."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 30 labelled digits of each class and 12 unlabelled ones."""
    root = tmp_path_factory.mktemp("small") / "set"
    (root / "Train/Images/train").mkdir(parents=True)
    (root / "Train/Images/test").mkdir()
    with zipfile.ZipFile(DIGITS) as digits:
        rows = list(csv.DictReader(io.StringIO(digits.read("Train/train.csv").decode())))
        taken: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            if len(taken[row["label"]]) < 30:
                taken[row["label"]].append(row)
        chosen = [taken[label][turn] for turn in range(30) for label in CLASSES]
        unlabeled = list(csv.DictReader(io.StringIO(digits.read("Test.csv").decode())))[:12]
        for row in chosen:
            member = f"Train/Images/train/{row['filename']}"
            (root / member).write_bytes(digits.read(member))
        for row in unlabeled:
            member = f"Train/Images/test/{row['filename']}"
            (root / member).write_bytes(digits.read(member))
    _write_csv(root / "Train/train.csv", ["filename", "label"], chosen)
    _write_csv(root / "Test.csv", ["filename"], unlabeled)
    return root


def _write_csv(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")  # no split of the sample's
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def own_conf(tmp_path: Path) -> Callable[..., Path]:
    """Copy ``conf`` and add what a user would: files of ``conf/local``, as mappings by name."""

    def make(**local: dict[str, Any]) -> Path:
        conf = tmp_path / "conf"
        shutil.copytree(PROJECT / "conf", conf, ignore=shutil.ignore_patterns("local"))
        (conf / "local").mkdir()
        for name, content in local.items():
            (conf / "local" / f"{name}.yml").write_text(yaml.safe_dump(content))
        return conf

    return make


@pytest.fixture(autouse=True)
def _log_levels_as_before() -> Iterator[None]:
    """A session configures logging for the process; tests get the levels they came with."""
    logger = logging.getLogger("regbench")
    level = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session")
def a_past_run() -> Callable[..., pd.DataFrame]:
    """Rows of a history: a run of a day in January, by techniques' accuracies."""

    def rows(day: int, accuracies: dict[str, float | None], **changed: Any) -> pd.DataFrame:
        from regbench.history import table as history

        made: list[dict[str, Any]] = []
        for technique, accuracy in accuracies.items():
            failed = accuracy is None
            of_technique = changed.get(technique, {})
            made.append(
                {
                    "schema": history.SCHEMA,
                    "run": f"2026-01-{day:02}T020000Z",
                    "time": pd.Timestamp(2026, 1, day, 2, tz="UTC"),
                    "run_seconds": 60.0,
                    "versions": "regbench 1",
                    "alarms": "",
                    **{"images_train": 70, "images_validation": 15, "images_test": 15},
                    **{"rejected": 0, "data": "d1", "split": "s1", "protocol": "p1"},
                    **{"training": "t1", "evaluation": "e1", "settings": technique},
                    **{"technique": technique, "status": "failed" if failed else "trained"},
                    **{
                        "trainings": 5,
                        "failed_trainings": 5 if failed else 0,
                        "missing_trainings": 0,
                    },
                    **{"failed_seeds": "1, 2, 3, 4, 5" if failed else "", "part": "test"},
                    **{"reason": "it diverged" if failed else "", "verdict": "undecided"},
                    **{"accuracy": accuracy, "validation_accuracy": accuracy},
                    **{"accuracy_sd": 0.01, "seconds": 3.0, "difference": None},
                    "accuracy_low": None if failed else accuracy - 0.01,
                    "accuracy_high": None if failed else accuracy + 0.01,
                    **{key: value for key, value in changed.items() if key not in accuracies},
                    **of_technique,
                }
            )
        table = pd.DataFrame(made).reindex(columns=[*history.COLUMNS])
        return table.astype(history.COLUMNS)

    return rows


class Webhook(HTTPServer):
    """A server that keeps what is posted to it, and answers 500 below ``/broken``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.received: list[dict[str, Any]] = []
        self.url = f"json://user:sesame@127.0.0.1:{self.server_port}/"


class _Webhook(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(500 if self.path.startswith("/broken") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Where notifications can be sent, and what has arrived."""
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Run = Callable[..., dict[str, Any]]


@functools.cache
def _bootstrap() -> None:
    """Set Kedro up once: below pytest and beside TensorFlow, that takes half as long as a run."""
    bootstrap_project(PROJECT)


@pytest.fixture(scope="session")
def run_in(small_set: Path) -> Run:
    """Run pipelines of the real project on the small set; the first argument is the data root."""

    def run_pipelines(
        data_root: Path,
        *names: str,
        protocol: dict[str, Any] | None = None,
        conf: Path | None = None,
        env: str | None = None,
        runner: AbstractRunner | None = None,
        only_missing_outputs: bool = False,
        selection: dict[str, list[str]] | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        _bootstrap()
        pipelines.configure("regbench.pipeline_registry")  # those of this study, not the last one's
        runtime_params = {
            "images": str(small_set),
            "data_root": str(data_root),
            "networks": SMALL_NETWORK,
            "protocol": {**SMALL_PROTOCOL, **(protocol or {})},
            **params,
        }
        with KedroSession.create(
            project_path=PROJECT,
            env=env,
            runtime_params=runtime_params,
            conf_source=str(conf) if conf else None,
        ) as session:
            return session.run(
                pipeline_names=list(names),
                runner=runner or SequentialRunner(),
                only_missing_outputs=only_missing_outputs,
                **(selection or {}),
            )

    return run_pipelines


@pytest.fixture
def run(run_in: Run, tmp_path: Path) -> Run:
    """Run pipelines with results below ``tmp_path/data``, or below ``data_root`` if given."""

    def run_pipelines(
        *names: str, data_root: Path = tmp_path / "data", **options: Any
    ) -> dict[str, Any]:
        return run_in(data_root, *names, **options)

    return run_pipelines


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    """An empty store in memory, ``memory://...``, and an empty cache; nothing is tried again."""
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "0")
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield memory
    memory.store.clear()
