"""Max-norm: the incoming weights of a unit have a norm of at most so much."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.places.beside import Beside

if TYPE_CHECKING:
    import tensorflow as tf


class MaxNorm(Regularizer):
    """After every step, scale down a hidden unit's incoming weights that are longer than ``limit``.

    2 is that of the paper's networks for MNIST (appendix B.1), 3 to 4 are usual (appendix A.3).
    """

    title = "max-norm constraint"
    effect = "keeps weights from growing, at high learning rates too"
    source = (
        "Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, "
        "2014, section 5.1; Srebro and Shraibman, Rank, Trace-Norm and Max-Norm, 2005"
    )
    helps = (
        "Together with dropout and a high learning rate with momentum, under which weights would "
        "grow without bound: on MNIST 1.05 % of errors with both, 1.35 % with it alone "
        "(Srivastava et al., 2014, section 5.1 and Table 9)."
    )
    not_when = (
        "Where weights stay shorter than the limit anyway, as in few steps of a low rate: it then "
        "changes nothing; and before batch normalization, which divides by the length again "
        "(van Laarhoven, L2 Regularization versus Batch and Weight Normalization, 2017)."
    )
    cost = "a norm for every hidden unit in a step; nothing once trained"
    aliases = ("MaxNorm", "maxnorm", "max_value", "kernel_constraint", "weight_constraint")
    shorthand = "limit"
    on = {
        "mlp": "on the incoming weights of every hidden unit; not on biases",
        "cnn": "on every filter, over window and input channels; not on biases and normalization",
        "resnet": "on every filter, over window and input channels; not on normalization",
        "pretrained": "on every filter; of depthwise convolutions on that of every channel; frozen "
        "ones keep their weights",
        "own": "on every unit and filter but the last layer's; not on biases and normalization",
    }
    search = {"limit": Range(0.5, 4)}

    limit: Annotated[Float, Field(gt=0, le=10_000)] = 2.0

    def clash(self, beside: Beside) -> str | None:
        """Return that it means nothing for weights of norm 1."""
        if "unit_norm" in beside.others:
            return "means nothing with unit_norm, which sets every norm to 1: leave out one of them"
        return None

    def constrain(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return w x min(1, ``limit`` / |w|) for each column w; shorter ones stay to the bit."""
        import tensorflow as tf

        norms = tf.norm(kernel, axis=0)
        return kernel * tf.minimum(1.0, self.limit / tf.maximum(norms, 1e-30))
