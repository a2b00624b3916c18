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

    W'W of 500 inputs x 500 units takes four times the products of a batch of 128 images. So the
    sum is estimated in every step from ``probes`` random vectors v of signs, as the mean of
    |(W'W x (1 - I)) v|^2 (Hutchinson, 1990): an unbiased estimate of penalty and gradient. ``null``
    computes it exactly, as a layer does anyway that has fewer units or incoming weights than that.
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
    cost = "with 8 probes about ten products of a hidden kernel and a vector each in a step"
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
    probes: Annotated[Units | None, Field(description="null: exact")] = 8

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
        """Return the estimate; its gradient takes two more products, as written down here.

        For V of units x probes and R = (W'W - D) V it is |R|^2 / probes, D the diagonal of W'W, or
        I. Of W, its gradient is 2 / probes (W V R' + W R V'), and without ``unit_length`` less
        4 / probes W x (the rows' sums of R x V).
        """
        import tensorflow as tf

        from regbench.regularizers.computations.penalties import with_gradient

        shape = (kernel.shape[1], probes)
        drawn = tf.random.stateless_uniform(shape, seed, 0, 2, tf.int32)
        signs = 2.0 * tf.cast(drawn, kernel.dtype) - 1.0

        def rest(values: "tf.Tensor", images: "tf.Tensor") -> "tf.Tensor":
            own = 1.0 if self.unit_length else tf.reduce_sum(values**2, axis=0)[:, None]
            return tf.matmul(values, images, transpose_a=True) - own * signs

        def value(values: "tf.Tensor") -> "tf.Tensor":
            found = rest(values, tf.matmul(values, signs))
            return self.factor / probes * tf.reduce_sum(found**2)

        def gradient(values: "tf.Tensor", times: "tf.Tensor") -> "tf.Tensor":
            times *= 2 * self.factor / probes
            images = tf.matmul(values, signs)
            found = rest(values, images)
            left = times * tf.concat([images, tf.matmul(values, found)], axis=1)
            total = tf.matmul(left, tf.concat([found, signs], axis=1), transpose_b=True)
            if self.unit_length:
                return total
            return total - values * (2 * times * tf.reduce_sum(found * signs, axis=1))

        return with_gradient(kernel, value, gradient)
