"""Cross-entropies of a batch, and the figures of an epoch that they give."""

import tensorflow as tf


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
