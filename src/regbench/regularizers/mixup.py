"""Mixup: every train image and its target blended with another's."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class Mixup(Regularizer):
    """Replace images x and targets y by t x + (1 - t) x' and t y + (1 - t) y', t of Beta(a, a).

    x' and y' are those of another image of the batch. Each pair has a share t of its own, as in the
    paper's equations; its code draws one for a batch. Pixels are rounded to whole grey levels.
    """

    title = "mixup"
    effect = "has the network behave linearly between train images"
    source = "Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018"
    helps = (
        "With large networks and long trainings, and with labels that are wrong (Zhang et al., "
        "2018): a ResNet-50's error on ImageNet went from 23.7 to 22.6 % (Yun et al., CutMix, "
        "2019, Table 3)."
    )
    not_when = "With a large `alpha` and few epochs: networks underfit (Zhang et al., 2018)."
    cost = "one blend of the batch in a step; the trained network is the same"
    aliases = ("MixUp", "RandomMixup", "input_mixup")
    shorthand = "alpha"
    stage = Stage.MIXING
    search = {"alpha": Range(0.1, 2, log=True)}

    # The paper's for CIFAR; 0.1 to 0.4 on ImageNet.
    alpha: Annotated[Float, Field(ge=0.05, le=100)] = 1.0

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with every image blended with the next one."""
        import tensorflow as tf

        from regbench.regularizers.computations.mixing import beta, mixed_targets, next_ones

        share = beta(tf.shape(batch.images)[0], self.alpha, seed)
        images = tf.cast(batch.images, tf.float32)
        other = next_ones(images)
        mixed = other + share[:, None, None, None] * (images - other)
        return batch._replace(
            images=tf.cast(mixed + 0.5, tf.uint8),  # cast takes the fraction off
            targets=mixed_targets(batch, share),
        )
