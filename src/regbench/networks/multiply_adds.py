"""Multiply-adds of a network: the work of one prediction."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def multiply_adds(network: keras.Model) -> int | None:
    """Return the multiplications of a kernel's weight with a value, for one image.

    Those of dense and convolution layers, frozen ones included: a kernel's weights, times the
    places at which it is applied. Biases, normalization and activations are left out, as usual.

    Args:
        network: Sequential or functional, with models in it or not.

    Returns:
        The number; None if a layer has a kernel whose use is not known, such as a recurrent one.
    """
    counts = [
        _of_layer(layer, given.shape, made.shape)
        for layer, given, made in applications(network)
        if getattr(layer, "weights", [])
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def applications(network: keras.Model) -> Iterator[tuple[Any, Any, Any]]:
    """Yield every layer, and its input and output, at each use; of models in it, their layers."""
    graph = getattr(network, "_functional", None) or network  # a sequential model has one inside
    for nodes in graph._nodes_by_depth.values():  # no public name leads to a layer's uses
        for node in nodes:
            layer = node.operation
            if isinstance(layer, keras.Model):
                yield from applications(layer)
            elif node.input_tensors:
                yield layer, node.input_tensors[0], node.outputs[0]


def _of_layer(layer: Any, inputs: Any, outputs: Any) -> int | None:
    """Return a layer's multiply-adds; shapes have the batch first and the channels last."""
    weights = [weight for weight in layer.weights if weight.name.endswith("kernel")]
    if not weights:
        return 0
    layers = keras.layers
    turned = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
    known = (
        *(layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D),
        *(layers.DepthwiseConv1D, layers.DepthwiseConv2D),
        *(layers.SeparableConv1D, layers.SeparableConv2D),
    )
    if not isinstance(layer, (*turned, *known)):
        return None
    places = np.prod((inputs if isinstance(layer, turned) else outputs)[1:-1], dtype=int)
    return int(places * sum(np.prod(weight.shape, dtype=int) for weight in weights))
