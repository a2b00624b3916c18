"""One compiled training step, shared by all seeds of a technique."""

import math
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from regbench.networks.build import LOGITS
from regbench.networks.inference import of_architecture
from regbench.regularizers.affine_maps import augment
from regbench.study.schema import Augmentation

# A call trains on so many batches, or on fewer that have so many bytes: it bounds memory and the
# time until Ctrl-C is noticed, and what a call itself costs is lost in it.
_BATCHES_A_CALL = 16
_BYTES_A_CALL = 8 << 20


@lru_cache(maxsize=1)  # the seeds of a technique follow one another
def compiled_step(
    described: str, batch_size: int, learning_rate: float, augmentation: str | None
) -> "Step":
    """Compile once for all seeds: a second that a small study cannot afford for every run."""
    return Step(
        of_architecture(described),
        batch_size,
        learning_rate,
        Augmentation.model_validate_json(augmentation) if augmentation else None,
    )


class Step:
    """A compiled function that trains a network of its own on many batches a call."""

    def __init__(
        self,
        network: keras.Model,
        batch_size: int,
        learning_rate: float,
        augmentation: Augmentation | None,
    ) -> None:
        self.network = network
        batch_bytes = batch_size * math.prod(network.input_shape[1:])
        batches = min(max(_BYTES_A_CALL // batch_bytes, 1), _BATCHES_A_CALL)
        self.rows_a_call = batches * batch_size
        self._logits = keras.Model(network.inputs, network.get_layer(LOGITS).output)
        self._adam = _Adam(network.trainable_variables, learning_rate)
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._seed = tf.Variable(0, dtype=tf.int32)
        shape = (None, *network.input_shape[1:])
        self._train = tf.function(
            self._train_batches,
            input_signature=[tf.TensorSpec(shape, tf.uint8), tf.TensorSpec((None,), tf.int32)],
        )

    def begin(self, network: keras.Model, seed: int) -> None:
        """Take over a network's weights and seeds, as if it were its own from the beginning."""
        _copy_variables(network, self.network)
        self._adam.forget()
        self._seed.assign(seed)

    def finish(self, network: keras.Model) -> None:
        """Hand over the trained weights."""
        _copy_variables(self.network, network)

    def __call__(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Train on images in the order given; return summed cross-entropy and correct ones."""
        return np.asarray(self._train(images, targets.astype(np.int32)), dtype=np.float64)

    def penalty(self) -> float:
        """What the kernel regularizers add to the loss."""
        return float(sum(float(loss) for loss in self.network.losses))

    def _train_batches(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(2)
        for start in tf.range(0, tf.shape(images)[0], self._batch_size):
            end = start + self._batch_size
            sums += self._train_batch(images[start:end], targets[start:end])
        return sums

    def _train_batch(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        if self._augmentation:
            step = tf.cast(self._adam.steps, tf.int32)
            images = augment(images, self._augmentation, tf.stack([self._seed, step]))
        with tf.GradientTape() as tape:
            logits = self._logits(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses) + sum(self._logits.losses)
        self._adam.apply(tape.gradient(loss, self._logits.trainable_variables))
        correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(correct, tf.float32))])


def _copy_variables(one: keras.Model, other: keras.Model) -> None:
    """Copy weights and the states of random generators between networks built alike."""
    for source, target in zip(one.variables, other.variables, strict=True):
        target.assign(source)


class _Adam:
    """Adam (Kingma and Ba, 2015) as TensorFlow's fused kernel.

    Same formula and defaults as ``keras.optimizers.Adam``, in one pass over the weights instead
    of ten: a fifth of the time of a whole training step.
    """

    def __init__(self, variables: list[keras.Variable], learning_rate: float) -> None:
        self._variables = [variable.value for variable in variables]
        self._first = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._second = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._learning_rate = learning_rate
        self.steps = tf.Variable(0.0)

    def forget(self) -> None:
        """Begin anew."""
        for variable in (*self._first, *self._second, self.steps):
            variable.assign(tf.zeros_like(variable))

    def apply(self, gradients: list[tf.Tensor]) -> None:
        self.steps.assign_add(1.0)
        for variable, first, second, gradient in zip(
            self._variables, self._first, self._second, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(0.9, self.steps),
                beta2_power=tf.pow(0.999, self.steps),
                lr=self._learning_rate,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-7,
                grad=gradient,
            )
