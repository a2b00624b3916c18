"""Small real studies: a few hundred MNIST digits, small networks, two epochs."""

import csv
import io
import logging
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import AbstractRunner, SequentialRunner

PROJECT = Path(__file__).parents[1]
DIGITS = PROJECT / "data" / "01_raw" / "digits.zip"
CLASSES = [str(digit) for digit in range(10)]

# Files that take a minute or so: whoever begins one last is waited for.
LONGEST_FIRST = (
    "regularization.ipynb",
    "test_whole_runs.py",
    "test_cli.py",
    "test_staleness.py",
    "test_failing_trainings.py",
    "test_report_in_browser.py",
    "test_statistics.py",
)

SMALL_PROTOCOL = {
    "network": {"hidden_units": [32, 16]},
    "batch_size": 32,
    "epochs": 2,
    "seeds": [1, 2],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    turn = {name: turn for turn, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: turn.get(item.path.name, len(turn)))


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
        writer = csv.DictWriter(file, columns)
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


Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def run_in(small_set: Path) -> Run:
    """Run pipelines of the real project on the small set; the first argument is the data root."""

    def run_pipelines(
        data_root: Path,
        *pipelines: str,
        protocol: dict[str, Any] | None = None,
        conf: Path | None = None,
        env: str | None = None,
        runner: AbstractRunner | None = None,
        only_missing_outputs: bool = False,
        **params: Any,
    ) -> dict[str, Any]:
        bootstrap_project(PROJECT)
        runtime_params = {
            "images": str(small_set),
            "data_root": str(data_root),
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
                pipeline_names=list(pipelines),
                runner=runner or SequentialRunner(),
                only_missing_outputs=only_missing_outputs,
            )

    return run_pipelines


@pytest.fixture
def run(run_in: Run, tmp_path: Path) -> Run:
    """Run pipelines with results below ``tmp_path/data``, or below ``data_root`` if given."""

    def run_pipelines(
        *pipelines: str, data_root: Path = tmp_path / "data", **options: Any
    ) -> dict[str, Any]:
        return run_in(data_root, *pipelines, **options)

    return run_pipelines
