"""The network: raw uint8 images in, class probabilities out, everything in between inside it."""

import keras
import numpy as np

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
