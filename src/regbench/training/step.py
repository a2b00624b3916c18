"""The compiled training step: loss, gradients and update; all seeds of a technique share it."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial

import keras
import numpy as np
import tensorflow as tf

from regbench.networks.base import LOGITS
from regbench.networks.inference import architecture, network_from_architecture
from regbench.networks.weights import hidden_kernels, kernel_variables
from regbench.optimization.optimizers import Optimizer
from regbench.regularizers.base import PLACES, Batch, Regularizer, Update
from regbench.regularizers.registry import REGULARIZERS
from regbench.training.fused_normalization import fuse_batch_normalization
from regbench.training.optimizers import Applied, applied

# The most batches, and bytes of images, of one call: enough to make the cost of a call small, and
# few enough to bound memory and the time until Ctrl-C is noticed.
_BATCHES_A_CALL = 16
_BYTES_A_CALL = 8 << 20
# The places of ``PLACES`` that a step calls; layers are in the network, the loop asks for stops.
_IN_A_STEP = ("input batch", "kernel", "loss", "update")


def step_for(
    network: keras.Model,
    batch_size: int,
    optimizer: Optimizer,
    regularizers: Sequence[Regularizer],
) -> "Step":
    """Return the compiled step for a network's architecture; the last one is cached.

    Args:
        network: Gives the architecture; the step has a network of its own.
        batch_size: Images.
        optimizer: Its settings; the learning rates are given to the step.
        regularizers: Those of the technique.
    """
    acting = [
        [type(regularizer).key(), regularizer.model_dump(mode="json")]
        for regularizer in regularizers
        if set(type(regularizer).acts()) & set(_IN_A_STEP)
    ]
    settings = optimizer.model_copy(update={"learning_rate": 1.0})  # no part of what is compiled
    return compiled_step(architecture(network), batch_size, settings, json.dumps(acting))


@lru_cache(maxsize=1)  # the seeds of a technique follow one another
def compiled_step(
    described: str, batch_size: int, optimizer: Optimizer, regularizers: str
) -> "Step":
    """Return a step; cached, as compiling takes a second, much of a small training.

    Args:
        described: From ``architecture``.
        batch_size: Images.
        optimizer: Its settings.
        regularizers: Keys and settings of those that act in a step, as JSON.
    """
    return Step(
        network_from_architecture(described),
        batch_size,
        optimizer,
        [REGULARIZERS[key].model_validate(entry) for key, entry in json.loads(regularizers)],
    )


class Step:
    """Trains a network of its own, by compiled functions that take many batches a call.

    Each set of frozen layers has a function of its own, as a training may have several phases.

    Attributes:
        network: With the weights of the last step.
        rows_a_call: The most images that a call takes.
        batch_size: Images of an optimizer step.
    """

    def __init__(
        self,
        network: keras.Model,
        batch_size: int,
        optimizer: Optimizer,
        regularizers: Sequence[Regularizer],
    ) -> None:
        self.network = network
        fuse_batch_normalization(network)
        self.batch_size = batch_size
        batch_bytes = batch_size * math.prod(network.input_shape[1:])
        batches = min(max(_BYTES_A_CALL // batch_bytes, 1), _BATCHES_A_CALL)
        self.rows_a_call = batches * batch_size
        self._optimizer = optimizer
        self._logits = keras.Model(network.inputs, network.get_layer(LOGITS).output)
        self._acting = {
            method: [regularizer for regularizer in regularizers if regularizer.does(method)]
            for place in _IN_A_STEP
            for method in PLACES[place]
        }
        self._seed = tf.Variable(0, dtype=tf.int32)
        self._steps = tf.Variable(0, dtype=tf.int32)  # of the training
        self._phases: dict[frozenset[str], _Phase] = {}
        self._phase = self._phase_of(frozenset())

    def begin(self, network: keras.Model, seed: int) -> None:
        """Start a training: copy a network's weights and seeds, and reset the optimizer.

        Args:
            network: Untrained, of the same architecture.
            seed: Of the training.
        """
        _copy_variables(network, self.network)
        self._seed.assign(seed)
        self._steps.assign(0)
        self.begin_phase(frozenset())

    def begin_phase(self, frozen: frozenset[str]) -> None:
        """Go on with other frozen layers: weights stay, optimizer and updates start anew.

        Args:
            frozen: Names of layers that are not trained.
        """
        self._phase = self._phase_of(frozen)
        for variable in self._phase.optimizer.state():
            variable.assign(tf.zeros_like(variable))
        for update in self._phase.updates:
            update.restart()

    def finish(self, network: keras.Model) -> None:
        """Copy the trained weights, or their average if a regularizer keeps one, to a network."""
        with self.evaluated():
            _copy_variables(self.network, network)

    @contextmanager
    def evaluated(self) -> Iterator[keras.Model]:
        """Yield the network with the weights to evaluate: the last ones, or their average."""
        averages = self._phase.averages()
        if not averages:
            yield self.network
            return
        last = [variable.numpy() for variable in self._phase.variables]
        for variable, average in zip(self._phase.variables, averages, strict=True):
            variable.assign(average)
        try:
            yield self.network
        finally:
            for variable, value in zip(self._phase.variables, last, strict=True):
                variable.assign(value)

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, learning_rates: np.ndarray
    ) -> np.ndarray:
        """Train on images in the given order; return the summed loss and correct answers.

        Args:
            images: M x H x W x C, uint8; at most ``rows_a_call``.
            targets: M ints.
            learning_rates: One per optimizer step, that is per ``batch_size`` images.

        Returns:
            Sum of cross-entropies in nats, and the number of correct answers; float64.
        """
        with _frozen(self.network, self._phase.frozen):  # while it is compiled, at the first call
            sums = self._phase.train(
                images, targets.astype(np.int32), learning_rates.astype(np.float32)
            )
        return np.asarray(sums, dtype=np.float64)

    def penalty(self) -> float:
        """Return the penalty: the sum over hidden kernels that is added to the loss."""
        return float(sum(float(penalty) for penalty in self._penalties(self._phase)))

    def _phase_of(self, frozen: frozenset[str]) -> "_Phase":
        if frozen not in self._phases:
            with _frozen(self.network, frozen):
                self._phases[frozen] = self._new_phase(frozen)
        return self._phases[frozen]

    def _new_phase(self, frozen: frozenset[str]) -> "_Phase":
        trained = self.network.trainable_variables
        variables = [variable.value for variable in trained]
        phase = _Phase(
            frozen,
            variables,
            [kernel.value for kernel in hidden_kernels(self.network)],
            applied(self._optimizer, trained, kernel_variables(self.network)),
            [regularizer.update(variables) for regularizer in self._acting["update"]],
        )
        shape = (None, *self.network.input_shape[1:])
        phase.train = tf.function(
            partial(self._train_batches, phase),
            input_signature=[
                tf.TensorSpec(shape, tf.uint8),
                tf.TensorSpec((None,), tf.int32),
                tf.TensorSpec((None,), tf.float32),
            ],
        )
        return phase

    def _train_batches(
        self, phase: "_Phase", images: tf.Tensor, targets: tf.Tensor, learning_rates: tf.Tensor
    ) -> tf.Tensor:
        sums = tf.zeros(2)
        for start in tf.range(0, tf.shape(images)[0], self.batch_size):
            end = start + self.batch_size
            rate = learning_rates[start // self.batch_size]
            sums += self._train_batch(phase, images[start:end], targets[start:end], rate)
        return sums

    def _train_batch(
        self, phase: "_Phase", images: tf.Tensor, targets: tf.Tensor, learning_rate: tf.Tensor
    ) -> tf.Tensor:
        batch = self._changed(Batch(images, targets, int(self._logits.output_shape[-1])))
        figures: list[tf.Tensor] = []

        def gradients() -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = self._logits(batch.images, training=True)
                cross_entropies = _cross_entropies(batch.targets, logits)
                losses = cross_entropies
                for regularizer in self._acting["change_losses"]:
                    losses = regularizer.change_losses(losses, batch.targets, logits)
                loss = tf.reduce_mean(losses) + sum(self._penalties(phase))
            if not figures:  # an update may call it again at other weights; these are those before
                figures.append(_sums(cross_entropies, batch.targets, logits))
            return list(tape.gradient(loss, phase.variables))

        compute: Callable[[], list[tf.Tensor]] = gradients
        for update in phase.updates:
            compute = partial(update.gradients, compute)
        phase.optimizer.apply(compute(), learning_rate)
        for regularizer in self._acting["constrain"]:
            for kernel in phase.kernels:
                kernel.assign(regularizer.constrain(kernel))
        for update in phase.updates:
            update.after_step(learning_rate)
        self._steps.assign_add(1)
        return figures[0]

    def _changed(self, batch: Batch) -> Batch:
        """Return the batch as regularizers change it."""
        for regularizer in self._acting["change_batch"]:
            seed = tf.stack([self._seed, self._steps])
            stream = regularizer.stream()
            if stream:
                seed = tf.random.experimental.stateless_fold_in(seed, stream)
            batch = regularizer.change_batch(batch, seed)
        return batch

    def _penalties(self, phase: "_Phase") -> list[tf.Tensor]:
        """Return each hidden kernel's penalty."""
        acting = self._acting["penalty"]
        if not acting:
            return []
        return [
            sum(regularizer.penalty(kernel) for regularizer in acting) for kernel in phase.kernels
        ]


