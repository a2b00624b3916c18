"""Weight standardization: kernels of mean 0 and variance 1 for every output."""

from typing import TYPE_CHECKING

from regbench.regularizers.base import Regularizer, Traits
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.reparametrization import Reparametrization, Units, constrained

if TYPE_CHECKING:
    import tensorflow as tf

_EPSILON = 1e-10  # added to variances: 1e-5 of a standard deviation, as in the authors' code


class WeightStandardization(Regularizer):
    """Give the weights of every output mean 0 and variance 1, in every forward pass.

    Gradients go through it, to the weights that are trained; those that are kept are standardized.
    A kernel with a single input per output is left as it is.
    """

    title = "weight standardization"
    effect = "smooths the loss over the weights"
    source = (
        "Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight "
        "Standardization, 2019"
    )
    helps = (
        "With group normalization and small batches, where both are as good as batch normalization "
        "with large ones (Qiao et al., 2019)."
    )
    not_when = (
        "Without a normalization after it: outputs then grow with the number of inputs (Brock et "
        "al., Characterizing Signal Propagation to Close the Performance Gap in Unnormalized "
        "ResNets, 2021)."
    )
    cost = "a few passes over the kernels in a step; nothing once trained"
    aliases = ("WeightStandardization", "StdConv2d", "ws")
    on = {
        "mlp": "on every kernel but the logits', together with a normalization",
        "cnn": "on every kernel but the logits', with a normalization of its own or the "
        "technique's",
        "resnet": "on every kernel but the logits'",
        "pretrained": "on every kernel but the logits' if `weights` is null; else it means nothing",
        "own": "on every kernel but the last layer's; a normalization is to follow each",
    }

    def misfit(self, network: Traits) -> str | None:
        """Return that no normalization follows the kernels, if none does."""
        if network.normalized is False:
            return (
                f"this {network.kind} has no normalization, without which outputs grow with the "
                "number of inputs: give the technique group_normalization, too"
            )
        return super().misfit(network)

    def clash(self, beside: Beside) -> str | None:
        """Return that another regularizer limits the kernels, if one does."""
        return constrained(beside)

    def reparametrize(self, units: Units) -> Reparametrization:
        """Return the standardization of a kernel."""
        return _Standardized(units)


class _Standardized(Reparametrization):
    """A kernel standardized over the incoming weights of each unit."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def computed(self, kernel: "tf.Tensor", *, training: bool) -> "tf.Tensor":
        """Return (W - mean) / standard deviation."""
        import tensorflow as tf

        if self._units.incoming == 1:
            return kernel
        # TensorFlow's fused batch normalization does just that, in two passes forward and two back.
        rows, units = self._units.incoming, self._units.number
        standardized = tf.raw_ops.FusedBatchNormV3(
            x=tf.reshape(kernel, (rows, 1, 1, units)),
            scale=tf.ones(units),
            offset=tf.zeros(units),
            mean=[],
            variance=[],
            epsilon=_EPSILON,
            is_training=True,
        )
        return tf.reshape(standardized.y, (rows, units))
