"""Gaussian dropout: activations multiplied with Gaussian noise of mean 1 during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer

if TYPE_CHECKING:
    import keras


class GaussianDropout(Regularizer):
    """Multiply hidden activations with noise of mean 1 and variance rate / (1 - rate).

    The variance is that of dropout with the same rate.
    """

    title = "Gaussian dropout"
    effect = "keeps units from relying on one another, without dropping any"
    source = "Srivastava et al., Dropout, 2014, section 10"
    helps = (
        "Where dropout does: on MNIST and CIFAR-10 it is as good or slightly better (Srivastava "
        "et al., 2014, Table 10)."
    )
    not_when = (
        "Before batch normalization, whose statistics noise shifts (Li et al., Understanding the "
        "Disharmony between Dropout and Batch Normalization, 2019)."
    )
    cost = "one random number per activation in a step; nothing once trained"
    aliases = ("GaussianDropout", "multiplicative_noise")
    shorthand = "rate"
    on = {
        "mlp": "after every activation",
        "cnn": "after every stage's pooling and after a dense head's activation",
        "resnet": "inside every block, before its second convolution",
        "pretrained": "once, between the pooled features and the head",
        "own": "where the function calls `after_activation`",
    }
    search = {"rate": Range(0.05, 0.6)}

    rate: Annotated[Float, Field(gt=0, lt=1)] = 0.5

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return Keras' Gaussian dropout."""
        import keras

        name = f"gaussian_dropout_{at.number}"
        return [keras.layers.GaussianDropout(self.rate, seed=at.seed, name=name)]