@dataclass
class _Phase:
    """What is trained while some layers are frozen, and how.

    Attributes:
        frozen: Names of layers that are not trained.
        variables: The trained weights.
        kernels: Those of them that regularizers act on.
        optimizer: Of the variables.
        updates: Of the technique's regularizers.
        train: The compiled function.
    """

    frozen: frozenset[str]
    variables: list[tf.Variable]
    kernels: list[tf.Variable]
    optimizer: Applied
    updates: list[Update]
    train: Callable[..., tf.Tensor] = field(init=False)

    def averages(self) -> list[tf.Variable]:
        """Return the averaged weights to evaluate, one per variable; empty if none is kept."""
        return next((list(a) for u in self.updates if (a := u.averages())), [])


@contextmanager
def _frozen(network: keras.Model, names: frozenset[str]) -> Iterator[None]:
    """Set layers untrainable for a while; batch normalization then runs in inference mode.

    Raises:
        ValueError: There is no layer of a name.
    """
    layers = [layer for layer in network._flatten_layers() if layer.name in names]
    missing = names - {layer.name for layer in layers}
    if missing:
        raise ValueError(f"the network has no layers {', '.join(sorted(missing))}")
    trainable = [layer.trainable for layer in layers]
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer, value in zip(layers, trainable, strict=True):
            layer.trainable = value


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
