"""Group normalization: activations normalized over groups of channels, image by image."""

from typing import TYPE_CHECKING

from regbench.fields import Units
from regbench.regularizers.base import Choice, Position, Regularizer

if TYPE_CHECKING:
    import keras

_EPSILON = 1e-5


class GroupNormalization(Regularizer):
    """Normalize every hidden layer's pre-activations over groups of its channels.

    A group has ``channels_per_group`` channels, of feature maps with their height and width, or
    units of a dense layer; where they do not come out even, the most below it that do. 16 is the
    paper's best; its other rule, 32 groups, leaves a channel to each group in small networks.
    """

    title = "group normalization"
    effect = "trains faster, whatever the batch size"
    source = "Wu and He, Group Normalization, 2018"
    helps = (
        "With batches of less than 16 images, where batch normalization errs (Wu and He, 2018, "
        "Table 2)."
    )
    not_when = (
        "With larger ones: on ImageNet with 32 images it is 0.5 points behind batch normalization "
        "(Wu and He, 2018, Table 1)."
    )
    cost = "two passes over the activations, in a step and once trained"
    aliases = ("GroupNormalization", "GroupNorm")
    normalizes = True
    on = {
        "mlp": "before every activation, over groups of units",
        "cnn": "before every activation of a network with `normalization: none`; means nothing on "
        "one that normalizes",
        "resnet": "means nothing: it normalizes by the batch",
        "pretrained": "means nothing: its layers are as they were trained",
        "own": "where the function calls `before_activation`",
    }
    search = {"channels_per_group": Choice((8, 16, 32))}

    channels_per_group: Units = 16

    def layers_before_activation(self, at: Position) -> "list[keras.Layer]":
        """Return Keras' group normalization."""
        import keras

        channels = at.shape[-1]
        size = max(
            size
            for size in range(1, min(self.channels_per_group, channels) + 1)
            if channels % size == 0
        )
        name = f"group_normalization_{at.number}"
        return [keras.layers.GroupNormalization(channels // size, epsilon=_EPSILON, name=name)]
