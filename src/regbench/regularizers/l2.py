"""L2 penalty: on the squares of the kernels."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class L2(Regularizer):
    """Add ``factor`` times the sum of a hidden kernel's squares to the loss."""

    title = "L2 penalty"
    effect = "keeps weights small"
    source = "Krogh and Hertz, A Simple Weight Decay Can Improve Generalization, 1991"
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

    factor: Annotated[Float, Field(gt=0)] = 1e-4

    def penalty(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return ``factor`` x sum w^2."""
        import keras

        return keras.regularizers.L2(self.factor)(kernel)
