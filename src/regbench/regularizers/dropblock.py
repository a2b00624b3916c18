"""DropBlock: squares of feature maps set to zero at random during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float, Side
from regbench.regularizers.base import Choice, Position, Range, Regularizer

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class Dropblock(Regularizer):
    """Set squares of ``block_size`` values a side to zero in every feature map; scale up the rest.

    About ``rate`` of the values are dropped: 1 - keep_prob of the paper. With ``ramp`` the rate
    grows from 0 at the first step to ``rate`` at the last, which the paper found better than a
    constant one. A map smaller than a block is dropped as a whole.
    """

    title = "DropBlock"
    effect = "takes whole parts of an object away, not values that their neighbours tell"
    source = "Ghiasi et al., DropBlock: A Regularization Method for Convolutional Networks, 2018"
    helps = (
        "In convolutional networks: a ResNet-50's accuracy on ImageNet rose by more than 1.6 "
        "points, to 78.1 % (Ghiasi et al., 2018)."
    )
    not_when = (
        "With a block as large as the map, which is spatial dropout, and with a constant rate "
        "from the first step (Ghiasi et al., 2018)."
    )
    cost = "one random number per value of a feature map in a step; nothing once trained"
    aliases = ("DropBlock2D", "drop_block", "drop_block2d")
    feature_maps_only = True
    on = {
        "mlp": "means nothing: it has no feature maps",
        "cnn": "after every stage's pooling but the last one's, which leaves no map",
        "resnet": "inside every block, before its second convolution; not on the shortcuts",
        "pretrained": "means nothing: its place is after the pooling",
        "own": "where the function calls `after_activation` on feature maps",
    }
    search = {"rate": Range(0.05, 0.25), "block_size": Choice((3, 5, 7))}

    rate: Annotated[Float, Field(gt=0, lt=1)] = 0.1
    block_size: Side = 7
    ramp: bool = True

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return a mark."""
        return [self.mark(at)]

    def change_values(
        self, values: "tf.Tensor", seed: "tf.Tensor", progress: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return feature maps with squares set to zero, the rest scaled to the same sum of shares.

        Algorithm 1 of the paper: squares begin only where they fit, at a rate gamma that drops
        ``rate`` of the values if none overlap.
        """
        import tensorflow as tf

        _, height, width, channels = values.shape
        size = min(self.block_size, height, width)
        rows, columns = height - size + 1, width - size + 1
        gamma = self.rate * height * width / (size**2 * rows * columns)
        begins = tf.random.stateless_uniform((tf.shape(values)[0], rows, columns, channels), seed)
        dropped = begins < gamma * (progress if self.ramp else 1.0)
        around = [size - 1, size - 1]
        dropped = tf.pad(dropped, [[0, 0], around, around, [0, 0]])
        dropped = _any_of(_any_of(dropped, size, 1), size, 2)
        kept = tf.cast(~dropped, tf.float32)
        scale = tf.math.divide_no_nan(1.0, tf.reduce_mean(kept))
        return values * tf.cast(kept * scale, values.dtype)


def _any_of(flags: "tf.Tensor", size: int, axis: int) -> "tf.Tensor":
    """Return whether any of ``size`` flags in a row is true, at each place where they fit.

    Args:
        flags: Booleans, B x height x width x channels.
        size: Number of flags.
        axis: 1 or 2.
    """
    joined = 1
    while joined < size:
        shift = min(joined, size - joined)
        if axis == 1:
            flags = flags[:, :-shift] | flags[:, shift:]
        else:
            flags = flags[:, :, :-shift] | flags[:, :, shift:]
        joined += shift
    return flags
