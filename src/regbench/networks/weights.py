"""Weights of any Keras network by name, and its trained kernels."""

from collections.abc import Iterator

import keras
import numpy as np

from regbench.networks.base import LOGITS


def trained_kernels(network: keras.Model) -> list[np.ndarray]:
    """Return copies of the trained kernels: no biases, no scales of normalization layers."""
    return [kernel.numpy() for kernel in kernel_variables(network)]


def kernel_variables(network: keras.Model) -> list[keras.Variable]:
    """Return the trained kernels' variables in the order of the layers.

    A kernel is the weight matrix or filter of a dense or convolution layer: ``kernel``, or
    ``depthwise_kernel`` and ``pointwise_kernel``.
    """
    return [weight for weight in network.trainable_variables if is_kernel(weight)]


def is_kernel(weight: keras.Variable) -> bool:
    """Return whether a weight is the matrix or filter of a dense or convolution layer."""
    return str(weight.name).endswith("kernel")


def hidden_kernels(network: keras.Model) -> list[keras.Variable]:
    """Return the trained kernels except the output layer's: those that are regularized."""
    last = {id(weight) for weight in output_weights(network)}
    return [kernel for kernel in kernel_variables(network) if id(kernel) not in last]


def output_weights(network: keras.Model) -> list[keras.Variable]:
    """Return the kernel and the bias of the layer that makes the logits."""
    return list(_output_layer(network.get_layer(LOGITS).output).weights)


def _output_layer(values: keras.KerasTensor) -> keras.Layer:
    """Return the last layer with weights that some values come from, in nested models too."""
    history = values._keras_history
    layer = history.operation
    if isinstance(layer, keras.Model):
        return _output_layer(layer.outputs[history.tensor_index])
    inputs = layer._inbound_nodes[history.node_index].input_tensors
    if getattr(layer, "weights", []) or not inputs:
        return layer
    return _output_layer(inputs[0])


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """Return copies of all weights by layer and name, such as ``hidden_1.kernel``.

    Weights that are not trained are included; a layer inside of a layer has a path.
    """
    return {name: weight.numpy() for name, weight in _weights_by_name(network).items()}


def set_weights(network: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Set a network's weights.

    Args:
        network: Whose weights are set.
        weights: From ``weights_of`` for a network of the same architecture.

    Raises:
        KeyError: A weight is missing.
        ValueError: A weight has another shape.
    """
    named = _weights_by_name(network)
    values = [weights[name] for name in named]  # raises before any is changed
    for (name, variable), value in zip(named.items(), values, strict=True):
        if variable.shape != value.shape:
            raise ValueError(f"{name} has the shape {variable.shape}, not {value.shape}")
    for variable, value in zip(named.values(), values, strict=True):
        variable.assign(value)


def _weights_by_name(network: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of all weights by layer path: Keras' own paths change on loading."""
    return dict(_named(network, ""))


def _named(layer: keras.Layer, path: str) -> Iterator[tuple[str, keras.Variable]]:
    inner = layer._layers  # as Keras' own files have them; `layers` has only a model's
    in_inner = {id(weight) for child in inner for weight in child.weights}
    for weight in layer.weights:
        if id(weight) not in in_inner:
            yield f"{path}.{weight.name}", weight
    for child in inner:
        yield from _named(child, f"{path}/{child.name}" if path else child.name)
