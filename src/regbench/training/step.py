"""The compiled training step: loss, gradients and update; all seeds of a technique share it."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial

import keras
import numpy as np
import tensorflow as tf

from regbench.networks.base import LOGITS
from regbench.networks.inference import architecture, network_from_architecture
from regbench.networks.weights import hidden_kernels
from regbench.regularizers.base import PLACES, Batch, Regularizer
from regbench.regularizers.registry import REGULARIZERS
from regbench.training.fused_normalization import fuse_batch_normalization

# The most batches, and bytes of images, of one call: enough to make the cost of a call small, and
# few enough to bound memory and the time until Ctrl-C is noticed.
_BATCHES_A_CALL = 16
_BYTES_A_CALL = 8 << 20
# The places of ``PLACES`` that a step calls; layers are in the network, the loop asks for stops.
_IN_A_STEP = ("input batch", "kernel", "loss", "update")


def step_for(
    network: keras.Model,
    batch_size: int,
    learning_rate: float,
    regularizers: Sequence[Regularizer],
) -> "Step":
    """Return the compiled step for a network's architecture; the last one is cached.

    Args:
        network: Gives the architecture; the step has a network of its own.
        batch_size: Images.
        learning_rate: Of Adam.
        regularizers: Those of the technique.
    """
    acting = [
        [type(regularizer).key(), regularizer.model_dump(mode="json")]
        for regularizer in regularizers
        if set(type(regularizer).acts()) & set(_IN_A_STEP)
    ]
    return compiled_step(architecture(network), batch_size, learning_rate, json.dumps(acting))


@lru_cache(maxsize=1)  # the seeds of a technique follow one another
def compiled_step(
    described: str, batch_size: int, learning_rate: float, regularizers: str
) -> "Step":
    """Return a step; cached, as compiling takes a second, much of a small training.

    Args:
        described: From ``architecture``.
        batch_size: Images.
        learning_rate: Of Adam.
        regularizers: Keys and settings of those that act in a step, as JSON.
    """
    return Step(
        network_from_architecture(described),
        batch_size,
        learning_rate,
        [REGULARIZERS[key].model_validate(entry) for key, entry in json.loads(regularizers)],
    )


class Step:
    """Trains a network of its own, by a compiled function that takes many batches a call.

    Attributes:
        network: With the weights of the last step.
        rows_a_call: The most images that a call takes.
    """

    def __init__(
        self,
        network: keras.Model,
        batch_size: int,
        learning_rate: float,
        regularizers: Sequence[Regularizer],
    ) -> None:
        self.network = network
        fuse_batch_normalization(network)
        batch_bytes = batch_size * math.prod(network.input_shape[1:])
        batches = min(max(_BYTES_A_CALL // batch_bytes, 1), _BATCHES_A_CALL)
        self.rows_a_call = batches * batch_size
        self._logits = keras.Model(network.inputs, network.get_layer(LOGITS).output)
        self._variables = [variable.value for variable in network.trainable_variables]
        self._kernels = [kernel.value for kernel in hidden_kernels(network)]
        self._adam = _Adam(self._variables, learning_rate)
        self._learning_rate = tf.constant(learning_rate)
        self._batch_size = batch_size
        self._acting = {
            method: [regularizer for regularizer in regularizers if regularizer.does(method)]
            for place in _IN_A_STEP
            for method in PLACES[place]
        }
        self._updates = [
            regularizer.update(self._variables) for regularizer in self._acting["update"]
        ]
        self._seed = tf.Variable(0, dtype=tf.int32)
        shape = (None, *network.input_shape[1:])
        self._train = tf.function(
            self._train_batches,
            input_signature=[tf.TensorSpec(shape, tf.uint8), tf.TensorSpec((None,), tf.int32)],
        )

    def begin(self, network: keras.Model, seed: int) -> None:
        """Start a training: copy a network's weights and seeds, and reset the optimizer.

        Args:
            network: Untrained, of the same architecture.
            seed: Of the training.
        """
        _copy_variables(network, self.network)
        self._adam.restart()
        for update in self._updates:
            update.restart()
        self._seed.assign(seed)

    def finish(self, network: keras.Model) -> None:
        """Copy the trained weights, or their average if a regularizer keeps one, to a network."""
        with self.evaluated():
            _copy_variables(self.network, network)

    @contextmanager
    def evaluated(self) -> Iterator[keras.Model]:
        """Yield the network with the weights to evaluate: the last ones, or their average."""
        averages = next((list(a) for u in self._updates if (a := u.averages())), None)
        if averages is None:
            yield self.network
            return
        last = [variable.numpy() for variable in self._variables]
        for variable, average in zip(self._variables, averages, strict=True):
            variable.assign(average)
        try:
            yield self.network
        finally:
            for variable, value in zip(self._variables, last, strict=True):
                variable.assign(value)

    def __call__(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Train on images in the given order; return the summed loss and correct answers.

        Args:
            images: M x H x W x C, uint8; at most ``rows_a_call``.
            targets: M ints.

        Returns:
            Sum of cross-entropies in nats, and the number of correct answers; float64.
        """
        return np.asarray(self._train(images, targets.astype(np.int32)), dtype=np.float64)

    def penalty(self) -> float:
        """Return the penalty: the sum over hidden kernels that is added to the loss."""
        return float(sum(float(penalty) for penalty in self._penalties()))

    def _train_batches(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(2)
        for start in tf.range(0, tf.shape(images)[0], self._batch_size):
            end = start + self._batch_size
            sums += self._train_batch(images[start:end], targets[start:end])
        return sums

    def _train_batch(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        step = tf.cast(self._adam.steps, tf.int32)
        batch = Batch(images, targets, int(self._logits.output_shape[-1]))
        for regularizer in self._acting["change_batch"]:
            seed = tf.stack([self._seed, step])
            stream = regularizer.stream()
            if stream:
                seed = tf.random.experimental.stateless_fold_in(seed, stream)
            batch = regularizer.change_batch(batch, seed)
        figures: list[tf.Tensor] = []

        def gradients() -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = self._logits(batch.images, training=True)
                cross_entropies = _cross_entropies(batch.targets, logits)
                losses = cross_entropies
                for regularizer in self._acting["change_losses"]:
                    losses = regularizer.change_losses(losses, batch.targets, logits)
                loss = tf.reduce_mean(losses) + sum(self._penalties())
            if not figures:  # an update may call it again at other weights; these are those before
                figures.append(_sums(cross_entropies, batch.targets, logits))
            return list(tape.gradient(loss, self._logits.trainable_variables))

        compute: Callable[[], list[tf.Tensor]] = gradients
        for update in self._updates:
            compute = partial(update.gradients, compute)
        self._adam.apply(compute())
        for regularizer in self._acting["constrain"]:
            for kernel in self._kernels:
                kernel.assign(regularizer.constrain(kernel))
        for update in self._updates:
            update.after_step(self._learning_rate)
        return figures[0]

    def _penalties(self) -> list[tf.Tensor]:
        """Return each hidden kernel's penalty."""
        acting = self._acting["penalty"]
        if not acting:
            return []
        return [
            sum(regularizer.penalty(kernel) for regularizer in acting) for kernel in self._kernels
        ]


def _cross_entropies(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return cross-entropies in nats, B; targets are B class numbers or B x classes shares."""
    if len(targets.shape) == 2:
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _sums(cross_entropies: tf.Tensor, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return a batch's summed cross-entropy and number of correct answers, 2 floats."""
    if len(targets.shape) == 2:
        targets = tf.argmax(targets, axis=1, output_type=tf.int32)
    correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
    return tf.stack([tf.reduce_sum(cross_entropies), tf.reduce_sum(tf.cast(correct, tf.float32))])


def _copy_variables(source: keras.Model, target: keras.Model) -> None:
    """Copy weights and states of random generators between networks of one architecture."""
    for value, variable in zip(source.variables, target.variables, strict=True):
        variable.assign(value)


class _Adam:
    """Adam (Kingma and Ba, 2015) as TensorFlow's fused kernel.

    Same formula and defaults as ``keras.optimizers.Adam``, in one pass over the weights instead
    of ten: a fifth of the time of a whole training step.
    """

    def __init__(self, variables: list[tf.Variable], learning_rate: float) -> None:
        self._variables = variables
        self._first = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._second = [tf.Variable(tf.zeros(v.shape)) for v in self._variables]
        self._learning_rate = learning_rate
        self.steps = tf.Variable(0.0)

    def restart(self) -> None:
        """Reset the moments and the number of steps to 0."""
        for variable in (*self._first, *self._second, self.steps):
            variable.assign(tf.zeros_like(variable))

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """Apply one step to the weights."""
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
