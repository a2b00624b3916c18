"""L1 penalty: on the absolute values of the kernels."""

from typing import TYPE_CHECKING

from regbench.fields import Factor
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class L1(Regularizer):
    """Add ``factor`` times the sum of a hidden kernel's absolute values to the loss."""

    title = "L1 penalty"
    effect = "draws small weights to zero, so that few are left"
    source = "Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996"
    helps = (
        "Where few of the inputs matter, or weights are to be pruned: it draws the others to zero "
        "(Tibshirani, 1996)."
    )
    not_when = (
        "Where many inputs that go together matter a little each, as neighbouring pixels do: it "
        "keeps one of them (Zou and Hastie, Regularization and Variable Selection via the Elastic "
        "Net, 2005)."
    )
    cost = "one sum over the hidden kernels in a step; nothing once trained"
    aliases = ("L1", "lasso", "l1_penalty", "kernel_regularizer", "L1Regularizer")
    shorthand = "factor"
    on = {
        "mlp": "on every kernel but the logits'",
        "cnn": "on every kernel but the logits'; not on biases and normalization",
        "resnet": "on every kernel but the logits'; not on normalization",
        "pretrained": "on every kernel but the logits', depthwise ones too; on frozen ones it "
        "changes nothing",
        "own": "on every kernel but the last layer's; not on biases and normalization",
    }
    search = {"factor": Range(1e-6, 1e-3, log=True)}

    factor: Factor = 1e-4

    def penalty(self, kernel: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return ``factor`` x sum |w|."""
        import keras
        import tensorflow as tf

        from regbench.regularizers.computations.penalties import with_gradient

        def gradient(values: "tf.Tensor", times: "tf.Tensor") -> "tf.Tensor":
            return (times * self.factor) * tf.sign(values)

        return with_gradient(kernel, keras.regularizers.L1(self.factor), gradient)
