"""A small network of every kind, and techniques that mean something on each, for tests."""

from typing import Any

import keras
import numpy as np

from regbench.networks.base import Network, Plan
from regbench.networks.registry import NETWORKS, network_of
from regbench.study.technique import Technique

SHAPE, CLASSES = (8, 8, 3), 3
NORMALIZATION = {"offset": [10.0, 20.0, 30.0], "scale": [100.0, 120.0, 140.0]}
VALUES = 8 * 8 * 3
ZCA = {"mean": np.zeros(VALUES, np.float32), "matrix": np.eye(VALUES, dtype=np.float32) * 0.9}
AUGMENTATION = {
    "rotation": 10,
    "shift": 0.1,
    "zoom": 0.1,
    "shear": 0,
    "horizontal_flip": True,
    "vertical_flip": False,
    "fill": "reflect",
    "fill_value": 0,
}
ENTRIES: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "hidden_units": [8, 6], "activation": "relu"},
    "cnn": {"kind": "cnn", "filters": [4, 6], "convolutions_per_stage": 1, "head_units": 5},
    "cnn without normalization": {
        "kind": "cnn",
        "filters": [4, 6],
        "normalization": "none",
        "initializer": "glorot",
    },
    "resnet": {"kind": "resnet", "depth": 8, "filters": 4},
    "resnet with projection": {
        "kind": "resnet",
        "depth": 8,
        "filters": 4,
        "shortcut": "projection",
    },
    "pretrained": {
        "kind": "pretrained",
        "application": "MobileNetV2",
        "alpha": 0.35,
        "weights": None,
    },
    "own with hooks": {"kind": "own", "function": "tests.networks.own_networks.with_hooks"},
    "own without hooks": {"kind": "own", "function": "tests.networks.own_networks.without_hooks"},
}
TECHNIQUES: dict[str, dict[str, Any]] = {
    "l1": {"l1": 0.001},
    "l2": {"l2": 0.01},
    "dropout": {"dropout": 0.4},
    "batch_normalization": {"batch_normalization": True},
    "zca": {"zca": True},
    "augmentation": {"augmentation": True},
    "early_stopping": {"early_stopping": {}},
    "input_dropout": {"input_dropout": 0.2},
    "spatial_dropout": {"spatial_dropout": 0.3},
    "gaussian_dropout": {"gaussian_dropout": 0.3},
    "gaussian_noise": {"gaussian_noise": 0.2},
    "dropblock": {"dropblock": {"rate": 0.2, "block_size": 2}},
    "stochastic_depth": {"stochastic_depth": 0.5},
    "activity_penalty": {"activity_penalty": 0.01},
    "layer_normalization": {"layer_normalization": True},
    "group_normalization": {"group_normalization": {"channels_per_group": 2}},
    "weight_standardization": {"weight_standardization": True},
    "spectral_norm": {"spectral_norm": 2},
    "dropout_augmentation_l2": {"dropout": 0.4, "augmentation": True, "l2": 0.01},
}
WITHOUT_LAYERS = (
    *("l1", "l2", "augmentation", "early_stopping"),
    *("weight_standardization", "spectral_norm"),
)


def network(name: str) -> Network:
    return network_of(ENTRIES[name])


def means_something(name: str, technique: str) -> bool:
    """Whether a technique can be trained on a network of ``ENTRIES``."""
    if name == "own without hooks":
        return technique in WITHOUT_LAYERS
    if name == "own with hooks" and technique == "stochastic_depth":
        return False  # it has no residual branches
    traits = network(name).traits(SHAPE)
    regularizers = Technique.model_validate(TECHNIQUES[technique]).regularizers(PREPARED)
    return not any(regularizer.misfit(traits) for regularizer in regularizers)


PREPARED = {"zca": ZCA, "augmentation": AUGMENTATION}
PAIRS = [
    (name, technique)
    for name in ENTRIES
    for technique in TECHNIQUES
    if means_something(name, technique)
]
assert {ENTRIES[name]["kind"] for name in ENTRIES} == set(NETWORKS)


def plan(seed: int = 1, shape: tuple[int, int, int] = SHAPE, **technique: Any) -> Plan:
    regularizers = Technique.model_validate(technique).regularizers(PREPARED)
    normalization = {key: values[: shape[2]] for key, values in NORMALIZATION.items()}
    return Plan(shape, CLASSES, seed, normalization, regularizers)


def built(name: str, technique: str | None = None, seed: int = 1) -> keras.Model:
    return network(name).built(plan(seed, **(TECHNIQUES[technique] if technique else {})))
