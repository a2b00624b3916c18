"""A technique that raises, a process that is killed: the others complete, the table says why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

PROJECT = Path(__file__).parents[2]
KEDRO = Path(sys.executable).parent / "kedro"

# Read by every Python process: where the network is built, two techniques do what they should not.
PLANTED = """
import importlib.abc, importlib.util, os, signal, sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "regbench.networks.kinds.mlp":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), plant(module))
        return spec


def plant(module):
    build = module.Mlp.build

    def planted(self, plan):
        keys = [regularizer.key() for regularizer in plan.regularizers]
        if "dropout" in keys and plan.seed == 2:
            raise RuntimeError("no such luck\\nand more")
        if "l1" in keys:
            os.kill(os.getpid(), signal.SIGKILL)
        return build(self, plan)

    module.Mlp.build = planted


if "PLANT" in os.environ:
    sys.meta_path.insert(0, Finder())
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "sitecustomize.py").write_text(PLANTED)
    return folder


def kedro_run(
    root: Path, images: Path, planted: Path, *options: str, plant: bool
) -> "subprocess.CompletedProcess[str]":
    settings = (
        "protocol.epochs=1,protocol.seeds=2,networks.mlp.hidden_units=[8],ingest.size=14,"
        "evaluation.robustness_images=10"
    )
    environment = {**os.environ, "PYTHONPATH": str(planted)}
    environment |= {"PLANT": "yes"} if plant else {}
    return subprocess.run(
        [
            str(KEDRO),
            "run",
            "--pipelines=baseline,l1,dropout,reporting",
            f"--params=images={images},data_root={root},{settings}",
            "--runner-params=max_workers=2",
            *options,
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_others_complete_and_a_resumed_run_tries_again(
    tmp_path: Path, small_set: Path, planted: Path
) -> None:
    root = tmp_path / "data"
    first = kedro_run(root, small_set, planted, plant=True)
    assert first.returncode == 3, first.stderr
    assert "Traceback" not in first.stderr
    last = first.stderr.strip().splitlines()[-1]
    assert "3 of the trainings failed" in last
    assert "dropout seed 2 (RuntimeError: no such luck)" in last
    for seed in (1, 2):
        assert f"l1 seed {seed} (a training process was killed, perhaps for want of" in last
    table = pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")
    assert table["failed_trainings"].to_dict() | {"baseline": 0, "dropout": 1, "l1": 2} == (
        table["failed_trainings"].to_dict()
    )
    assert "no such luck" in (root / "08_reporting/report.html").read_text()
    networks = sorted(str(p.relative_to(root / "06_models")) for p in root.rglob("*.keras"))
    assert networks == ["baseline/seed_1.keras", "baseline/seed_2.keras", "dropout/seed_1.keras"]
    made_at = {name: (root / "06_models" / name).stat().st_mtime_ns for name in networks}

    options = ("--only-missing-outputs", "--to-outputs=comparison")
    second = kedro_run(root, small_set, planted, *options, plant=False)
    assert second.returncode == 0, second.stderr
    for technique in ("baseline", "l1", "dropout"):
        for seed in (1, 2):
            file = root / f"07_model_output/{technique}/seed_{seed}/metrics.json"
            assert json.loads(file.read_text())["status"] == "trained"
    assert not list(root.rglob("*.failed.json"))
    for name, made in made_at.items():  # and nothing else was trained again
        assert (root / "06_models" / name).stat().st_mtime_ns == made
    shutil.rmtree(root)
