"""The page on a user's own network: both functions are trained as it says."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd
import pytest
import yaml
from tests.additions.conftest import PROJECT, settings

PAGE = (PROJECT / "docs/your-network.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def with_own(project: Path) -> Path:
    (project / "src/my_networks.py").write_text("\n\n".join(blocks("python")))
    networks = yaml.safe_load(blocks("yaml")[0])["networks"]
    networks["hooked"] = {"kind": "own", "function": "my_networks.build_with_hooks"}
    settings(project, networks=networks)
    return project


def test_functions_are_as_short_as_said() -> None:
    assert all(len(code.strip().splitlines()) <= 20 for code in blocks("python"))


def test_is_trained_without_hooks_by_the_command_of_the_page(
    with_own: Path, kedro: Callable[..., "object"], tmp_path: Path
) -> None:
    command = blocks("bash")[0]
    pipelines = re.search(r"--pipelines=(\S+)", command)
    assert pipelines
    assert "--params=protocol.network=mine" in command
    settings(with_own, protocol={"epochs": 1, "seeds": 1, "batch_size": 32, "network": "mine"})
    done = kedro(f"--pipelines={pipelines[1]}")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    assert (
        "my_networks.build (parameters_networks.yml) does not call the hooks for the layers of "
        "dropout, zca, batch_normalization: docs/your-network.md; these techniques cannot be "
        "trained: dropout, zca_dropout, dropout_augmentation, zca, batch_normalization"
    ) in told
    compared = pd.read_csv(tmp_path / "results/08_reporting/comparison.csv").set_index("technique")
    assert (compared.loc[["baseline", "l2", "augmentation"], "status"] == "trained").all()

    # A technique with layers is not trained without them; a changed function is trained again.
    function = with_own / "src/my_networks.py"
    function.write_text(function.read_text().replace("Conv2D(32, 3", "Conv2D(24, 3"))
    record = tmp_path / "results/06_models/l2/seed_1_fingerprint.json"
    before = json.loads(record.read_text())
    again = kedro("--pipelines=l2,dropout", "--only-missing-outputs")
    assert again.returncode == 3
    assert "does not call the hooks for the layers of dropout" in " ".join(again.stdout.split())
    after = json.loads(record.read_text())
    assert {part for part in before if before[part] != after[part]} >= {"training", "weights"}


def test_is_trained_with_hooks(
    with_own: Path, kedro: Callable[..., "object"], tmp_path: Path
) -> None:
    settings(
        with_own,
        protocol={"epochs": 1, "seeds": 1, "batch_size": 32, "network": "hooked"},
        techniques={"all_layers": {"combine": ["dropout", "zca", "batch_normalization"]}},
    )
    done = kedro("--pipelines=all_layers")
    assert done.returncode == 0, done.stderr
    network = keras.models.load_model(tmp_path / "results/06_models/all_layers/seed_1.keras")
    assert network.get_layer("batch_normalization_2")
    assert network.get_layer("dropout_2").input.shape == (None, 2, 2, 32)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("my_network.build", "there is no module my_network; `src` and PYTHONPATH are searched"),
        ("my_networks.built", "my_networks has no built"),
    ],
)
def test_a_function_that_is_not_there_stops_the_command(
    with_own: Path, kedro: Callable[..., "object"], function: str, said: str
) -> None:
    settings(with_own, networks={"mine": {"kind": "own", "function": function}})
    settings(with_own, protocol={"network": "mine"})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert f"conf/local/parameters_networks.yml: networks.mine.function: {said}" in told


def test_a_function_that_fails_stops_the_command_before_anything_is_trained(
    with_own: Path, kedro: Callable[..., "object"], tmp_path: Path
) -> None:
    function = with_own / "src/my_networks.py"
    function.write_text("def build(image_shape, classes, hooks):\n    return 1 / 0\n")
    settings(with_own, protocol={"network": "mine"})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert (
        "Error: parameters_networks.yml: function: my_networks.build: ZeroDivisionError: division "
        "by zero"
    ) in told
    assert not (tmp_path / "results/06_models").exists()
