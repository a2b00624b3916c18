"""Penalties of a kernel whose gradient is written down."""

from collections.abc import Callable

import tensorflow as tf


def with_gradient(
    kernel: tf.Tensor,
    value: Callable[[tf.Tensor], tf.Tensor],
    gradient: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Return a penalty that is differentiated by a formula.

    TensorFlow spreads a sum's gradient over a tensor of the kernel's size first; a step of a dense
    network takes a tenth longer by that. It computes the value only where somebody asks for it.

    Args:
        kernel: Any shape.
        value: Returns the penalty, a scalar, of the kernel.
        gradient: Returns its gradient, of the kernel's shape, times a scalar: of the kernel and
            the scalar, which costs least where it meets few values.
    """

    def penalty(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return value(values), lambda upstream: gradient(values, upstream)

    found: tf.Tensor = tf.custom_gradient(penalty)(kernel)
    return found
