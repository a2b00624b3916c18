"""Gaussian noise: added to the normalized pixels during training."""

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer
from regbench.regularizers.computations.normal_numbers import normal_numbers

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class GaussianNoise(Regularizer):
    """Add noise of mean 0 to the normalized image; ``stddev`` is in its units.

    The paper's result is for small noise and names no strength; 0.1 is small where normalized
    pixels have a standard deviation of 1.
    """

    title = "Gaussian noise"
    effect = "makes the network's output smooth around each image"
    source = "Bishop, Training with Noise Is Equivalent to Tikhonov Regularization, 1995"
    helps = (
        "With few images, and against noise in those to come: small noise penalizes the gradient "
        "by the pixels (Bishop, 1995)."
    )
    not_when = (
        "Against other corruptions, other kinds of noise among them: to these it carries over "
        "little (Geirhos et al., Generalisation in Humans and Deep Neural Networks, 2018)."
    )
    cost = "a pass over the pixels, and random numbers from a table; nothing once trained"
    aliases = ("GaussianNoise", "input_noise", "noise")
    shorthand = "stddev"
    on = {
        "mlp": "on the flat pixels, before the first layer",
        "cnn": "on the image, before the first convolution",
        "resnet": "on the image, before the first convolution",
        "pretrained": "means nothing: it scales images its own way",
        "own": "where the function calls `inputs`",
    }
    search = {"stddev": Range(0.01, 0.5, log=True)}

    stddev: Annotated[Float, Field(gt=0, le=1000)] = 0.1

    def input_layers(self, at: Position) -> "list[keras.Layer]":
        """Return a mark: Keras' own layer draws every number anew, a sixth of a small step."""
        return [self.mark(at)]

    def change_values(
        self, values: "tf.Tensor", seed: "tf.Tensor", progress: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the values and noise."""
        import tensorflow as tf

        size = math.prod(values.shape[1:])
        noise = normal_numbers(tf.shape(values), size, seed, mean=0.0, deviation=self.stddev)
        return values + tf.cast(noise, values.dtype)
