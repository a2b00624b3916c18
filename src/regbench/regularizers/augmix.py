"""AugMix: every train image mixed with chains of operations on it, and consistent answers."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from regbench.fields import Float, Int
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf

# What an operation does at severity 0, and how much more of it at 10; whether either way. As in
# the authors' code, without operations that are like the corruptions of ImageNet-C.
_STRENGTHS = {
    "autocontrast": (0.0, 0.0, False),
    "equalize": (0.0, 0.0, False),
    "posterize": (4.0, -4.0, False),
    "rotate": (0.0, 30.0, True),
    "solarize": (256.0, -256.0, False),
    "shear_x": (0.0, 0.3, True),
    "shear_y": (0.0, 0.3, True),
    "translate_x": (0.0, 1 / 3, True),
    "translate_y": (0.0, 1 / 3, True),
}
_DEEPEST = 3  # operations of a chain
_LEAST = 0.1  # severity


class Augmix(Regularizer):
    """Mix every image with ``width`` chains of one to three random operations on it.

    x_mix = m x + (1 - m) sum_k w_k chain_k(x), w of Dirichlet(alpha), m of Beta(alpha, alpha), each
    operation with a severity drawn from 0.1 to ``severity``. A chain moves an image last, and once:
    rotations, shears and translations are one map.

    With ``consistency`` c > 0, a step takes three views of the batch, the images and two mixtures,
    and the loss is the cross-entropy of the images plus c times the Jensen-Shannon divergence of
    the three answers, in nats: three times the network's work. With 0, a step takes one mixture.
    """

    title = "AugMix"
    effect = "gives the same answer to an image and to what it might look like"
    source = (
        "Hendrycks et al., AugMix: A Simple Data Processing Method to Improve Robustness and "
        "Uncertainty, 2020"
    )
    helps = (
        "Against corruptions that were not trained on: a Wide ResNet's error on CIFAR-10-C was "
        "11.2 %, that of a larger one without it 26.5 (Croce et al., RobustBench, 2021)."
    )
    not_when = (
        "Where time is short: with its loss, a step takes three views of every image through the "
        "network (Hendrycks et al., 2020)."
    )
    cost = (
        "three times the network's work in a step, and six chains of operations per image; "
        "without `consistency`, three chains; the trained network is the same"
    )
    aliases = ("AugMix",)
    stage = Stage.VIEWS
    search = {"severity": Range(1, 10), "consistency": Range(1, 24, log=True)}

    # All as in the authors' code for CIFAR.
    severity: Annotated[Float, Field(gt=_LEAST, le=10, description="of 10")] = 3.0
    width: Annotated[Int, Field(ge=1, le=10, description="chains")] = 3
    alpha: Annotated[Float, Field(ge=0.05, le=100)] = 1.0
    consistency: Annotated[
        Float, Field(ge=0, le=100_000, description="weight; 0: no such loss")
    ] = 12.0
    fill: Annotated[
        Literal["nearest", "reflect", "constant"],
        Field(description="what enters at the edges; constant is black"),
    ] = "nearest"

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch mixed; or its images and two mixtures of them."""
        import tensorflow as tf

        if not self.consistency:
            return batch._replace(images=self.mixed(batch.images, seed))
        twice = self.mixed(tf.tile(batch.images, (2, 1, 1, 1)), seed)
        targets = tf.tile(batch.targets, (3, *(1,) * (len(batch.targets.shape) - 1)))
        images = tf.concat([batch.images, twice], axis=0)
        return batch._replace(images=images, targets=targets)

    def mixed(self, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return images mixed with chains of operations on them: B x H x W x C, uint8."""
        import tensorflow as tf

        from regbench.regularizers.computations.mixing import beta, dirichlet

        for_chains, for_weights, for_shares = tf.unstack(tf.random.split(seed, 3))
        count = tf.shape(images)[0]
        chains = tf.cast(self._chained(images, for_chains), tf.float32)
        weights = dirichlet(self.width, count, self.alpha, for_weights)
        own = beta(count, self.alpha, for_shares)
        weights *= 1 - own
        mixture = own[:, None, None, None] * tf.cast(images, tf.float32)
        for weight, chain in zip(tf.unstack(weights), tf.split(chains, self.width), strict=True):
            mixture += weight[:, None, None, None] * chain
        return tf.cast(tf.minimum(mixture, 255) + 0.5, tf.uint8)

    def _chained(self, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return the ends of all chains, one chain after the other: width B x H x W x C, uint8."""
        import tensorflow as tf

        from regbench.regularizers.computations.picture_operations import NUMBER, chained

        numbers = tf.constant([NUMBER[name] for name in _STRENGTHS])
        rest, more, signed = (
            tf.constant(values) for values in zip(*_STRENGTHS.values(), strict=True)
        )
        images = tf.tile(images, (self.width, 1, 1, 1))
        draws = tf.random.stateless_uniform((4, _DEEPEST, tf.shape(images)[0]), seed)
        which, way, strength = tf.unstack(draws[:3])
        drawn = tf.cast(which * len(_STRENGTHS), tf.int32)
        sign = tf.where(tf.gather(signed, drawn) & (way < 0.5), -1.0, 1.0)
        severity = _LEAST + (self.severity - _LEAST) * strength
        amounts = tf.gather(rest, drawn) + sign * tf.gather(more, drawn) * severity / 10
        depths = 1 + tf.cast(draws[3, 0] * _DEEPEST, tf.int32)
        inside = tf.range(_DEEPEST)[:, None] < depths
        chosen = tf.where(inside, tf.gather(numbers, drawn), NUMBER["identity"])
        return chained(images, chosen, amounts, self.fill)

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return losses whose mean is that of the images, with the divergence of their views.

        A loss for every view: those of mixtures are 0, those of images three times their own.
        """
        import tensorflow as tf

        if not self.consistency:
            return losses
        answers = tf.stack(tf.split(tf.nn.log_softmax(logits), 3))
        mixture = tf.reduce_logsumexp(answers, axis=0) - tf.math.log(3.0)
        divergence = tf.reduce_sum(tf.exp(answers) * (answers - mixture), axis=(0, 2)) / 3
        of_images = tf.split(losses, 3)[0] + self.consistency * divergence
        nothing = tf.zeros_like(of_images)
        return tf.concat([3 * of_images, nothing, nothing], axis=0)
