"""Optimizers in the compiled step: Keras' own, and Adam as one fused kernel per variable."""

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from regbench.optimization.optimizers import Adam, AdamW, Optimizer


class Applied(Protocol):
    """An optimizer of some variables, with its state."""

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Apply one step to the variables.

        Args:
            gradients: One per variable, float32.
            learning_rate: Of this step, a float32 scalar.
        """

    def state(self) -> list[tf.Variable]:
        """Return the variables of its state, all of them 0 at the start."""


def applied(
    settings: Optimizer, variables: Sequence[keras.Variable], decayed: Sequence[keras.Variable]
) -> Applied:
    """Return an optimizer of variables: the fused one if it computes the same as Keras'.

    Args:
        settings: The optimizer's settings.
        variables: To be trained.
        decayed: Those of them that weight decay acts on.
    """
    if isinstance(settings, Adam | AdamW):
        return FusedAdam(settings, variables, decayed)
    return KerasOptimizer(settings, variables, decayed)


class FusedAdam:
    """Adam (Kingma and Ba, 2015) or AdamW as TensorFlow's fused kernel.

    Same formula as ``keras.optimizers.Adam``, in one pass over the weights instead of ten: a
    fifth of the time of a whole training step.
    """

    def __init__(
        self,
        settings: Adam | AdamW,
        variables: Sequence[keras.Variable],
        decayed: Sequence[keras.Variable],
    ) -> None:
        self._settings = settings
        self._variables = [variable.value for variable in variables]
        self._first = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._second = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._steps = tf.Variable(0.0)
        self._decay = settings.weight_decay if isinstance(settings, AdamW) else 0.0
        self._decayed = [variable.value for variable in decayed] if self._decay else []

    def state(self) -> list[tf.Variable]:
        """Return the moments and the number of steps."""
        return [*self._first, *self._second, self._steps]

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Apply one step to the weights."""
        self._steps.assign_add(1.0)
        for variable in self._decayed:
            variable.assign_sub(variable * (self._decay * learning_rate))
        for variable, first, second, gradient in zip(
            self._variables, self._first, self._second, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(self._settings.beta_1, self._steps),
                beta2_power=tf.pow(self._settings.beta_2, self._steps),
                lr=learning_rate,
                beta1=self._settings.beta_1,
                beta2=self._settings.beta_2,
                epsilon=self._settings.epsilon,
                grad=gradient,
            )


class KerasOptimizer:
    """An optimizer of ``keras.optimizers``; the rate of every step is given to it."""

    def __init__(
        self,
        settings: Optimizer,
        variables: Sequence[keras.Variable],
        decayed: Sequence[keras.Variable],
    ) -> None:
        self._optimizer = settings.in_keras()
        self._variables = list(variables)
        decays = {id(variable) for variable in decayed}
        if self._optimizer.weight_decay is not None:
            self._optimizer.exclude_from_weight_decay(
                var_list=[variable for variable in variables if id(variable) not in decays]
            )
        self._optimizer.build(self._variables)

    def state(self) -> list[tf.Variable]:
        """Return the variables of Keras' optimizer but the learning rate."""
        rate = id(self._optimizer.learning_rate)
        return [v.value for v in self._optimizer.variables if id(v) != rate]

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Apply one step to the weights."""
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply(gradients, self._variables)
