"""A folder of results with three techniques trained, and the command that resumes their study."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import COMPARED
from tests.runs.freshness.data_root import ONE_SEED, Run


@pytest.fixture(scope="session")
def trained_root(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with baseline, l2 and zca trained and compared."""
    root = tmp_path_factory.mktemp("trained") / "data"
    run_in(root, "baseline", "l2", "zca", protocol=ONE_SEED)
    run_in(root, "reporting", protocol=ONE_SEED, selection=COMPARED)
    return root


@pytest.fixture
def root(trained_root: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(trained_root, copy)
    return copy


@pytest.fixture
def resume(run: Run) -> Callable[..., None]:
    """Bring three techniques up to date."""

    def resume_study(*also: str, **options: Any) -> None:
        options.setdefault("protocol", ONE_SEED)
        run("baseline", "l2", "zca", *also, only_missing_outputs=True, **options)

    return resume_study
