"""Training one network: the same batches in the same order for every technique of a seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.classification import accuracy, cross_entropy
from regbench.evaluation.epochs import best_epoch
from regbench.networks.inference import architecture, predict
from regbench.networks.weights import set_weights, weights_of
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Augmentation, EarlyStopping, Protocol
from regbench.training.step import Step, compiled_step


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
    step = compiled_step(
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


def _train_epoch(
    step: "Step",
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
