"""A new regularizer is one file: everything else finds it and works with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.additions.conftest import docs_page, settings

# Gaussian noise on the activations, and a shrunken batch: layer and input batch.
TOY = '''
"""Noise: a toy."""

from typing import Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Position, Regularizer


class Noise(Regularizer):
    """Add noise to activations, and take a share off the brightness of train images."""

    title = "noise of the toy"
    effect = "makes the network see through it"
    source = "Nobody, Noise, 2026"
    helps = "In tests (Nobody, 2026)."
    not_when = "Elsewhere (Nobody, 2026)."
    cost = "nothing"
    aliases = ("Krach",)
    shorthand = "strength"

    strength: Annotated[Float, Field(gt=0, le=2)] = 0.5
    darkness: Annotated[Float, Field(ge=0, lt=1)] = 0.0

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        return "means nothing for images as small as that" if image_shape[0] < 4 else None

    def layers_after_activation(self, at: Position) -> list:
        import keras

        return [keras.layers.GaussianNoise(self.strength, seed=at.seed, name=f"noise_{at.number}")]

    def change_batch(self, batch: Batch, seed: object) -> Batch:
        import tensorflow as tf

        images = tf.cast(tf.cast(batch.images, tf.float32) * (1 - self.darkness), tf.uint8)
        return batch._replace(images=images)
'''


@pytest.fixture
def with_toy(project: Path) -> Path:
    (project / "src/regbench/regularizers/noise.py").write_text(TOY)
    settings(
        project,
        techniques={
            "noisy": {"noise": 0.3},
            "noisy_dark": {"combine": ["l2"], "noise": {"strength": 0.3, "darkness": 0.2}},
        },
        protocol={"epochs": 1, "seeds": 1, "batch_size": 32},
    )
    return project


def test_is_read_trained_compared_and_told(
    with_toy: Path, kedro: Callable[..., "object"], tmp_path: Path
) -> None:
    techniques = "baseline,l2,noisy,noisy_dark"
    done = kedro(f"--pipelines={techniques},reporting")
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results"
    compared = pd.read_csv(results / "08_reporting/comparison.csv").set_index("technique")
    assert (compared.loc[techniques.split(","), "status"] == "trained").all()
    page = (results / "08_reporting/report.html").read_text()
    assert "noise of the toy" in page
    assert "Nobody, Noise, 2026" in page
    history = pd.read_parquet(results / "09_history/history.parquet")
    assert "noisy_dark" in set(history["technique"])
    fingerprints = {
        name: json.loads((results / f"06_models/{name}/seed_1_fingerprint.json").read_text())
        for name in techniques.split(",")
    }

    (line,) = (li for li in docs_page(with_toy, "regularizers.md").splitlines() if "`noise`" in li)
    assert "layer" in line
    assert "input batch" in line
    assert "**`strength`** (number > 0 and ≤ 2) = 0.5" in line

    # Nothing to do, until its code changes: then its own trainings are stale, and no others.
    again = kedro(f"--pipelines={techniques},reporting", "--only-missing-outputs")
    assert "up to date" in again.stderr, again.stderr
    file = with_toy / "src/regbench/regularizers/noise.py"
    file.write_text(TOY.replace("1 - self.darkness", "1.0 - 1.01 * self.darkness"))
    changed = kedro(f"--pipelines={techniques}", "--only-missing-outputs")
    assert changed.returncode == 0, changed.stderr
    for name in techniques.split(","):
        now = json.loads((results / f"06_models/{name}/seed_1_fingerprint.json").read_text())
        assert (now["training"] != fingerprints[name]["training"]) == ("noisy" in name)
        assert (now["record"] != fingerprints[name]["record"]) == ("noisy" in name)


def test_is_checked(with_toy: Path, kedro: Callable[..., "object"]) -> None:
    wrong = {
        "strong": {"noise": 3},
        "on": {"noise": True},
        "misspelled": {"noise": {"strenght": 1}},
        "unknown": {"noize": 0.1},
        "elsewhere": {"krach": 0.1},
    }
    settings(with_toy, techniques=wrong)
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "techniques.strong.noise: must be greater than 0 and at most 2, not 3" in told
    assert "techniques.on.noise: must be a number, not True" in told
    assert "unknown key; allowed: strength, darkness; did you mean 'strength'?" in told
    assert "techniques.unknown.noize: unknown key; allowed: " in told
    assert "did you mean 'noise'?" in told
    assert "; 'krach' is here noise (noise of the toy)" in told
    assert "parameters_techniques.yml" in told


def test_says_where_it_means_nothing(with_toy: Path, kedro: Callable[..., "object"]) -> None:
    settings(with_toy, ingest={"size": 3})
    done = kedro("--pipelines=baseline")
    assert done.returncode == 2
    assert "techniques.noisy.noise: means nothing for images as small as that" in " ".join(
        done.stderr.split()
    )
