"""Dropout: activations set to zero at random during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer

if TYPE_CHECKING:
    import keras


class Dropout(Regularizer):
    """Set every hidden layer's activations to zero with probability ``rate``; scale up the rest."""

    title = "dropout"
    effect = "keeps units from relying on one another"
    source = "Srivastava et al., Dropout, 2014"
    shorthand = "rate"
    search = {"rate": Range(0.05, 0.6)}

    rate: Annotated[Float, Field(gt=0, lt=1)] = 0.25

    @classmethod
    def stream(cls) -> int:
        """Return 1: a seed drops the same units as in earlier versions."""
        return 1

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return a Keras dropout layer."""
        import keras

        return [keras.layers.Dropout(self.rate, seed=at.seed, name=f"dropout_{at.number}")]
