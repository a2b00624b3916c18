"""The training loop. A seed gives the same batches in the same order to every technique."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.epochs import best_epoch
from regbench.evaluation.scores import accuracy, cross_entropy
from regbench.networks.inference import predict
from regbench.networks.weights import set_weights, weights_of
from regbench.optimization.schedules import Horizon
from regbench.regularizers.base import Regularizer
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Protocol
from regbench.training.step import Step, step_for


@dataclass(frozen=True)
class SplitPart:
    """The images of a split part.

    Attributes:
        rows: Which images, M ints.
        targets: Their classes, M ints from 0.
    """

    rows: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch; the names are the columns of a history.

    Train figures are means over the epoch's batches, computed while training (augmented, with
    dropout); validation figures are those of the epoch's last weights. Accuracies are shares of
    1, cross-entropies in nats without the regularizers' penalty. The learning rate is that of
    the epoch's first optimizer step.
    """

    epoch: int
    train_cross_entropy: float
    train_accuracy: float
    penalty: float
    validation_cross_entropy: float
    validation_accuracy: float
    seconds: float
    learning_rate: float

    @property
    def finite(self) -> bool:
        """Whether the loss is finite, after the epoch's last step too."""
        losses = (self.train_cross_entropy, self.penalty, self.validation_cross_entropy)
        return bool(np.isfinite(losses).all())


def split_part(split_index: pd.DataFrame, name: str) -> SplitPart:
    """Return the rows and targets of a split part.

    Args:
        split_index: A row per image: split, target.
        name: ``train``, ``validation`` or ``test``.
    """
    rows = np.flatnonzero(split_index["split"] == name)
    return SplitPart(rows, split_index["target"].to_numpy()[rows])


def train(
    network: keras.Model,
    images: np.ndarray,
    train_part: SplitPart,
    validation_part: SplitPart,
    protocol: Protocol,
    seed: int,
    regularizers: Sequence[Regularizer] = (),
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Train a network in place; return its history and its best epoch's weights.

    Args:
        network: Built with the same regularizers.
        images: N x H x W x C, uint8; may be memory-mapped.
        train_part: The images to train on.
        validation_part: The images to evaluate after every epoch; early stopping may use them.
        protocol: Batch size, epochs, optimizer and schedule of its learning rate.
        seed: Of the batches' order and of random changes to them, whatever the technique.
        regularizers: Those of the technique, with the data that the data pipeline prepared.
        on_epoch: Called after every epoch.

    Returns:
        The history: a row per epoch with the figures of ``Epoch`` and ``kept``, true for the
        epoch whose weights the network has; the first epoch whose loss is not finite is the
        last. And the weights by name of the epoch with the best validation accuracy (the first
        of equals); empty if the network has them.
    """
    step = step_for(network, protocol.batch_size, protocol.optimizer, regularizers)
    step.begin(network, seed)
    stops = [regularizer.stop() for regularizer in regularizers if regularizer.does("stop")]
    weights = partial(_weights, step)
    rates = _Rates(protocol, len(train_part.rows))
    epochs: list[Epoch] = []
    best_accuracy, best_weights = -1.0, dict[str, np.ndarray]()
    for number in range(1, protocol.epochs + 1):
        epoch = _train_epoch(
            step, images, train_part, validation_part, number, seed, rates.of_epoch(number)
        )
        epochs.append(epoch)
        on_epoch(epoch)
        if not epoch.finite:
            break
        if epoch.validation_accuracy > best_accuracy:
            best_accuracy, best_weights = epoch.validation_accuracy, weights()
        # All are asked: each keeps the weights that it may restore.
        votes = [stop.should_stop(number, vars(epoch), weights) for stop in stops]
        if rates.stalled(number, epoch) or any(votes):
            break
    step.finish(network)
    kept = epochs[-1].epoch
    restored = next((best for stop in stops if (best := stop.kept())), None)
    if restored and epochs[-1].finite:
        kept, kept_weights = restored
        set_weights(network, kept_weights)
    history = pd.DataFrame([vars(epoch) for epoch in epochs])
    history = history.assign(kept=history["epoch"] == kept)
    return history, {} if best_epoch(history) == kept else best_weights


class _Rates:
    """The learning rates of a training, by the protocol's schedule."""

    def __init__(self, protocol: Protocol, rows: int) -> None:
        self._peak = protocol.optimizer.learning_rate
        self._schedule = protocol.schedule
        self._horizon = Horizon(protocol.epochs, math.ceil(rows / protocol.batch_size))
        self._stall = protocol.schedule.stall()

    def of_epoch(self, number: int) -> np.ndarray:
        """Return the rate of every optimizer step of an epoch, numbered from 1."""
        steps = self._horizon.steps_an_epoch
        first = (number - 1) * steps
        shares = [self._schedule.share(first + step, self._horizon) for step in range(steps)]
        lowered = self._stall.share if self._stall else 1.0
        return np.asarray([self._peak * share * lowered for share in shares])

    def stalled(self, number: int, epoch: "Epoch") -> bool:
        """Tell the schedule an epoch's figures; return whether it ends the training."""
        return self._stall is not None and self._stall.should_stop(number, vars(epoch))


def _weights(step: Step) -> dict[str, np.ndarray]:
    with step.evaluated() as network:
        return weights_of(network)


def _train_epoch(
    step: Step,
    images: np.ndarray,
    train_part: SplitPart,
    validation_part: SplitPart,
    number: int,
    seed: int,
    learning_rates: np.ndarray,
) -> Epoch:
    """Train on all train images once, and evaluate on the validation images.

    Args:
        step: Has the network.
        images: N x H x W x C, uint8.
        train_part: The images to train on.
        validation_part: The images to evaluate.
        number: Of the epoch, from 1.
        seed: Of the training.
        learning_rates: One per optimizer step.
    """
    started = time.perf_counter()
    order = np.random.default_rng([seed, number]).permutation(len(train_part.rows))
    sums = np.zeros(2)
    calls = range(0, len(order), step.rows_a_call)[1:]
    targets = np.split(train_part.targets[order], calls)
    rates = np.split(learning_rates, [rows // step.batch_size for rows in calls])
    chunks = in_chunks(images, train_part.rows[order], step.rows_a_call)
    for chunk, chunk_targets, chunk_rates in zip(chunks, targets, rates, strict=True):
        sums += step(chunk, chunk_targets, chunk_rates)
        if not np.isfinite(sums[0]):
            break
    with step.evaluated() as network:
        probabilities = predict(network, images, validation_part.rows)
    return Epoch(
        number,
        train_cross_entropy=sums[0] / len(order),
        train_accuracy=sums[1] / len(order),
        penalty=step.penalty(),
        validation_cross_entropy=cross_entropy(probabilities, validation_part.targets),
        validation_accuracy=accuracy(probabilities, validation_part.targets),
        seconds=time.perf_counter() - started,
        learning_rate=float(learning_rates[0]),
    )
