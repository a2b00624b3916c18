"""Images, settings and networks of a small study, for tests of training."""

from typing import Any

import keras
import numpy as np
import pandas as pd
from tests.building import build_network

from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.base import Regularizer
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training.train import SplitPart, train

CLASSES = 3
MLP = Mlp(hidden_units=[16, 8], activation="relu")
SHAPE = (6, 6, 1)
TARGETS = np.random.default_rng(1).integers(0, CLASSES, 90)
# Images that tell their class by their brightness, and a lot of noise.
IMAGES = np.random.default_rng(0).integers(0, 120, (90, *SHAPE), dtype=np.uint8)
IMAGES += (30 * TARGETS[:, None, None, None]).astype(np.uint8)
TRAIN = SplitPart(np.arange(0, 65)[::-1], TARGETS[:65][::-1])
VALIDATION = SplitPart(np.arange(65, 90), TARGETS[65:])
NORMALIZATION = {"offset": [60.0], "scale": [40.0]}
ZCA = {"mean": np.zeros(36, np.float32), "matrix": np.eye(36, dtype=np.float32) * 0.9}
SHAKEN = Augmentation(
    rotation=20,
    shift=0.1,
    zoom=0.1,
    shear=5,
    horizontal_flip=True,
    vertical_flip=False,
    fill="nearest",
    fill_value=0,
)
STILL = SHAKEN.model_copy(
    update={"rotation": 0, "shift": 0, "zoom": 0, "shear": 0, "horizontal_flip": False}
)


def protocol(**changes: Any) -> Protocol:
    values: dict[str, Any] = {
        "split": {"method": "stratified", "train": 0.7, "validation": 0.2, "test": 0.1, "seed": 0},
        "network": "mlp",
        "optimizer": {"name": "adam", "learning_rate": changes.pop("learning_rate", 0.01)},
        "schedule": {"name": "constant"},
        "batch_size": 16,
        "epochs": 2,
        "seeds": [1],
    }
    return Protocol.model_validate(values | changes)


def network_of(technique: Technique, seed: int = 1) -> keras.Model:
    return build_network(
        SHAPE, CLASSES, MLP, technique, seed, NORMALIZATION, zca=ZCA, augmentation=SHAKEN
    )


def predicted(network: keras.Model, part: SplitPart) -> np.ndarray:
    """Probabilities in double precision, of sum 1 as scikit-learn wants them."""
    found = np.asarray(network(IMAGES[part.rows], training=False), dtype=float)
    return found / found.sum(axis=1, keepdims=True)


def trained(
    technique: Technique, shared: Protocol | None = None, seed: int = 1, **options: Any
) -> tuple[keras.Model, pd.DataFrame]:
    network = network_of(technique, seed)
    shared = shared or protocol()
    images = options.pop("images", IMAGES)
    regularizers = regularizers_of(technique)
    regularizers += [
        made for key in ("augmentation", "early_stopping") if (made := options.pop(key, None))
    ]
    history, _ = train(network, images, TRAIN, VALIDATION, shared, seed, regularizers, **options)
    return network, history


def regularizers_of(technique: Technique) -> list[Regularizer]:
    return technique.regularizers({"zca": ZCA, "augmentation": SHAKEN.in_full()})
