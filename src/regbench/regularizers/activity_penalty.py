"""Activity penalty: on hidden activations, so that few units are active."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from regbench.fields import Float
from regbench.regularizers.base import Choice, Position, Range, Regularizer

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_TARGET = 0.05
_LEAST = 1e-6  # of a mean activation: the penalty of a unit that is never active is finite


class ActivityPenalty(Regularizer):
    """Add ``factor`` times a penalty of every hidden layer's activations a to the loss.

    ``l1``: the sum of abs(a); ``l2``: of a^2; as Keras' ``activity_regularizer``, over an image's
    values, and the mean over the batch. ``kl``: the sum over units, or feature maps, of the
    Kullback-Leibler divergence of each one's mean m of abs(a) from ``target`` t: t log(t / m) -
    t + m. This is the one of Poisson distributions. That of Bernoulli distributions, in the
    source, is for sigmoid units, and nearly the same for small t and m; activations here may
    exceed 1.
    """

    title = "activity penalty"
    effect = "lets few units be active at a time"
    source = (
        "Glorot et al., Deep Sparse Rectifier Neural Networks, 2011 (l1); Ng, Sparse Autoencoder, "
        "CS294A lecture notes, 2011 (kl)"
    )
    helps = (
        "With ReLU: on MNIST most units may be silent for an image, and the error stays the same "
        "(Glorot et al., 2011)."
    )
    not_when = (
        "With strengths that silence nearly all units, where errors grow (Glorot et al., 2011)."
    )
    cost = "a sum over the activations in a step; nothing once trained"
    aliases = ("activity_regularizer", "ActivityRegularization", "sparsity")
    shorthand = "factor"
    on = {
        "mlp": "after every activation",
        "cnn": "after every stage's pooling and after a dense head's activation",
        "resnet": "inside every block, before its second convolution",
        "pretrained": "once, on the pooled features; where these are frozen it changes nothing",
        "own": "where the function calls `after_activation`",
    }
    search = {"factor": Range(1e-6, 1e-2, log=True), "kind": Choice(("l1", "l2", "kl"))}

    factor: Annotated[Float, Field(gt=0, le=1000)] = 1e-3
    kind: Literal["l1", "l2", "kl"] = "l1"
    target: Annotated[Float, Field(gt=0, lt=1, description="of kind kl")] = _TARGET

    @model_validator(mode="after")
    def _target_is_of_kl(self) -> Self:
        if self.kind != "kl" and self.target != _TARGET:
            raise ValueError(f"target is a setting of kind kl, and kind is {self.kind}")
        return self

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return a mark."""
        return [self.mark(at)]

    def penalize_values(self, values: "tf.Tensor") -> "tf.Tensor":
        """Return ``factor`` x the penalty of a batch's activations."""
        import tensorflow as tf

        values = tf.cast(values, tf.float32)
        images = tf.cast(tf.shape(values)[0], tf.float32)
        if self.kind == "l1":
            return self.factor * tf.reduce_sum(tf.abs(values)) / images
        if self.kind == "l2":
            return self.factor * tf.reduce_sum(tf.square(values)) / images
        units = tf.reduce_mean(tf.abs(values), axis=list(range(len(values.shape) - 1)))
        units = tf.maximum(units, _LEAST)
        return self.factor * tf.reduce_sum(
            self.target * tf.math.log(self.target / units) - self.target + units
        )
