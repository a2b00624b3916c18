"""Confidence penalty: on answers whose probabilities have little entropy."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer

if TYPE_CHECKING:
    import tensorflow as tf


class ConfidencePenalty(Regularizer):
    """Subtract ``beta`` times the entropy of the predicted probabilities, in nats, from the loss.

    The paper's best weights are from 0.1, on CIFAR-10, to 2.5, by task; on MNIST 1. The history's
    cross-entropy is without the penalty.
    """

    title = "confidence penalty"
    effect = "keeps the probabilities spread out"
    source = (
        "Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output "
        "Distributions, 2017"
    )
    helps = (
        "In networks that become certain of their train images: on MNIST the error of dense "
        "layers was 1.17 %, with dropout instead 1.28 % (Pereyra et al., 2017, Table 1)."
    )
    not_when = (
        "Beside augmentation, with which it gained nothing on CIFAR-10 (Pereyra et al., 2017, "
        "section 4.1.2). Beside label smoothing, which raises the entropy, too: by what means "
        "mattered little in models of language (Meister et al., Generalized Entropy "
        "Regularization, 2020)."
    )
    cost = "one softmax per image in a step; the trained network is the same"
    aliases = ("entropy_regularization", "entropy_penalty", "max_entropy", "penalize_confidence")
    shorthand = "beta"
    search = {"beta": Range(0.01, 3, log=True)}

    beta: Annotated[Float, Field(gt=0, le=10_000)] = 0.1

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses minus ``beta`` times the entropy -sum p log p."""
        import tensorflow as tf

        log_shares = tf.nn.log_softmax(logits)
        return losses + self.beta * tf.reduce_sum(tf.exp(log_shares) * log_shares, axis=1)
