"""The network: raw uint8 images in, class probabilities out, everything in between inside it."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from regbench.storage.arrays import in_chunks
from regbench.study.schema import Network, Technique

LOGITS = "logits"


def build_network(
    image_shape: tuple[int, int, int],
    classes: int,
    network: Network,
    technique: Technique,
    seed: int,
    normalization: dict[str, list[float]],
    zca: dict[str, np.ndarray] | None = None,
) -> keras.Model:
    """Build an untrained network, the technique's layers included.

    Every layer draws from a seed of its own, so the same seed gives the same initial weights
    whatever layers a technique puts between them.

    Args:
        image_shape: Height, width, channels.
        classes: How many.
        network: The hidden layers' widths and activation.
        technique: Regularizers to build in; augmentation and early stopping act in training.
        seed: Of the run.
        normalization: What ``fit_normalization`` returned.
        zca: What ``fit_zca`` returned, for a technique with ZCA.

    Returns:
        A model from B x H x W x C uint8 to B x classes float32. The layer named ``logits``
        is its last but one. It is saved and loaded without any code of RegBench.
    """
    scale = 1.0 / np.asarray(normalization["scale"])
    offset = -np.asarray(normalization["offset"]) * scale
    layers = [
        keras.Input(image_shape, dtype="uint8", name="image"),
        keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="normalization"),
        keras.layers.Flatten(name="flatten"),
    ]
    if technique.zca:
        if zca is None:
            raise ValueError("a technique with ZCA needs the fitted whitening")
        layers.append(_whitening(zca))
    for number, units in enumerate(network.hidden_units, start=1):
        layers.append(
            keras.layers.Dense(
                units,
                kernel_initializer=keras.initializers.GlorotUniform(_layer_seed(seed, number, 0)),
                kernel_regularizer=_kernel_regularizer(technique),
                name=f"hidden_{number}",
            )
        )
        if technique.batch_normalization:
            layers.append(keras.layers.BatchNormalization(name=f"batch_normalization_{number}"))
        layers.append(keras.layers.Activation(network.activation, name=f"activation_{number}"))
        if technique.dropout:
            layers.append(
                keras.layers.Dropout(
                    technique.dropout, seed=_layer_seed(seed, number, 1), name=f"dropout_{number}"
                )
            )
    layers.append(
        keras.layers.Dense(
            classes,
            kernel_initializer=keras.initializers.GlorotUniform(_layer_seed(seed, 0, 0)),
            name=LOGITS,
        )
    )
    layers.append(keras.layers.Softmax(name="probabilities"))
    return keras.Sequential(layers, name="network")  # at once: each model.add builds it anew


def trained_kernels(network: keras.Model) -> list[np.ndarray]:
    """The weight matrices that training changes, without biases and batch-norm scales."""
    return [
        layer.kernel.numpy()
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense) and layer.trainable
    ]


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """All weights of a network by layer and name, those that training leaves alone included."""
    return {name: weight.numpy() for name, weight in _weights_by_name(network).items()}


def set_weights(network: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Give a network weights that ``weights_of`` returned of one built the same way."""
    network.set_weights([weights[name] for name in _weights_by_name(network)])


def predict(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the class probabilities of some images.

    Args:
        network: From ``build_network``, trained.
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: Which, M ints.

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


_architectures: "WeakKeyDictionary[keras.Model, str]" = WeakKeyDictionary()  # 10 ms each


def architecture(network: keras.Model) -> str:
    """Describe a network's layers as JSON, alike for all seeds.

    Whatever is compiled for one network serves all of its architecture; networks are not changed
    once they are built, only their weights are.
    """

    def without_seeds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: 0 if key == "seed" else without_seeds(v) for key, v in value.items()}
        return [without_seeds(part) for part in value] if isinstance(value, list) else value

    if network not in _architectures:
        _architectures[network] = json.dumps(without_seeds(json.loads(network.to_json())))
    return _architectures[network]


def of_architecture(described: str) -> keras.Model:
    """Build an untrained network from what ``architecture`` returned.

    All layers at once: ``keras.models.model_from_json`` builds it anew with each of them.
    """
    config = json.loads(described)["config"]
    layers = [keras.layers.deserialize(layer) for layer in config["layers"]]
    return keras.Sequential(layers, name=config["name"])


@lru_cache(maxsize=1)  # each holds a network
def _compiled_forward(described: str) -> Callable[..., tf.Tensor]:
    """Compile the way from images to probabilities, the weights given: two thirds of the time."""
    network = of_architecture(described)

    def forward(trained: list[tf.Tensor], fixed: list[tf.Tensor], images: tf.Tensor) -> tf.Tensor:
        probabilities, _ = network.stateless_call(trained, fixed, images, training=False)
        return probabilities

    specs = [
        [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    image_spec = tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8)
    return tf.function(forward, input_signature=[*specs, image_spec])


def _weights_by_name(network: keras.Model) -> dict[str, keras.Variable]:
    """In the order of ``network.weights``; a loaded network's own paths have other prefixes."""
    return {
        f"{layer.name}.{weight.name}": weight
        for layer in network.layers
        for weight in layer.weights
    }


def _whitening(zca: dict[str, np.ndarray]) -> keras.layers.Layer:
    """ZCA as a fixed dense layer: (x - mean) W = x W - mean W."""
    values = len(zca["mean"])
    layer = keras.layers.Dense(values, trainable=False, name="zca")
    layer.build((None, values))
    layer.set_weights([zca["matrix"], -zca["mean"] @ zca["matrix"]])
    return layer


def _kernel_regularizer(technique: Technique) -> keras.Regularizer | None:
    if not (technique.l1 or technique.l2):
        return None
    return keras.regularizers.L1L2(l1=technique.l1 or 0.0, l2=technique.l2 or 0.0)


def _layer_seed(seed: int, layer: int, use: int) -> int:
    """A seed for one layer's weights (use 0) or dropout (use 1)."""
    return int(np.random.SeedSequence([seed, layer, use]).generate_state(1)[0] >> 1)
