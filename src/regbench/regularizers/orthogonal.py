"""Soft orthogonality: a penalty on what the units of a layer have in common."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float, Units
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class Orthogonal(Regularizer):
    """Add ``factor`` times the sum of squared inner products of a layer's units to the loss.

    For W of incoming weights x units it is |W'W x (1 - I)|^2, the sum over all pairs of different
    units (Brock et al., 2019, with the default strength); with ``unit_length`` it is
    |W'W - I|^2, which draws every unit's length to 1, too (Bansal et al., 2018).

    W'W of 500 inputs x 500 units takes four times the products of a batch of 128 images. So in
    every step units are compared with ``probes`` ones alone, neighbours from a random place on, and
    what is found is taken times its share's inverse: an unbiased estimate of the sum and of its
    gradient. ``null`` computes it exactly, as a layer does anyway that has no more units or
    incoming weights than that.
    """

    title = "soft orthogonality"
    effect = "draws the units of a layer apart, so that each learns something else"
    source = (
        "Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, 2019; "
        "Bansal et al., Can We Gain More from Orthogonality Regularizations in Training Deep "
        "Networks?, 2018"
    )
    helps = (
        "In deep convolutional networks, where filters repeat one another: fewer errors of "
        "residual networks on CIFAR (Bansal et al., 2018)."
    )
    not_when = (
        "In layers with more units than incoming weights, which cannot all be orthogonal; against "
        "training with weight decay, dropout and batch normalization others found no such gain "
        "(Zhang et al., Self-Orthogonality Module: A Network Architecture Plug-in for Learning "
        "Orthogonal Filters, 2020)."
    )
    cost = "two products of every hidden kernel and 8 vectors in a step; nothing once trained"
    aliases = (
        "OrthogonalRegularizer",
        "orthogonality",
        "orthogonal_regularization",
        "soft_orthogonality",
        "ortho_decay",
        "kernel_regularizer",
    )
    shorthand = "factor"
    on = {
        "mlp": "on every kernel but the logits'",
        "cnn": "on every kernel but the logits', its filters as vectors; not on biases and "
        "normalization",
        "resnet": "on every kernel but the logits', its filters as vectors; not on normalization",
        "pretrained": "on every kernel but the logits', its filters as vectors, those of depthwise "
        "ones over their window; on frozen ones it changes nothing",
        "own": "on every kernel but the last layer's, its filters as vectors",
    }
    search = {"factor": Range(1e-6, 1e-2, log=True)}

    factor: Annotated[Float, Field(gt=0, le=1000)] = 1e-4
    unit_length: bool = False
    probes: Annotated[
        Units | None, Field(description="units that all are compared with in a step; null: all")
    ] = 8

    def penalty(self, kernel: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return ``factor`` times the sum, or its estimate."""
        if self.probes is None or min(kernel.shape) <= self.probes:
            return self.factor * self._exact(kernel)
        return self._estimated(kernel, seed, self.probes)

    def _exact(self, kernel: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        # |W'W|^2 = |WW'|^2, the smaller of which is computed; the diagonal is that of W'W.
        narrow = kernel.shape[0] >= kernel.shape[1]
        total = tf.reduce_sum(tf.matmul(kernel, kernel, narrow, not narrow) ** 2)
        squares = tf.reduce_sum(kernel**2, axis=0)
        if self.unit_length:
            return total - tf.reduce_sum(2 * squares - 1)
        return total - tf.reduce_sum(squares**2)

    def _estimated(self, kernel: "tf.Tensor", seed: "tf.Tensor", probes: int) -> "tf.Tensor":
        """Return the estimate, with an estimate of the sum's gradient for its gradient.

        The sum's gradient by a unit w is 4 sum_i (w'w_i) w_i over all others, here over those that
        are drawn. That of the lengths, 4 (w'w - 1) w, is exact: drawn, it would be rare and large.
        """
        import tensorflow as tf

        from regbench.regularizers.computations.penalties import with_gradient

        # Every unit lies in p of n + p - 1 windows, those at the ends being narrower. Neighbours:
        # to gather columns from all over a kernel takes half as long as the products.
        units = kernel.shape[1]
        windows = units + probes - 1
        end = tf.random.stateless_uniform((), seed, 1, windows + 1, tf.int32)
        begin, end = tf.maximum(end - probes, 0), tf.minimum(end, units)
        others = tf.one_hot(tf.range(begin, end), units, on_value=0.0, off_value=windows / probes)

        def compared(values: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
            """Return the drawn units, inputs x drawn, and products with all, drawn x units."""
            some = values[:, begin:end]
            return some, tf.matmul(some, values, transpose_a=True)

        def lengths(values: "tf.Tensor") -> "tf.Tensor":
            return tf.reduce_sum(values**2, axis=0) - 1.0

        def value(values: "tf.Tensor") -> "tf.Tensor":
            total = tf.reduce_sum(others * compared(values)[1] ** 2)
            if self.unit_length:
                total += tf.reduce_sum(lengths(values) ** 2)
            return self.factor * total

        def gradient(values: "tf.Tensor", times: "tf.Tensor") -> "tf.Tensor":
            times *= 4 * self.factor
            some, products = compared(values)
            total = tf.matmul(some, times * others * products)
            if self.unit_length:
                total += values * (times * lengths(values))
            return total

        return with_gradient(kernel, value, gradient)
