"""Training one network: the same batches in the same order for every technique of a seed."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.python.eager import context as eager  # no public name leads there

from regbench.networks.build import (
    LOGITS,
    architecture,
    of_architecture,
    predict,
    set_weights,
    weights_of,
)
from regbench.regularizers.affine_maps import augment
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Augmentation, EarlyStopping, Protocol

# A call trains on so many batches, or on fewer that have so many bytes: it bounds memory and the
# time until Ctrl-C is noticed, and what a call itself costs is lost in it.
_BATCHES_A_CALL = 16
_BYTES_A_CALL = 8 << 20


@dataclass(frozen=True)
class Part:
    """Some of the images, by row, and their targets (int)."""

    rows: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch; the names are the columns of a history.

    Train figures are means over the epoch's batches, as the network was while it trained
    (augmented, with dropout); validation figures are those of the epoch's last weights.
    Cross-entropies are in nats, without the regularizers' penalty.
    """

    epoch: int
    train_cross_entropy: float
    train_accuracy: float
    penalty: float
    validation_cross_entropy: float
    validation_accuracy: float
    seconds: float

    @property
    def finite(self) -> bool:
        """Whether the loss still is a number, after the epoch's very last step too."""
        losses = (self.train_cross_entropy, self.penalty, self.validation_cross_entropy)
        return bool(np.isfinite(losses).all())


def part(split_index: pd.DataFrame, name: str) -> Part:
    """Return the rows and targets of ``train``, ``validation`` or ``test``."""
    rows = np.flatnonzero(split_index["split"] == name)
    return Part(rows, split_index["target"].to_numpy()[rows])


@lru_cache(maxsize=1)
def set_up_tensorflow() -> None:
    """Make this process' TensorFlow deterministic, and let others have the GPU's memory too."""
    tf.config.experimental.enable_op_determinism()
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def forget_earlier_networks() -> None:
    """Drop what TensorFlow keeps of every network that there has been: 71 kB each, for ever.

    It caches a kernel for every variable by the variable's name, which no other network has. Keras
    drops them with ``clear_session``, which would also take its scopes from other threads.
    """
    eager.context().clear_kernel_cache()


def train(
    network: keras.Model,
    images: np.ndarray,
    train_part: Part,
    validation_part: Part,
    protocol: Protocol,
    seed: int,
    augmentation: Augmentation | None = None,
    early_stopping: EarlyStopping | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Train ``network`` in place.

    Args:
        network: From ``build_network``.
        images: N x H x W x C, uint8; may be memory-mapped.
        train_part: Trained on.
        validation_part: Watched, and selects the epoch with ``early_stopping``.
        protocol: Batch size, epochs, optimizer.
        seed: Decides the batches' order and the augmentation, whatever the technique.
        augmentation: Change the train images at random.
        early_stopping: Stop, and go back to the best epoch's weights.
        on_epoch: Called after every epoch.

    Returns:
        The history: a row per epoch with the figures of ``Epoch`` and ``kept``, true for the
        epoch whose weights the network has; training ends with the first epoch whose loss is
        not finite. And the weights of the epoch with the best validation accuracy (the first of
        equals), by name; none if the network has them.
    """
    step = _compiled_step(
        architecture(network),
        protocol.batch_size,
        protocol.optimizer.learning_rate,
        augmentation.model_dump_json() if augmentation else None,
    )
    step.begin(network, seed)
    watch = _Watch(early_stopping) if early_stopping else None
    epochs: list[Epoch] = []
    best_accuracy, best_weights = -1.0, dict[str, np.ndarray]()
    for number in range(1, protocol.epochs + 1):
        epoch = _train_epoch(step, images, train_part, validation_part, number, seed)
        epochs.append(epoch)
        on_epoch(epoch)
        if epoch.finite and epoch.validation_accuracy > best_accuracy:
            best_accuracy, best_weights = epoch.validation_accuracy, weights_of(step.network)
        if not epoch.finite or (watch and watch.says_stop(epoch, step.network)):
            break
    step.finish(network)
    kept = epochs[-1].epoch
    if watch and epochs[-1].finite:
        kept = watch.finish(network)
    history = pd.DataFrame([vars(epoch) for epoch in epochs])
    history = history.assign(kept=history["epoch"] == kept)
    return history, {} if best_epoch(history) == kept else best_weights


def best_epoch(history: pd.DataFrame) -> int:
    """The number of the epoch with the best validation accuracy, the first of equals."""
    return int(history["epoch"].iloc[history["validation_accuracy"].argmax()])


def _train_epoch(
    step: "_Step",
    images: np.ndarray,
    train_part: Part,
    validation_part: Part,
    number: int,
    seed: int,
) -> Epoch:
    started = time.perf_counter()
    order = np.random.default_rng([seed, number]).permutation(len(train_part.rows))
    sums = np.zeros(2)
    targets = np.split(train_part.targets[order], range(0, len(order), step.rows_a_call)[1:])
    for some, of_some in zip(
        in_chunks(images, train_part.rows[order], step.rows_a_call), targets, strict=True
    ):
        sums += step(some, of_some)
        if not np.isfinite(sums[0]):
            break
    probabilities = predict(step.network, images, validation_part.rows)
    return Epoch(
        number,
        train_cross_entropy=sums[0] / len(order),
        train_accuracy=sums[1] / len(order),
        penalty=step.penalty(),
        validation_cross_entropy=cross_entropy(probabilities, validation_part.targets),
        validation_accuracy=accuracy(probabilities, validation_part.targets),
        seconds=time.perf_counter() - started,
    )


def cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The mean of -log p(target), in nats, of M x K probabilities; M ints tell the targets."""
    chosen = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose most probable class is the target."""
    return float((probabilities.argmax(axis=1) == targets).mean())


@lru_cache(maxsize=1)  # the seeds of a technique follow one another
def _compiled_step(
    described: str, batch_size: int, learning_rate: float, augmentation: str | None
) -> "_Step":
    """Compile once for all seeds: a second that a small study cannot afford for every run."""
    return _Step(
        of_architecture(described),
        batch_size,
        learning_rate,
        Augmentation.model_validate_json(augmentation) if augmentation else None,
    )


class _Step:
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


@dataclass
class _Watch:
    """Early stopping: remembers the best epoch and its weights."""

    settings: EarlyStopping
    best: float = float("inf")
    best_epoch: int = 0
    last_epoch: int = 0
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def says_stop(self, epoch: Epoch, network: keras.Model) -> bool:
        """Whether the figure has not improved for ``patience`` epochs."""
        figure = getattr(epoch, self.settings.monitor)
        if self.settings.monitor == "validation_accuracy":
            figure = -figure
        self.last_epoch = epoch.epoch
        if figure < self.best:
            self.best, self.best_epoch = figure, epoch.epoch
            if self.settings.restore_best:
                self.weights = weights_of(network)
        return epoch.epoch - self.best_epoch >= max(self.settings.patience, 1)

    def finish(self, network: keras.Model) -> int:
        """Restore the best weights if asked to; return the epoch whose weights are kept."""
        if not self.weights:
            return self.last_epoch
        set_weights(network, self.weights)
        return self.best_epoch
