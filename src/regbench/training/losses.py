"""Cross-entropies of a batch, and the figures of an epoch that they give."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from regbench.regularizers.base import Regularizer


def cross_entropies_of(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return cross-entropies in nats, B; targets are B class numbers or B x classes shares."""
    if len(targets.shape) == 2:
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def sums_of(cross_entropies: tf.Tensor, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return a batch's summed cross-entropy and number of correct answers, 2 floats."""
    if len(targets.shape) == 2:
        targets = tf.argmax(targets, axis=1, output_type=tf.int32)
    correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
    return tf.stack([tf.reduce_sum(cross_entropies), tf.reduce_sum(tf.cast(correct, tf.float32))])


def changed_losses(
    acting: Mapping[str, Sequence[Regularizer]],
    cross_entropies: tf.Tensor,
    targets: tf.Tensor,
    logits: tf.Tensor,
    taught: tf.Tensor | None,
) -> tf.Tensor:
    """Return the losses to minimize the mean of, B float32.

    Args:
        acting: The regularizers of the technique by the methods that they override.
        cross_entropies: In nats, B.
        targets: B class numbers or B x classes shares.
        logits: B x classes, float32.
        taught: The teacher's logits, B x classes, float32; None without a teacher.
    """
    losses = cross_entropies
    for regularizer in acting["change_losses"]:
        losses = regularizer.change_losses(losses, targets, logits)
    if taught is not None:
        for regularizer in acting["distil"]:
            losses = regularizer.distil(losses, logits, taught)
    for regularizer in acting["image_weights"]:  # after all changes
        losses *= regularizer.image_weights(targets)
    return losses
