"""Flips: train images mirrored at random."""

from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from regbench.regularizers.base import Batch, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class Flip(Regularizer):
    """Mirror every train image with probability one half, in one direction or in both."""

    title = "flips"
    effect = "shows the network mirrored images, too"
    source = (
        "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012"
    )
    helps = (
        "Where a mirrored image is of the same class, as most photos are: with shifts, it let a "
        "large network be trained on ImageNet without overfitting (Krizhevsky et al., 2012)."
    )
    not_when = (
        "Where direction tells classes apart, as of digits and letters (Shorten and Khoshgoftaar, "
        "A Survey on Image Data Augmentation for Deep Learning, 2019)."
    )
    cost = "one copy of the train images in an epoch; the trained network is the same"
    aliases = ("RandomFlip", "RandomHorizontalFlip", "RandomVerticalFlip", "hflip", "mirror")
    stage = Stage.GEOMETRY

    horizontal: bool = True
    vertical: bool = False

    @model_validator(mode="after")
    def _flips(self) -> Self:
        if not (self.horizontal or self.vertical):
            raise ValueError("neither horizontal nor vertical: set one to true, or leave it out")
        return self

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with about half of the images mirrored."""
        import tensorflow as tf

        images = batch.images
        count, height, width, channels = tf.unstack(tf.shape(images))
        draws = tf.random.stateless_uniform((2, count, 1, 1, 1), seed)

        def some(mirrored: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
            both = tf.concat([images, tf.reshape(mirrored, tf.shape(images))], axis=0)
            chosen = tf.cast(tf.reshape(draw < 0.5, (-1,)), tf.int32)
            return tf.gather(both, tf.range(count) + count * chosen)

        # Reversed as three dimensions, for which TensorFlow has a fast kernel.
        if self.horizontal:
            images = some(tf.reverse(tf.reshape(images, (-1, width, channels)), [1]), draws[0])
        if self.vertical:
            rows = tf.reshape(images, (-1, height, width * channels))
            images = some(tf.reverse(rows, [1]), draws[1])
        return batch._replace(images=images)
