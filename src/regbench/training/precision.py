"""Numerical precision of a network's layers, and the scaling of losses that float16 needs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

_FIRST_SCALE = 2.0**15
_GROWTH_STEPS = 2000
_LARGEST_SCALE = 2.0**40


@contextmanager
def built_in(precision: str) -> Iterator[None]:
    """Build layers that compute in a precision; weights are float32 whatever it is.

    Keras keeps the precision of new layers for a whole process: it is set back at the end.

    Args:
        precision: Name of a dtype policy of Keras: ``float32``, ``mixed_float16`` or
            ``mixed_bfloat16``.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def computes_in_float16(network: keras.Model) -> bool:
    """Return whether any layer computes in float16, whose small gradients become 0."""
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())


class LossScale:
    """Dynamic loss scaling (Micikevicius et al., Mixed Precision Training, 2018).

    The loss is multiplied by the scale, and gradients are divided by it. A step whose gradients
    are not finite is left out and halves the scale; 2,000 good steps in a row double it.
    """

    def __init__(self) -> None:
        self._scale = tf.Variable(_FIRST_SCALE)
        self._good_steps = tf.Variable(0.0)

    def state(self) -> list[tf.Variable]:
        """Return the variables of its state."""
        return [self._scale, self._good_steps]

    def restart(self) -> None:
        """Begin with the first scale."""
        self._scale.assign(_FIRST_SCALE)
        self._good_steps.assign(0.0)

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the loss to differentiate."""
        return loss * self._scale

    def unscaled(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return the gradients of the loss itself."""
        return [gradient / self._scale for gradient in gradients]

    def apply_finite(self, gradients: Sequence[tf.Tensor], apply: Callable[[], None]) -> None:
        """Change weights if all gradients are finite, and adapt the scale; in a compiled function.

        Args:
            gradients: Of the scaled loss, as they come: a clipped one is finite whatever it was.
            apply: Changes the weights.
        """
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])

        def good() -> tf.Tensor:
            apply()
            self._good_steps.assign_add(1.0)
            if_grown = self._good_steps >= _GROWTH_STEPS
            larger = tf.minimum(2 * self._scale, _LARGEST_SCALE)
            self._scale.assign(tf.where(if_grown, larger, self._scale))
            self._good_steps.assign(tf.where(if_grown, 0.0, self._good_steps))
            return tf.constant(0)

        def bad() -> tf.Tensor:
            self._scale.assign(tf.maximum(self._scale / 2, 1.0))
            self._good_steps.assign(0.0)
            return tf.constant(0)

        tf.cond(finite, good, bad)
