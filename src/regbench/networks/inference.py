"""Inference: class probabilities of a trained network, compiled once per architecture."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from regbench.networks.base import LOGITS
from regbench.storage.arrays import in_chunks


def predict(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the class probabilities of some images.

    Args:
        network: Trained; maps raw uint8 images to probabilities.
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Which images, M ints.

    Returns:
        M x classes, float32.
    """
    forward = _compiled_forward(architecture(network))
    weights = [
        [variable.value for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    probabilities = [np.zeros((0, network.output_shape[-1]), dtype=np.float32)]
    probabilities += [forward(*weights, chunk).numpy() for chunk in in_chunks(images, rows)]
    return np.concatenate(probabilities)


_architectures: "WeakKeyDictionary[keras.Model, str]" = WeakKeyDictionary()  # cached: 10 ms each


def architecture(network: keras.Model) -> str:
    """Return a network's architecture as JSON, without seeds.

    What is compiled for one network serves all of its architecture. Networks are not changed once
    they are built, only their weights are.
    """

    def without_seeds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: 0 if key == "seed" else without_seeds(v) for key, v in value.items()}
        return [without_seeds(item) for item in value] if isinstance(value, list) else value

    if network not in _architectures:
        _architectures[network] = json.dumps(without_seeds(json.loads(network.to_json())))
    return _architectures[network]


def logits_of(network: keras.Model) -> keras.Model:
    """Return the part of a network from images to logits."""
    return keras.Model(network.inputs, network.get_layer(LOGITS).output)


def network_from_architecture(described: str) -> keras.Model:
    """Return an untrained network of an architecture.

    A sequential network gets all layers at once: ``model_from_json`` rebuilds it for each layer.

    Args:
        described: From ``architecture``.
    """
    config = json.loads(described)
    if config["class_name"] != "Sequential":
        return keras.models.model_from_json(described)
    layers = [keras.layers.deserialize(layer) for layer in config["config"]["layers"]]
    return keras.Sequential(layers, name=config["config"]["name"])


@lru_cache(maxsize=2)  # each holds a network; an ensemble's members and itself take turns
def _compiled_forward(described: str) -> Callable[..., tf.Tensor]:
    """Return the compiled function from weights and images to probabilities; cached."""
    network = network_from_architecture(described)

    def forward(trained: list[tf.Tensor], fixed: list[tf.Tensor], images: tf.Tensor) -> tf.Tensor:
        probabilities, _ = network.stateless_call(trained, fixed, images, training=False)
        return probabilities

    specs = [
        [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    image_spec = tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8)
    return tf.function(forward, input_signature=[*specs, image_spec])
