"""Focal loss: images that are answered well already count less."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf

# Keeps the gradient finite where a probability is 1 and gamma below 1; Keras bounds by as much.
_LEAST = 1e-7


class FocalLoss(Regularizer):
    """Minimize sum_k t_k (1 - p_k)^gamma (-log p_k) instead of the cross-entropy; t: targets.

    That is Keras' ``CategoricalFocalCrossentropy`` with ``alpha=1``; the paper's alpha, a weight
    for each class, is ``class_weights``. With other changes of the loss, the changes add up. The
    history's cross-entropy is the plain one.
    """

    title = "focal loss"
    effect = "turns the training to the images that are answered badly"
    source = "Lin et al., Focal Loss for Dense Object Detection, 2017: gamma 2"
    helps = (
        "Where easy images of one class far outnumber the rest (Lin et al., 2017); and against "
        "probabilities that are too high (Mukhoti et al., Calibrating Deep Neural Networks Using "
        "Focal Loss, 2020)."
    )
    not_when = (
        "Where labels are wrong here and there: those images stay badly answered, and count most "
        "(Li et al., Gradient Harmonized Single-Stage Detector, 2019)."
    )
    cost = "one softmax and one power per image in a step; the trained network is the same"
    aliases = ("CategoricalFocalCrossentropy", "sigmoid_focal_loss", "focal", "gamma")
    shorthand = "gamma"
    search = {"gamma": Range(0.5, 5, log=True)}

    gamma: Annotated[Float, Field(gt=0, le=10_000)] = 2.0

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses plus: focal loss minus cross-entropy."""
        import tensorflow as tf

        log_shares = tf.nn.log_softmax(logits)
        if len(targets.shape) == 2:
            return losses + tf.reduce_sum(targets * self._change(log_shares), axis=1)
        return losses + self._change(tf.gather(log_shares, targets, batch_dims=1))

    def _change(self, log_shares: "tf.Tensor") -> "tf.Tensor":
        """Return ((1 - p)^gamma - 1) (-log p) of each log p."""
        import tensorflow as tf

        rest = tf.maximum(-tf.math.expm1(log_shares), _LEAST)
        return (1 - rest**self.gamma) * log_shares
