"""A new kind of network is one file: everything else finds it and works with it."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd
import pytest
from tests.additions.conftest import docs_page, settings

# A functional model with convolutions, with and without bias, and a shortcut.
TOY = '''
"""A small residual network: a toy."""

from pydantic import Field
from typing import Annotated

from regbench.fields import Count
from regbench.networks.base import Network, Plan


class Shortcut(Network):
    """Two convolutions with a shortcut around the second."""

    title = "toy with a shortcut"
    source = "Nobody, Shortcuts, 2026"

    filters: Annotated[Count, Field(le=64)]

    def build(self, plan: Plan):
        import keras
        from keras import layers

        image, normalization = plan.first_layers()
        shape = (*plan.image_shape[:2], self.filters)
        values = normalization(image)
        for layer in plan.input_layers(plan.image_shape):
            values = layer(values)
        for number, bias in ((1, True), (2, False)):
            initial = keras.initializers.HeNormal(plan.kernel_seed(number))
            found = layers.Conv2D(
                self.filters, 3, padding="same", use_bias=bias, kernel_initializer=initial,
                name=f"convolution_{number}",
            )(values)
            for layer in plan.before_activation(number, shape):
                found = layer(found)
            found = layers.Activation("relu", name=f"activation_{number}")(found)
            for layer in plan.after_activation(number, shape):
                found = layer(found)
            values = found if number == 1 else layers.Add()([values, found])
        values = layers.GlobalAveragePooling2D()(values)
        for layer in plan.last_layers():
            values = layer(values)
        return keras.Model(image, values, name="shortcut")
'''
TECHNIQUES = "baseline,l2,dropout,batch_normalization,zca,dropout_augmentation,early_stopping"


@pytest.fixture
def with_toy(project: Path) -> Path:
    (project / "src/regbench/networks/kinds/shortcut.py").write_text(TOY)
    settings(
        project,
        networks={"small": {"kind": "shortcut", "filters": 4}},
        protocol={"epochs": 1, "seeds": 1, "batch_size": 32, "network": "small"},
    )
    return project


def test_is_trained_with_every_technique_and_compared(
    with_toy: Path, kedro: Callable[..., "object"], tmp_path: Path
) -> None:
    done = kedro(f"--pipelines={TECHNIQUES},reporting")
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results"
    compared = pd.read_csv(results / "08_reporting/comparison.csv").set_index("technique")
    assert (compared.loc[TECHNIQUES.split(","), "status"] == "trained").all()
    page = (results / "08_reporting/report.html").read_text()
    assert "toy with a shortcut" in page
    network = keras.models.load_model(results / "06_models/dropout/seed_1.keras")
    assert network.get_layer("convolution_2").use_bias is False
    assert network.get_layer("dropout_2").rate == 0.25

    assert "| `shortcut` | toy with a shortcut | `filters`" in docs_page(with_toy, "networks.md")

    # Sound files read as sound; a changed kind makes every training stale.
    again = kedro(f"--pipelines={TECHNIQUES},reporting", "--only-missing-outputs")
    assert "up to date" in again.stderr, again.stderr
    record = results / "06_models/l2/seed_1_fingerprint.json"
    before = json.loads(record.read_text())
    kind = with_toy / "src/regbench/networks/kinds/shortcut.py"
    kind.write_text(TOY.replace('"relu"', '"elu"'))
    changed = kedro("--pipelines=l2", "--only-missing-outputs")
    assert changed.returncode == 0, changed.stderr
    after = json.loads(record.read_text())
    assert {part for part in before if before[part] != after[part]} >= {"training", "weights"}
    assert after["protocol"] == before["protocol"]


def test_is_checked(with_toy: Path, kedro: Callable[..., "object"]) -> None:
    networks = {
        "less": {"kind": "shortcut"},
        "large": {"kind": "shortcut", "filters": 65},
        "more": {"kind": "shortcut", "filters": 4, "units": 3},
        "other": {"kind": "shortcat", "filters": 4},
    }
    settings(with_toy, networks=networks)
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "networks.less.filters: is missing" in told
    assert "networks.large.filters: must be at most 64, not 65" in told
    assert "networks.more.units: unknown key; allowed: kind, filters" in told
    kinds = "cnn, mlp, own, pretrained, resnet, shortcut"
    assert f"networks.other.kind: 'shortcat' is no kind of network; allowed: {kinds}" in told


def test_must_be_there(with_toy: Path, kedro: Callable[..., "object"]) -> None:
    settings(with_toy, protocol={"network": "smal"})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    said = "protocol.network: 'smal' is not a network; allowed: mlp, cnn, resnet, mobilenet, small"
    assert f"{said}; did you mean 'small'?" in " ".join(done.stderr.split())
