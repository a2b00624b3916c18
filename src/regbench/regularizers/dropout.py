"""Dropout: activations set to zero at random during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer

if TYPE_CHECKING:
    import keras


class Dropout(Regularizer):
    """Set hidden activations to zero with probability ``rate``; scale up the rest.

    Each value is dropped for itself, in feature maps, too, as in the convolutional networks of the
    paper (section 6.1); no whole maps.
    """

    title = "dropout"
    effect = "keeps units from relying on one another"
    source = (
        "Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014"
    )
    helps = (
        "In large dense layers: on MNIST the error was 1.25 %, that of a network without it 1.60 "
        "(Srivastava et al., 2014, Table 2)."
    )
    not_when = (
        "With a few hundred images (Srivastava et al., 2014, section 7.4), and before batch "
        "normalization, whose statistics it shifts (Li et al., Understanding the Disharmony "
        "between Dropout and Batch Normalization by Variance Shift, 2019)."
    )
    cost = "one random number per activation in a step; nothing once trained"
    aliases = ("Dropout", "dropout_rate", "drop_rate", "keep_prob")
    shorthand = "rate"
    on = {
        "mlp": "after every activation",
        "cnn": "after every stage's pooling and after a dense head's activation; single values, "
        "not whole feature maps",
        "resnet": "inside every block, before its second convolution (Zagoruyko and Komodakis, "
        "Wide Residual Networks, 2016); single values",
        "pretrained": "once, between the pooled features and the head",
        "own": "where the function calls `after_activation`",
    }
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
