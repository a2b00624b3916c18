"""Label smoothing: a share of every target spread over all classes."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class LabelSmoothing(Regularizer):
    """Minimize the cross-entropy with targets (1 - s) t + s / K, of K classes.

    That is Keras' ``CategoricalCrossentropy(label_smoothing=s)`` and PyTorch's. Of mixed targets
    the shares are smoothed. The history's accuracy and cross-entropy are with the targets as they
    are.
    """

    title = "label smoothing"
    effect = "keeps the network from becoming certain of its answers"
    source = "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016: 0.1"
    helps = (
        "In networks that become certain of their train images: on MNIST the error of dense "
        "layers was 1.23 %, with dropout instead 1.28 % (Pereyra et al., Regularizing Neural "
        "Networks by Penalizing Confident Output Distributions, 2017, Table 1)."
    )
    not_when = (
        "Where another network is to learn from the probabilities: they no longer tell which "
        "classes resemble one another (Müller et al., When Does Label Smoothing Help?, 2019)."
    )
    cost = "one mean of the logits per image in a step; the trained network is the same"
    aliases = ("smoothing", "smooth_labels", "LabelSmoothingCrossEntropy", "soft_labels")
    shorthand = "smoothing"
    search = {"smoothing": Range(0.01, 0.4, log=True)}

    smoothing: Annotated[Float, Field(gt=0, lt=1)] = 0.1

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses plus s times: cross-entropy with equal shares minus that with targets.

        Of both the sum over classes in the softmax cancels: what is left are means of logits.
        """
        import tensorflow as tf

        if len(targets.shape) == 2:
            of_targets = tf.reduce_sum(targets * logits, axis=1)
        else:
            of_targets = tf.gather(logits, targets, batch_dims=1)
        return losses + self.smoothing * (of_targets - tf.reduce_mean(logits, axis=1))
