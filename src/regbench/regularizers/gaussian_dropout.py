"""Gaussian dropout: activations multiplied with Gaussian noise of mean 1 during training."""

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer
from regbench.regularizers.computations.normal_numbers import normal_numbers

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class GaussianDropout(Regularizer):
    """Multiply hidden activations with noise of mean 1 and variance rate / (1 - rate).

    The variance is that of dropout with the same rate.
    """

    title = "Gaussian dropout"
    effect = "keeps units from relying on one another, without dropping any"
    source = (
        "Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, "
        "2014, section 10"
    )
    helps = (
        "Where dropout does: on MNIST and CIFAR-10 it is as good or slightly better (Srivastava "
        "et al., 2014, Table 10)."
    )
    not_when = (
        "Before batch normalization, whose statistics noise shifts (Li et al., Understanding the "
        "Disharmony between Dropout and Batch Normalization by Variance Shift, 2019)."
    )
    cost = "a pass over the activations, and random numbers from a table; nothing once trained"
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
        """Return a mark: Keras' own layer draws every number anew, half of a small step."""
        return [self.mark(at)]

    def change_values(
        self, values: "tf.Tensor", seed: "tf.Tensor", progress: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the values times the noise."""
        import tensorflow as tf

        deviation = math.sqrt(self.rate / (1 - self.rate))
        size = math.prod(values.shape[1:])
        noise = normal_numbers(tf.shape(values), size, seed, mean=1.0, deviation=deviation)
        return values * tf.cast(noise, values.dtype)
