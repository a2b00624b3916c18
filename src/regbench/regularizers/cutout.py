"""Cutout: a square of every train image replaced by its mean colour."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class Cutout(Regularizer):
    """Cover a square whose middle is anywhere in the image, so that it may lie partly outside.

    It has the batch's mean of each channel: the paper's 0, on images of mean 0. ``side`` is a share
    of the image's shorter side.
    """

    title = "cutout"
    effect = "has the network look at the whole image"
    source = (
        "DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with "
        "Cutout, 2017"
    )
    helps = (
        "On small photos, beside shifts and flips: a ResNet-18's error on CIFAR-10 went from 4.72 "
        "to 3.99 % (DeVries and Taylor, 2017)."
    )
    not_when = (
        "With a square as large as what is shown: the best side falls as classes become more "
        "alike, from 16 pixels on CIFAR-10 to 8 on CIFAR-100 (DeVries and Taylor, 2017)."
    )
    cost = "one mean over the batch in a step; the trained network is the same"
    shorthand = "side"
    stage = Stage.ERASING
    search = {"side": Range(0.1, 0.75)}

    # The paper's: 16 of 32 pixels on CIFAR-10; 8 on CIFAR-100.
    side: Annotated[Float, Field(gt=0, le=2, description="share of the shorter side")] = 0.5

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return that images are so small that the square has no pixel, if they are."""
        height, width, _ = image_shape
        if self._pixels(height, width) >= 1:
            return None
        return (
            f"covers {self.side:g} of a side, which is less than a pixel of {height} x {width}: "
            "set a larger `side`, or leave it out"
        )

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with a square covered in every image."""
        import tensorflow as tf

        from regbench.regularizers.computations.mixing import boxes, replaced

        height, width = batch.images.shape[1:3]
        count = tf.shape(batch.images)[0]
        sides = tf.constant([[height], [width]], tf.float32)
        middle = tf.cast(tf.random.stateless_uniform((2, count), seed) * sides, tf.int32)
        size = self._pixels(height, width)
        top, left = tf.unstack(middle - size // 2)
        covered = boxes(batch.images, top, left, tf.fill((2, count), size))
        mean = tf.reduce_mean(tf.cast(batch.images, tf.float32), axis=(0, 1, 2))
        grey = tf.cast(mean + 0.5, tf.uint8)
        return batch._replace(images=replaced(batch.images, covered, grey))

    def _pixels(self, height: int, width: int) -> int:
        """Return the square's side in pixels."""
        return int(self.side * min(height, width) + 0.5)
