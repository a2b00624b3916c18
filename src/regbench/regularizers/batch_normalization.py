"""Batch normalization: activations normalized over the images of a batch."""

from typing import TYPE_CHECKING

from regbench.regularizers.base import Position, Regularizer

if TYPE_CHECKING:
    import keras


class BatchNormalization(Regularizer):
    """Normalize every hidden layer's pre-activations over the batch."""

    title = "batch normalization"
    effect = "trains faster, and its noise over batches regularizes"
    source = "Ioffe and Szegedy, Batch Normalization, 2015"

    def layers_before_activation(self, at: Position) -> "list[keras.Layer]":
        """Return a Keras batch normalization layer."""
        import keras

        return [keras.layers.BatchNormalization(name=f"batch_normalization_{at.number}")]
