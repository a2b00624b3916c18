"""A small study with looks whose verdicts are the same on every machine.

``l1`` is so strong that it learns nothing: worse at the first look. ``twin`` trains as the baseline
does, so its differences are 0, and how soon it is equivalent depends on the band alone.
"""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.interval import critical

Run = Callable[..., dict[str, Any]]
ARMS = ("baseline", "l1", "twin")
LEFT_OUT = dict.fromkeys(
    (
        *("l2", "dropout", "augmentation", "zca", "zca_dropout", "early_stopping"),
        *("batch_normalization", "dropout_augmentation"),
    )
)
TECHNIQUES = LEFT_OUT | {"l1": {"l1": 10.0}, "twin": {"class_weights": "balanced"}}
LOOKS = [3, 4, 6]
TEST_IMAGES = 90


def _bands() -> list[float]:
    """Return bands in points with which the twin is equivalent at the second and third look.

    Its differences count as spread by half an image.
    """
    design = Design(tuple(LOOKS), techniques=2, band=0)
    half_widths = []
    for number, look in enumerate(LOOKS, start=1):
        at = critical(design.looks[:number], design.shares[:number], design).equivalence
        half_widths.append(100 * at * design.standard_error(0.5 / TEST_IMAGES, look))
    return [0.75 * wider + 0.25 * narrower for wider, narrower in pairwise(half_widths)]


AT_4, AT_6 = _bands()


def study(images: Path, band: float = AT_4, seeds: Any = None, **more: Any) -> dict[str, Any]:
    """Return the parameters of the study."""
    return {
        "images": str(images),
        "networks": {"mlp": {"hidden_units": [16]}},
        "techniques": TECHNIQUES,
        "ingest": {"size": 8, "mode": "L"},
        "evaluation": {"robustness_images": 10},
        "protocol": {
            "epochs": 8,
            "batch_size": 5,
            "optimizer": {"learning_rate": 0.01},
            "seeds": seeds or {"looks": LOOKS},
            "split": {"train": 0.2, "validation": 0.2, "test": 0.6},
        },
        "reporting": {"equivalence_band": band},
        **more,
    }


def draw_images(folder: Path) -> None:
    """Draw 150 pictures of 8 x 8, dark or light: a network tells them apart at once."""
    random = np.random.default_rng(0)
    for label, brightness in (("dark", 40), ("light", 200)):
        (folder / label).mkdir(parents=True)
        for turn in range(75):
            pixels = random.integers(brightness - 20, brightness + 20, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{turn}.png")


def comparison(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")


def trained(root: Path) -> dict[str, list[int]]:
    """The seeds with a network, by technique."""
    return {
        arm: sorted(
            int(file.stem.removeprefix("seed_"))
            for file in (root / "06_models" / arm).glob("seed_*.keras")
        )
        for arm in ARMS
    }


def spared(root: Path) -> dict[str, list[int]]:
    """The seeds that a look found not to be needed, by technique."""
    return {
        arm: sorted(
            int(file.name.removeprefix("seed_").partition(".")[0])
            for file in (root / "06_models" / arm).glob("seed_*.not_needed.json")
        )
        for arm in ARMS
    }


def networks(root: Path) -> dict[str, int]:
    """When each network was written."""
    return {str(path): path.stat().st_mtime_ns for path in (root / "06_models").rglob("*.keras")}


def look(root: Path, seeds: int) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((root / f"07_model_output/look_{seeds}.json").read_text())
    return record
