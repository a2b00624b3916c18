"""CutMix: a rectangle of every train image replaced by another image's, targets by area."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class Cutmix(Regularizer):
    """Paste a rectangle of another image of the batch, at the place where it was.

    Its share of the area is 1 - t with t of Beta(alpha, alpha), before it is cut off at the image's
    edges; its middle is anywhere. Targets are mixed by the area that was pasted in fact.
    """

    title = "CutMix"
    effect = "has the network recognise a class by any part of it"
    source = (
        "Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable "
        "Features, 2019"
    )
    helps = (
        "On photos, with large networks: a ResNet-50's error on ImageNet went from 23.7 to 21.4 "
        "%, with mixup to 22.6 and with cutout to 22.9 % (Yun et al., 2019, Table 3)."
    )
    not_when = (
        "Where the class lies in a small part of the image: targets are mixed by area, even if "
        "only background was pasted (Uddin et al., SaliencyMix: A Saliency Guided Data "
        "Augmentation Strategy for Better Regularization, 2021)."
    )
    cost = "one copy of the batch in a step; the trained network is the same"
    aliases = ("CutMix", "RandomCutmix")
    stage = Stage.MIXING
    search = {"probability": Range(0.1, 1), "alpha": Range(0.2, 2, log=True)}

    alpha: Annotated[Float, Field(ge=0.05, le=100)] = 1.0
    # Of the authors' code for CIFAR; 1 for ImageNet.
    probability: Annotated[Float, Field(gt=0, le=1, description="that an image is changed")] = 0.5

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with a rectangle of the next image in every image, or in some."""
        import tensorflow as tf

        from regbench.regularizers.computations.mixing import (
            beta,
            boxes,
            mixed_targets,
            next_ones,
            replaced,
        )

        count, height, width, _ = tf.unstack(tf.shape(batch.images))
        for_shares, for_places = tf.unstack(tf.random.split(seed, 2))
        side = tf.sqrt(1 - beta(count, self.alpha, for_shares))
        draws = tf.random.stateless_uniform((3, count), for_places)
        side = tf.where(draws[2] < self.probability, side, 0.0)
        sides = tf.cast(tf.stack([height, width]), tf.float32)
        size = tf.cast(side * sides[:, None], tf.int32)  # rounded down, as in the authors' code
        middle = tf.cast(draws[:2] * sides[:, None], tf.int32)
        top, left = tf.unstack(middle - size // 2)
        pasted = boxes(batch.images, top, left, size)
        area = tf.reduce_mean(tf.cast(pasted, tf.float32), axis=(1, 2, 3))
        return batch._replace(
            images=replaced(batch.images, pasted, next_ones(batch.images)),
            targets=mixed_targets(batch, 1 - area),
        )
