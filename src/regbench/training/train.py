"""Training one network: the same batches in the same order for every technique of a seed."""

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
from regbench.regularizers.base import Regularizer
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Protocol
from regbench.training.step import Step, step_for


@dataclass(frozen=True)
class SplitPart:
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


def split_part(split_index: pd.DataFrame, name: str) -> SplitPart:
    """Return the rows and targets of ``train``, ``validation`` or ``test``."""
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
    """Train ``network`` in place.

    Args:
        network: Built with the same regularizers.
        images: N x H x W x C, uint8; may be memory-mapped.
        train_part: Trained on.
        validation_part: Watched; may select the epoch.
        protocol: Batch size, epochs, optimizer.
        seed: Decides the batches' order and random changes of them, whatever the technique.
        regularizers: Those of the technique, bound to what the data pipeline prepared.
        on_epoch: Called after every epoch.

    Returns:
        The history: a row per epoch with the figures of ``Epoch`` and ``kept``, true for the
        epoch whose weights the network has; training ends with the first epoch whose loss is
        not finite. And the weights of the epoch with the best validation accuracy (the first of
        equals), by name; none if the network has them.
    """
    step = step_for(network, protocol.batch_size, protocol.optimizer.learning_rate, regularizers)
    step.begin(network, seed)
    stops = [regularizer.stop() for regularizer in regularizers if regularizer.does("stop")]
    weights = partial(_weights, step)
    epochs: list[Epoch] = []
    best_accuracy, best_weights = -1.0, dict[str, np.ndarray]()
    for number in range(1, protocol.epochs + 1):
        epoch = _train_epoch(step, images, train_part, validation_part, number, seed)
        epochs.append(epoch)
        on_epoch(epoch)
        if epoch.finite and epoch.validation_accuracy > best_accuracy:
            best_accuracy, best_weights = epoch.validation_accuracy, weights()
        said = [stop.should_stop(number, vars(epoch), weights) for stop in stops if epoch.finite]
        if not epoch.finite or any(said):
            break
    step.finish(network)
    kept = epochs[-1].epoch
    chosen = next((choice for stop in stops if (choice := stop.kept())), None)
    if chosen and epochs[-1].finite:
        kept, kept_weights = chosen
        set_weights(network, kept_weights)
    history = pd.DataFrame([vars(epoch) for epoch in epochs])
    history = history.assign(kept=history["epoch"] == kept)
    return history, {} if best_epoch(history) == kept else best_weights


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
    )
