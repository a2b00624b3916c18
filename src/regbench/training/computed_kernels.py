"""Kernels that regularizers compute from the variables that are trained.

The network itself has plain kernels. While it is trained, the computed ones stand in their place;
once it is trained, or evaluated, they are its weights.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from regbench.networks.kernels import hidden_kernels_in_order
from regbench.networks.weights import hidden_kernels
from regbench.regularizers.base import Regularizer


class ComputedKernels:
    """The reparametrizations of a network's hidden kernels.

    Attributes:
        variables: The kernels that have one; none without regularizers.
    """

    def __init__(self, network: keras.Model, regularizers: Sequence[Regularizer]) -> None:
        """Set them up for the kernels that are trained now.

        Args:
            network: Some layers may be frozen.
            regularizers: Those that reparametrize, in the order in which they do.
        """
        self._network = network
        self.variables = hidden_kernels(network) if regularizers else []
        self._kernels = hidden_kernels_in_order(network) if regularizers else []
        self._of_each = [
            [regularizer.reparametrize(kernel.units()) for regularizer in regularizers]
            for kernel in self._kernels
        ]

    def values(self, *, training: bool) -> list[tf.Tensor]:
        """Return the computed kernels, one per variable."""
        values = []
        for kernel, all_of_it in zip(self._kernels, self._of_each, strict=True):
            matrix = kernel.as_matrix()
            for reparametrization in all_of_it:
                matrix = reparametrization.computed(matrix, training=training)
            values.append(kernel.from_matrix(matrix))
        return values

    def call(self, model: keras.Model, images: tf.Tensor) -> tf.Tensor:
        """Return a model's outputs while it is trained, with the computed kernels.

        Moving statistics and random generators go on as without them.

        Args:
            model: Made of the network's layers.
            images: Its input.
        """
        if not self.variables:
            return model(images, training=True)
        computed = zip(self.variables, self.values(training=True), strict=True)
        with keras.StatelessScope(state_mapping=list(computed)) as scope:
            outputs = model(images, training=True)
        for variable in self._network.non_trainable_variables:
            value = scope.get_current_value(variable)
            if value is not None:
                variable.assign(value)
        return outputs

    def settle(self) -> None:
        """Give the variables the values that are computed from them: they are trained no more."""
        for variable, value in zip(self.variables, self.values(training=False), strict=True):
            variable.assign(value)

    def restart(self) -> None:
        """Reset the state of all."""
        for kernel, all_of_it in zip(self._kernels, self._of_each, strict=True):
            for reparametrization in all_of_it:
                reparametrization.restart(kernel.as_matrix())

    def state(self) -> list[tf.Variable]:
        """Return the variables of their state."""
        return [
            variable for all_of_it in self._of_each for of in all_of_it for variable in of.state()
        ]
