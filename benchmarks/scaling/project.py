"""Copies of the project, each with a study of its own configuration."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
CREATE = "airflow create --group-by namespace --jinja-file schedule/airflow_dag.py.j2"
TECHNIQUES = ("baseline", "l2", "l1", "dropout", "early_stopping", "batch_normalization")


class ScalingError(Exception):
    """A benchmark cannot be made, in one line."""


def called(command: list[str], **options: Any) -> str:
    """Run a command, and return what it writes.

    Raises:
        ScalingError: It failed.
    """
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if ended.returncode:
        last = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise ScalingError(f"{shlex.join(command)}: exit code {ended.returncode}: {''.join(last)}")
    return ended.stdout


def copy_project(
    folder: Path, images: Path, data_root: Path, schedule: dict[str, Any], protocol: dict[str, Any]
) -> Path:
    """Copy the project, with a study of six techniques and its generated DAG.

    Args:
        folder: Where to; must not exist.
        images: The set.
        data_root: Where its results go.
        schedule: Of ``airflow.yml``, what differs from base.
        protocol: Of the protocol, what differs from base.

    Raises:
        ScalingError: The DAG cannot be generated.
    """
    for part in ("src", "conf", "schedule"):
        ignored = shutil.ignore_patterns("__pycache__", "local")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for file in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / file, folder)
    configure(
        folder,
        globals={"images": str(images), "data_root": str(data_root)},
        airflow={"default": schedule},
        parameters_protocol={"protocol": protocol},
        parameters_techniques={"techniques": techniques()},
    )
    create = [sys.executable, "-m", "kedro", *CREATE.split()]
    called(create, cwd=folder, env=variables(folder))
    return folder


def techniques(**changed: dict[str, Any]) -> dict[str, Any]:
    """What leaves six techniques of those in base, some of them changed."""
    file = ROOT / "conf/base/parameters_techniques.yml"
    in_base = yaml.safe_load(file.read_text(encoding="utf-8"))["techniques"]
    return dict.fromkeys(in_base.keys() - {*TECHNIQUES}) | changed


def configure(folder: Path, **files: dict[str, Any]) -> None:
    """Write files of ``conf/local``."""
    for name, content in files.items():
        path = folder / "conf" / "local" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


def variables(folder: Path) -> dict[str, str]:
    """The environment in which this copy's code runs, and no other's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {"PYTHONPATH": str(folder / "src")}


def comparison(data_root: Path) -> pd.DataFrame:
    """The comparison without what differs from run to run: how long it took."""
    table = pd.read_csv(data_root / "08_reporting/comparison.csv").set_index("technique")
    return table[[name for name in table.columns if "seconds" not in name]].sort_index()
