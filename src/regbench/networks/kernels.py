"""Kernels of dense and convolution layers as matrices, and what each trained variable is."""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf

from regbench.networks.weights import hidden_kernels, is_kernel, output_weights
from regbench.regularizers.places.reparametrization import Units
from regbench.regularizers.places.update import Role

_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_KINDS = {"bias": "bias", "beta": "bias", "gamma": "scale"}


@dataclass(frozen=True)
class Kernel:
    """A kernel's variable, and how its weights are ordered.

    Attributes:
        variable: Of any shape.
        incoming: The axes along which the incoming weights of one unit lie.
        depthwise: Whether every channel has units of its own.
    """

    variable: tf.Variable
    incoming: tuple[int, ...]
    depthwise: bool = False

    def units(self) -> Units:
        """Return what its matrix is of."""
        shape = self.variable.shape
        incoming = math.prod(shape[axis] for axis in self.incoming)
        number = math.prod(shape) // incoming
        return Units(incoming, number, shape[-2] if self.depthwise else 1)

    def as_matrix(self) -> tf.Tensor:
        """Return its values as incoming weights x units."""
        shape = self.variable.shape
        values = tf.transpose(self.variable, self._order()) if self._is_moved() else self.variable
        rows = math.prod(shape[axis] for axis in self.incoming)
        return tf.reshape(values, (rows, -1))

    def assign_matrix(self, matrix: tf.Tensor) -> None:
        """Set its values from incoming weights x units."""
        self.variable.assign(self.from_matrix(matrix))

    def from_matrix(self, matrix: tf.Tensor) -> tf.Tensor:
        """Return values in its own shape from incoming weights x units."""
        order, shape = self._order(), self.variable.shape
        values = tf.reshape(matrix, [shape[axis] for axis in order])
        if self._is_moved():
            values = tf.transpose(values, [order.index(axis) for axis in range(len(order))])
        return values

    def _order(self) -> list[int]:
        rank = len(self.variable.shape)
        return [*self.incoming, *(axis for axis in range(rank) if axis not in self.incoming)]

    def _is_moved(self) -> bool:
        return self._order() != list(range(len(self.variable.shape)))


def hidden_kernels_in_order(network: keras.Model) -> list[Kernel]:
    """Return the trained kernels but the output layer's, as regularizers are given them."""
    axes = _incoming_axes(network)
    depthwise = {
        id(variable)
        for layer in network._flatten_layers(include_self=False)
        for variable in layer._trainable_variables
        if _is_depthwise(layer, variable)
    }
    return [
        Kernel(kernel.value, axes[id(kernel)], id(kernel) in depthwise)
        for kernel in hidden_kernels(network)
    ]


def roles_of(network: keras.Model) -> list[Role]:
    """Return what each of the trainable variables of a network is."""
    axes = _incoming_axes(network)
    of_logits = {id(weight) for weight in output_weights(network)}
    return [
        Role(
            "kernel" if is_kernel(variable) else _KINDS.get(variable.name, "other"),  # type: ignore[arg-type]
            axes.get(id(variable), ()),
            id(variable) in of_logits,
        )
        for variable in network.trainable_variables
    ]


def incoming_axes(layer: keras.Layer, kernel: keras.Variable) -> tuple[int, ...]:
    """Return the axes of a kernel along which the incoming weights of one unit lie.

    Args:
        layer: That the kernel is of.
        kernel: ``kernel``, ``depthwise_kernel``, ``pointwise_kernel``.
    """
    rank = len(kernel.shape)
    if _is_depthwise(layer, kernel):
        return tuple(range(rank - 2))  # window x channels x filters of a channel
    if isinstance(layer, _TRANSPOSED):
        return (*range(rank - 2), rank - 1)  # window x filters x inputs
    if isinstance(layer, keras.layers.EinsumDense):
        inputs, _, output = layer.equation.partition("->")
        letters = inputs.partition(",")[2]
        return tuple(axis for axis, letter in enumerate(letters) if letter not in output)
    return tuple(range(rank - 1))


def _is_depthwise(layer: keras.Layer, kernel: keras.Variable) -> bool:
    of_layer = isinstance(layer, _DEPTHWISE) and is_kernel(kernel)
    return of_layer or kernel.name == "depthwise_kernel"


def _incoming_axes(network: keras.Model) -> dict[int, tuple[int, ...]]:
    """Return the axes of incoming weights by the identity of a kernel's variable."""
    return {
        id(variable): incoming_axes(layer, variable)
        for layer in network._flatten_layers(include_self=False)
        for variable in layer._trainable_variables
        if is_kernel(variable)
    }
