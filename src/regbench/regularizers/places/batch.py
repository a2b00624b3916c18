"""The place of the input batch: what a regularizer gets and returns, and in which order."""

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Stage(IntEnum):
    """When a regularizer changes a batch, where a technique has several that do.

    In this order, as masks and mixtures are to be seen as they were made, and views are of what is
    trained on otherwise. Of one stage: in the order of their keys. Losses are changed in this order
    too: what makes views sees the losses of all of them as the others leave them.
    """

    GEOMETRY = 1
    COLOUR = 2
    ERASING = 3
    MIXING = 4
    VIEWS = 5


class Batch(NamedTuple):
    """A batch of images and targets, the network's input.

    Attributes:
        images: B x H x W x C, uint8.
        targets: B int32 class numbers; or, if mixed, B x classes float32 shares of sum 1.
        classes: Number of classes.

    A regularizer may return several views of every image, one after the other: V x B images and
    targets. The epoch's figures are those of the first view.
    """

    images: "tf.Tensor"
    targets: "tf.Tensor"
    classes: int

    def target_shares(self) -> "tf.Tensor":
        """Return the targets as B x classes float32 shares of sum 1."""
        import tensorflow as tf

        if len(self.targets.shape) == 2:
            return self.targets
        return tf.one_hot(self.targets, self.classes)
