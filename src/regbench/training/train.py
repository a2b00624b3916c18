"""The training loop. A seed gives the same batches in the same order to every technique."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.epochs import best_epoch
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS
from regbench.networks.base import Phase
from regbench.networks.inference import predict
from regbench.networks.weights import set_weights, weights_of
from regbench.regularizers.base import Regularizer
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Protocol
from regbench.training.checkpoint import Checkpoint
from regbench.training.course import Course, Epoch, planned_epochs
from regbench.training.step import Step, step_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitPart:
    """The images of a split part.

    Attributes:
        rows: Which images, M ints.
        targets: Their classes, M ints from 0.
    """

    rows: np.ndarray
    targets: np.ndarray


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
    phases: Sequence[Phase] = (),
    checkpoint: Checkpoint | None = None,
    teacher: keras.Model | None = None,
    after: int = 0,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Train a network in place; return its history and its best epoch's weights.

    Args:
        network: Built with the same regularizers; begins with the weights that it has.
        images: N x H x W x C, uint8; may be memory-mapped.
        train_part: The images to train on.
        validation_part: The images to evaluate after every epoch; early stopping may use them.
        protocol: Batch size, epochs, optimizer and schedule of its learning rate.
        seed: Of the batches' order and of random changes to them, whatever the technique.
        regularizers: Those of the technique, with the data that the data pipeline prepared.
        on_epoch: Called after every epoch.
        phases: Of the network; without any the training is one phase by the protocol.
        checkpoint: Where a long training keeps its state, and goes on from.
        teacher: A trained network that ``distil`` of the regularizers learns from.
        after: The number of epochs before the first.

    Returns:
        The history: a row per epoch with the figures of ``Epoch``, ``phase`` if there are phases,
        and ``kept``, true for the epoch whose weights the network has; the first epoch whose loss
        is not finite is the last. And the weights by name of the epoch with the best validation
        accuracy (the first of equals); empty if the network has them.

    Raises:
        ValueError: A phase freezes a layer that the network lacks, or a regularizer keeps the
            weights of an epoch that was not trained.
    """
    epochs = planned_epochs(protocol, phases)
    step = step_for(network, protocol.batch_size, protocol.optimizer, regularizers)

    def begun() -> Course:
        rows = len(train_part.rows)
        step.begin(network, seed, epochs * math.ceil(rows / protocol.batch_size), teacher)
        stops = [regularizer.stop() for regularizer in regularizers if regularizer.does("stop")]
        return Course(
            step, protocol, rows, stops, phases, partial(_weights, step), regularizers, after
        )

    course = begun()
    if checkpoint and (state := checkpoint.read()) is not None:
        try:
            course.restore(state)
        except (LookupError, TypeError, ValueError) as error:
            logger.warning("%s does not fit (%s): the training begins anew", checkpoint, error)
            course = begun()
        else:
            logger.info("%s: going on after epoch %d", checkpoint, course.next_number() - 1)
    while not course.over:
        number = course.next_number()
        rates = course.learning_rates()
        epoch = _train_epoch(step, images, train_part, validation_part, number, seed, rates)
        course.add(epoch)
        on_epoch(epoch)
        if checkpoint and checkpoint.is_due() and (state := course.state()) is not None:
            checkpoint.write(state)
    step.finish(network)
    kept, kept_weights = course.kept()
    if kept_weights is not None:
        set_weights(network, kept_weights)
    history = pd.DataFrame([epoch.as_row() for epoch in course.epochs])
    if phases:
        history = history.assign(phase=course.phase_names())
    history = history.assign(kept=history["epoch"] == kept)
    return history, {} if best_epoch(history) == kept else course.best_weights


def _weights(step: Step) -> dict[str, np.ndarray]:
    with step.evaluated() as network:
        return weights_of(network)


def rows_of_statistics(rows: int, batch_size: int) -> int:
    """Return how many of the train images give averaged weights their statistics of normalization.

    An eighth of them, as the statistics of every epoch cost a forward pass; and as many batches as
    moving averages remember at least (8), or that more would not help (64).
    """
    return min(max(rows // 8, 8 * batch_size), 64 * batch_size)


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
    if step.averages_with_statistics():
        rows = train_part.rows[order][: rows_of_statistics(len(order), step.batch_size)]
        step.gather_statistics(in_chunks(images, rows, step.rows_a_call))
    with step.evaluated() as network:
        probabilities = predict(network, images, validation_part.rows)
    answers = answers_of(probabilities, validation_part.targets)
    return Epoch(
        number,
        train_cross_entropy=sums[0] / len(order),
        train_accuracy=sums[1] / len(order),
        penalty=step.penalty(),
        validation={name: metric.of(answers) for name, metric in METRICS.items()},
        seconds=time.perf_counter() - started,
        learning_rate=float(learning_rates[0]),
    )
