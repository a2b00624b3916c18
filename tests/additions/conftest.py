"""A copy of the project to add a file to, and the command run in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]

Kedro = Callable[..., "subprocess.CompletedProcess[str]"]


def copy_project(copy: Path) -> Path:
    """Copy the project's code and settings, with a small network, two seeds and one epoch."""
    shutil.copytree(PROJECT / "src", copy / "src")
    shutil.copytree(PROJECT / "conf", copy / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copy(PROJECT / "pyproject.toml", copy)
    (copy / "conf/local").mkdir()
    settings(
        copy,
        networks={"mlp": {"hidden_units": [8]}},
        protocol={"epochs": 1, "seeds": 2, "batch_size": 32},
        evaluation={"robustness_images": 10},
        ingest={"size": 8},
    )
    return copy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def settings(project: Path, **groups: object) -> None:
    """Write settings of one's own, a file a group."""
    for name, values in groups.items():
        file = project / "conf/local" / f"parameters_{name}.yml"
        file.write_text(yaml.safe_dump({name: values}))


def command_in(project: Path, images: Path, results: Path) -> Kedro:
    """Return what runs a command of the copy, on a small set of real digits."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        params = f"--params=images={images},data_root={results}"
        return subprocess.run(
            [sys.executable, "-m", "kedro", "run", *arguments, params],
            cwd=project,
            env=os.environ | {"PYTHONPATH": str(project / "src")},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def kedro(project: Path, small_set: Path, tmp_path: Path) -> Kedro:
    return command_in(project, small_set, tmp_path / "results")


def docs_pages(project: Path) -> Path:
    """Return the folder of the docs' pages that the copy's own files make."""
    folder = project / "made_docs"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "regbench.report.reference", str(folder)],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src")},
        check=True,
    )
    return folder
