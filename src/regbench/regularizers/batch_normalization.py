"""Batch normalization: activations normalized over the images of a batch."""

from typing import TYPE_CHECKING

from regbench.regularizers.base import Position, Regularizer, Traits

if TYPE_CHECKING:
    import keras


class BatchNormalization(Regularizer):
    """Normalize every hidden layer's pre-activations over the batch."""

    title = "batch normalization"
    effect = "trains faster, and its noise over batches regularizes"
    source = "Ioffe and Szegedy, Batch Normalization, 2015"
    on = {
        "mlp": "before every activation",
        "cnn": "before every activation of a network with `normalization: none`; means nothing on "
        "one that has it",
        "resnet": "means nothing: it has it",
        "pretrained": "means nothing: its layers are as they were trained",
        "own": "where the function calls `before_activation`",
    }

    def layers_before_activation(self, at: Position) -> "list[keras.Layer]":
        """Return a Keras batch normalization layer."""
        import keras

        return [keras.layers.BatchNormalization(name=f"batch_normalization_{at.number}")]

    def misfit(self, network: Traits) -> str | None:
        """Return that the network has batch normalization already, if it has."""
        if network.batch_normalization:
            return f"a {network.kind} with {network.batch_normalization} has it already"
        return super().misfit(network)
