"""L2 penalty: on the squares of the kernels."""

from typing import TYPE_CHECKING

from regbench.fields import Factor
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class L2(Regularizer):
    """Add ``factor`` times the sum of a hidden kernel's squares to the loss."""

    title = "L2 penalty"
    effect = "keeps weights small"
    source = "Krogh and Hertz, A Simple Weight Decay Can Improve Generalization, 1991"
    helps = (
        "Where weights are many and images few: of all weights that fit, small ones follow the "
        "noise of the targets least (Krogh and Hertz, 1991)."
    )
    not_when = (
        "On kernels that batch normalization follows: there the size of weights only sets the "
        "effective learning rate (van Laarhoven, L2 Regularization versus Batch and Weight "
        "Normalization, 2017). With Adam it is no weight decay (Loshchilov and Hutter, Decoupled "
        "Weight Decay Regularization, 2019)."
    )
    cost = "one sum over the hidden kernels in a step; nothing once trained"
    aliases = ("L2", "ridge", "l2_penalty", "kernel_regularizer", "L2Regularizer", "weight_penalty")
    shorthand = "factor"
    on = {
        "mlp": "on every kernel but the logits'",
        "cnn": "on every kernel but the logits'; not on biases and normalization",
        "resnet": "on every kernel but the logits'; not on normalization",
        "pretrained": "on every kernel but the logits', depthwise ones too; on frozen ones it "
        "changes nothing",
        "own": "on every kernel but the last layer's; not on biases and normalization",
    }
    search = {"factor": Range(1e-6, 1e-2, log=True)}

    factor: Factor = 1e-4

    def penalty(self, kernel: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return ``factor`` x sum w^2."""
        import keras

        from regbench.regularizers.computations.penalties import with_gradient

        def gradient(values: "tf.Tensor", times: "tf.Tensor") -> "tf.Tensor":
            return (2 * times * self.factor) * values

        return with_gradient(kernel, keras.regularizers.L2(self.factor), gradient)
