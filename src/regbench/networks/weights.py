"""The weights of any Keras network by name, and its trained kernels."""

from collections.abc import Iterator

import keras
import numpy as np

from regbench.networks.base import LOGITS


def trained_kernels(network: keras.Model) -> list[np.ndarray]:
    """Return the kernels that training changes, without biases and normalization's scales."""
    return [kernel.numpy() for kernel in kernel_variables(network)]


def kernel_variables(network: keras.Model) -> list[keras.Variable]:
    """Return the kernels that training changes, in the order of the layers.

    A kernel is what dense and convolution layers multiply by: ``kernel``, or ``depthwise_kernel``
    and ``pointwise_kernel``.
    """
    return [weight for weight in network.trainable_variables if weight.name.endswith("kernel")]


def hidden_kernels(network: keras.Model) -> list[keras.Variable]:
    """Return the trained kernels but for the output layer's: those that are regularized."""
    last = {id(weight) for weight in network.get_layer(LOGITS).weights}
    return [kernel for kernel in kernel_variables(network) if id(kernel) not in last]


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """Return a copy of all weights by layer and name, such as ``hidden_1.kernel``.

    Those that training leaves alone are among them; layers within layers have a path.
    """
    return {name: weight.numpy() for name, weight in _weights_by_name(network).items()}


def set_weights(network: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Give a network weights that ``weights_of`` returned of one built the same way.

    Raises:
        KeyError: A weight is missing.
        ValueError: A weight has another shape.
    """
    named = _weights_by_name(network)
    values = [weights[name] for name in named]  # all are there before any is changed
    for (name, variable), value in zip(named.items(), values, strict=True):
        if variable.shape != value.shape:
            raise ValueError(f"{name} has the shape {variable.shape}, not {value.shape}")
    for variable, value in zip(named.values(), values, strict=True):
        variable.assign(value)


def _weights_by_name(network: keras.Model) -> dict[str, keras.Variable]:
    """All weights by the path of their layer; a loaded network's own paths have other prefixes."""
    return dict(_named(network, ""))


def _named(layer: keras.Layer, path: str) -> Iterator[tuple[str, keras.Variable]]:
    inner = layer._layers  # as Keras' own files have them; `layers` has only a model's
    of_inner = {id(weight) for part in inner for weight in part.weights}
    for weight in layer.weights:
        if id(weight) not in of_inner:
            yield f"{path}.{weight.name}", weight
    for part in inner:
        yield from _named(part, f"{path}/{part.name}" if path else part.name)
