"""Layer normalization: activations normalized over the values of a layer, image by image."""

from typing import TYPE_CHECKING

from regbench.regularizers.base import Position, Regularizer

if TYPE_CHECKING:
    import keras

_EPSILON = 1e-5


class LayerNormalization(Regularizer):
    """Normalize every hidden layer's pre-activations over the layer's values.

    Of feature maps over height, width and channels, with a scale and an offset for each channel.
    No image depends on the others of its batch, and nothing differs once it is trained.
    """

    title = "layer normalization"
    effect = "trains faster, whatever the batch size"
    source = "Ba et al., Layer Normalization, 2016"
    helps = "With small batches, where batch normalization is noisy (Ba et al., 2016, section 6.6)."
    not_when = (
        "In convolutional networks, where batch normalization does better (Ba et al., 2016, "
        "section 6.7; Wu and He, Group Normalization, 2018, Table 1)."
    )
    cost = "two passes over the activations, in a step and once trained"
    aliases = ("LayerNormalization", "LayerNorm")
    normalizes = True
    on = {
        "mlp": "before every activation",
        "cnn": "before every activation of a network with `normalization: none`; means nothing on "
        "one that normalizes",
        "resnet": "means nothing: it normalizes by the batch",
        "pretrained": "means nothing: its layers are as they were trained",
        "own": "where the function calls `before_activation`",
    }

    def layers_before_activation(self, at: Position) -> "list[keras.Layer]":
        """Return Keras' layer normalization; of feature maps, group normalization of one group."""
        import keras

        name = f"layer_normalization_{at.number}"
        if at.spatial:
            return [keras.layers.GroupNormalization(1, epsilon=_EPSILON, name=name)]
        return [keras.layers.LayerNormalization(epsilon=_EPSILON, name=name)]
