"""Unit norm: the incoming weights of a unit have the norm 1."""

from typing import TYPE_CHECKING

from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.beside import Beside

if TYPE_CHECKING:
    import tensorflow as tf


class UnitNorm(Regularizer):
    """After every step, scale a hidden unit's incoming weights to the Euclidean norm 1.

    The first step's gradients are those of the initial weights, whatever their norm.
    """

    title = "unit-norm constraint"
    effect = "leaves weights their direction only"
    source = (
        "Huang et al., Projection Based Weight Normalization for Deep Neural Networks, 2017; "
        "Keras' UnitNorm"
    )
    helps = (
        "Before batch normalization, where the length of weights means nothing and its drift "
        "changes the effective learning rate (Huang et al., 2017)."
    )
    not_when = (
        "In deep networks without normalization: with ReLU a unit of norm 1 passes half the "
        "variance on, and a layer cannot make up for it (He et al., Delving Deep into Rectifiers, "
        "2015)."
    )
    cost = "a norm for every hidden unit in a step; nothing once trained"
    aliases = ("UnitNorm", "unitnorm", "kernel_constraint", "weight_projection")
    on = {
        "mlp": "on the incoming weights of every hidden unit; not on biases",
        "cnn": "on every filter, over window and input channels; not on biases and normalization",
        "resnet": "on every filter, over window and input channels; not on normalization",
        "pretrained": "on every filter; of depthwise convolutions on that of every channel; frozen "
        "ones keep their weights",
        "own": "on every unit and filter but the last layer's; not on biases and normalization",
    }

    def clash(self, beside: Beside) -> str | None:
        """Return that averaged weights would not have the norm 1, if some are averaged."""
        averaging = [key for key, other in beside.others.items() if other.averages_weights]
        if averaging:
            return (
                f"does not hold for the averaged weights of {averaging[0]}, which are shorter: "
                "leave out one of them"
            )
        return None

    def constrain(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return w / |w| for each column w; 0 stays 0."""
        import tensorflow as tf

        return tf.math.divide_no_nan(kernel, tf.norm(kernel, axis=0))
