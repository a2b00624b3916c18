"""Random erasing: a rectangle of a train image replaced by noise."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from regbench.fields import Float, Share
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf

# Rectangles are drawn until one fits into the image, as in the paper, but at most so many: of ten,
# all of a square image are too large in 1 of 2,000 cases. Then the image stays as it is.
_TRIES = 10


class RandomErasing(Regularizer):
    """Erase a rectangle of random area, aspect ratio and place, in some of the train images."""

    title = "random erasing"
    effect = "has the network do without any one part of an image"
    source = "Zhong et al., Random Erasing Data Augmentation, 2017"
    helps = (
        "Against occlusion, and beside flips and shifts: a Wide ResNet's error on CIFAR-10 went "
        "from 3.80 to 3.08 % (Zhong et al., 2017; the authors' code)."
    )
    not_when = (
        "Where the class hangs on one small part, which it may erase, as an 8 becomes a 6 "
        "(Shorten and Khoshgoftaar, A Survey on Image Data Augmentation for Deep Learning, 2019)."
    )
    cost = "noise for every pixel in a step; the trained network is the same"
    stage = Stage.ERASING
    search = {"probability": Range(0.1, 1), "largest": Range(0.1, 0.5)}

    # All as in the authors' code but the noise, which is the paper's: the code fills with a mean.
    probability: Annotated[Float, Field(gt=0, le=1, description="that an image is changed")] = 0.5
    smallest: Annotated[Share, Field(description="area, share of the image")] = 0.02
    largest: Annotated[Share, Field(description="area, share of the image")] = 0.4
    aspect: Annotated[
        Float, Field(gt=0, le=1, description="height to width is from this to its inverse")
    ] = 0.3
    fill: Literal["noise", "black", "white"] = "noise"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 < self.smallest <= self.largest:
            raise ValueError(
                f"smallest must be greater than 0 and at most largest, not {self.smallest:g} "
                f"with a largest of {self.largest:g}"
            )
        return self

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return that images are so small that a rectangle has no pixel, if they are."""
        height, width, _ = image_shape
        if self.largest * height * width >= 1:
            return None
        return (
            f"erases at most {self.largest:g} of an image, which is less than a pixel of "
            f"{height} x {width}: set a larger `largest`, or leave it out"
        )

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with a rectangle erased in some of the images."""
        import tensorflow as tf

        from regbench.regularizers.computations.mixing import boxes, replaced

        for_boxes, for_noise = tf.unstack(tf.random.split(seed, 2))
        pixels = boxes(batch.images, *self.rectangles(tf.shape(batch.images), for_boxes))
        filling = self._filling(batch.images, for_noise)
        return batch._replace(images=replaced(batch.images, pixels, filling))

    def rectangles(
        self, shape: "tf.Tensor", seed: "tf.Tensor"
    ) -> "tuple[tf.Tensor, tf.Tensor, tf.Tensor]":
        """Return first rows (B), first columns (B) and sizes (2 x B) of rectangles, int32.

        An image that stays as it is has one of size 0.

        Args:
            shape: Of the images: B, H, W, C.
            seed: 2 ints.
        """
        import tensorflow as tf

        count, (height, width) = shape[0], tf.unstack(tf.cast(shape[1:3], tf.float32))
        draws = tf.random.stateless_uniform((2 * _TRIES + 3, count), seed)
        area = self.smallest + (self.largest - self.smallest) * draws[:_TRIES]
        area *= height * width
        ratio = self.aspect + (1 / self.aspect - self.aspect) * draws[_TRIES : 2 * _TRIES]
        tall, wide = tf.round(tf.sqrt(area * ratio)), tf.round(tf.sqrt(area / ratio))
        fits = (tall <= height) & (wide <= width)
        chosen = tf.argmax(fits, axis=0, output_type=tf.int32)  # the first that does
        place = tf.stack([chosen, tf.range(count)], axis=1)
        erased = tf.gather_nd(fits, place) & (draws[-1] < self.probability)
        sizes = tf.stack([tf.gather_nd(tall, place), tf.gather_nd(wide, place)])
        sizes = tf.where(erased, sizes, 0.0)
        room = tf.stack([height, width])[:, None] - sizes + 1
        corner = tf.cast(draws[-3:-1] * room, tf.int32)
        return corner[0], corner[1], tf.cast(sizes, tf.int32)

    def _filling(self, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        if self.fill != "noise":
            return tf.constant(255 if self.fill == "white" else 0, tf.uint8)
        number = tf.size(images)  # four bytes of noise are drawn at once
        words = tf.random.stateless_uniform(
            ((number + 3) // 4,), seed, minval=None, maxval=None, dtype=tf.uint32
        )
        noise = tf.reshape(tf.bitcast(words, tf.uint8), (-1,))[:number]
        return tf.reshape(noise, tf.shape(images))
