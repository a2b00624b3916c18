"""Training of a technique: one network, or of an ensemble several that are put together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.epochs import diverged
from regbench.networks.base import Phase
from regbench.networks.ensembles import averaged, stacked, with_weights_of_members
from regbench.networks.inference import predict
from regbench.optimization.schedules import Horizon
from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members
from regbench.study.schema import Protocol
from regbench.training import events
from regbench.training.checkpoint import Checkpoint
from regbench.training.course import Epoch, planned_epochs
from regbench.training.members_checkpoint import MemberMade, MembersCheckpoint
from regbench.training.train import SplitPart, train
from regbench.training.variables import copy_variables


@dataclass(frozen=True)
class Images:
    """The images of a training.

    Attributes:
        images: N x H x W x C, uint8; may be memory-mapped.
        train: The images to train on.
        validation: The images to evaluate after every epoch.
        classes: Number of classes.
    """

    images: np.ndarray
    train: SplitPart
    validation: SplitPart
    classes: int


class Done(NamedTuple):
    """How far a training is.

    Attributes:
        epoch: The epoch that is done.
        number: Its number among all of the training, of all members.
        planned: The number of all epochs, if nothing ends any earlier.
        member: The number of the network, from 1.
        members: How many are trained, at most.
    """

    epoch: Epoch
    number: int
    planned: int
    member: int
    members: int


def reported(technique: str, seed: int) -> Callable[[Done], None]:
    """Return what reports each epoch of a training as it is done."""

    def report(done: Done) -> None:
        accuracies = (done.epoch.train_accuracy, done.epoch.validation["accuracy"])
        shown = (done.number, done.planned, *accuracies, done.member, done.members)
        events.report(events.EpochDone(technique, seed, *shown))

    return report


class Trained(NamedTuple):
    """What a training made.

    Attributes:
        network: Raw uint8 images in, class probabilities out.
        history: From ``train``. Of an ensemble the rows of all members, in the order in which they
            were trained, with a column ``member``; each counts its epochs from 1, but where one
            goes on from another. ``kept`` is true for the epochs whose weights the network has.
        best_epoch_weights: From ``train``. Of an ensemble those of each member's best epoch.
    """

    network: keras.Model
    history: pd.DataFrame
    best_epoch_weights: dict[str, np.ndarray]


def train_technique(
    build: Callable[[int], keras.Model],
    images: Images,
    protocol: Protocol,
    seed: int,
    regularizers: Sequence[Regularizer] = (),
    on_epoch: Callable[[Done], None] = lambda done: None,
    phases_of: Callable[[keras.Model], Sequence[Phase]] = lambda network: (),
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train what a technique trains with a seed: a network, or those of its ensemble.

    Args:
        build: Returns an untrained network by its seed, with the regularizers' layers.
        images: To train on and to evaluate.
        protocol: Batch size, epochs, optimizer and schedule of its learning rate.
        seed: Of the training.
        regularizers: Those of the technique, with the data that the data pipeline prepared.
        on_epoch: Called after every epoch of every network.
        phases_of: Returns the phases of a network's training.
        checkpoint: Where a long training keeps its state, and goes on from.
    """
    ensemble = next((each for each in regularizers if isinstance(each, Ensemble)), None)
    if ensemble is None:
        network = build(seed)
        phases = phases_of(network)
        planned = planned_epochs(protocol, phases)
        history, best_epoch_weights = train(
            network,
            images.images,
            images.train,
            images.validation,
            protocol,
            seed,
            regularizers,
            on_epoch=lambda epoch: on_epoch(Done(epoch, epoch.epoch, planned, 1, 1)),
            phases=phases,
            checkpoint=checkpoint,
        )
        return Trained(network, history, best_epoch_weights)
    members = _Members(
        build, images, protocol, seed, regularizers, on_epoch, phases_of, checkpoint, ensemble
    )
    started = time.perf_counter()
    try:
        combination = ensemble.train_members(members)
    except _DivergedMember as error:
        return Trained(error.network, members.history([]), {})
    trained = members.put_together(combination)
    # What the ensemble computes between its trainings is part of its cost, too.
    besides = time.perf_counter() - started - members.seconds
    last = trained.history.index[-1]
    trained.history.loc[last, "seconds"] += besides
    return trained


class _DivergedMember(Exception):  # noqa: N818 - no error: it ends an ensemble's training
    """A member's loss stopped being finite: the training has failed."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network


@dataclass
class _Members(Members):
    """Trains members; those that a checkpoint has are not trained again."""

    build: Callable[[int], keras.Model]
    images: Images
    protocol: Protocol
    seed: int
    regularizers: Sequence[Regularizer]
    on_epoch: Callable[[Done], None]
    phases_of: Callable[[keras.Model], Sequence[Phase]]
    checkpoint: Checkpoint | None
    ensemble: Ensemble
    seconds: float = 0.0  # in which members were trained
    _networks: list[keras.Model] = field(default_factory=list)
    _made: list[MemberMade] = field(default_factory=list)
    _planned_before: int = 0

    def __post_init__(self) -> None:
        self.classes = self.images.classes
        self.targets = self.images.train.targets
        self.validation_targets = self.images.validation.targets
        self._phases = self.phases_of(self.build(self.seed))
        self.epochs = planned_epochs(self.protocol, self._phases)
        self._stored = MembersCheckpoint(self.checkpoint) if self.checkpoint else None

    def train(self, member: Member) -> keras.Model:
        """Return a trained network; as a checkpoint has it if it was trained before."""
        started = time.perf_counter()
        number = len(self._made) + 1
        network = self.build(member.seed)
        made = self._stored.restore_next(network) if self._stored else None
        if made is None:
            made = self._train(network, member, number)
            if self._stored:
                self._stored.add(made)
        self._networks.append(network)
        self._made.append(made)
        self._planned_before += member.epochs or self.epochs
        self.seconds += time.perf_counter() - started
        if diverged(made.history):
            raise _DivergedMember(network)
        return network

    def probabilities(self, network: keras.Model) -> np.ndarray:
        """Return a network's probabilities for the train images, n x classes."""
        return predict(network, self.images.images, self.images.train.rows)

    def validation_probabilities(self, network: keras.Model) -> np.ndarray:
        """Return a network's probabilities for the validation images, v x classes."""
        return predict(network, self.images.images, self.images.validation.rows)

    def history(self, in_use: Sequence[int]) -> pd.DataFrame:
        """Return the rows of all members.

        Args:
            in_use: The members that the network has, by their place; of the others no epoch is
                kept.
        """
        tables = [
            made.history.assign(kept=made.history["kept"] & (place in in_use), member=place + 1)
            for place, made in enumerate(self._made)
        ]
        return pd.concat(tables, ignore_index=True)

    def put_together(self, combination: Combination) -> Trained:
        """Return the network of an ensemble, its history, and its members' best weights."""
        networks = list(combination.networks)
        in_use = [self._place(network) for network in networks]
        best = [self._made[place].best_epoch_weights for place in in_use]
        history = self.history(in_use)
        if len(networks) == 1 and combination.logits is None:
            return Trained(networks[0], history, best[0])
        if combination.logits is None:
            shares = combination.shares or [1 / len(networks)] * len(networks)
            network = averaged(networks, shares)
        else:
            network = stacked(networks, *combination.logits)
        if not any(best):
            return Trained(network, history, {})
        return Trained(network, history, with_weights_of_members(network, best))

    def _place(self, network: keras.Model) -> int:
        return next(place for place, own in enumerate(self._networks) if own is network)

    def _train(self, network: keras.Model, member: Member, number: int) -> MemberMade:
        if member.begins_with is not None:
            copy_variables(member.begins_with, network)
        part = self.images.train
        if member.rows is not None:
            part = SplitPart(part.rows[member.rows], part.targets[member.rows])
        changes: dict[str, object] = {}
        if member.epochs is not None:
            changes["epochs"] = member.epochs
        if member.share_of_rate is not None:
            changes["schedule"] = _GivenShares(member.share_of_rate)
        history, best_epoch_weights = train(
            network,
            self.images.images,
            part,
            self.images.validation,
            self.protocol.model_copy(update=changes),
            member.seed,
            self.regularizers,
            on_epoch=partial(self._report, number, member.after),
            phases=self._phases,
            checkpoint=self._stored.of_next() if self._stored else None,
            teacher=member.teacher,
            after=member.after,
        )
        variables = [variable.numpy() for variable in network.variables]
        return MemberMade(variables, history, best_epoch_weights)

    def _report(self, member: int, after: int, epoch: Epoch) -> None:
        number = self._planned_before + epoch.epoch - after
        planned = self.ensemble.trainings() * self.epochs
        members = max(self.ensemble.trainings(), self.ensemble.networks())
        self.on_epoch(Done(epoch, number, planned, member, members))


class _GivenShares:
    """A schedule whose shares of the learning rate an ensemble gives."""

    def __init__(self, share_of_rate: Callable[[int, int], float]) -> None:
        self._share_of_rate = share_of_rate

    def share(self, step: int, horizon: Horizon) -> float:
        """Return the share of the learning rate for a step, from 0."""
        return self._share_of_rate(step, horizon.steps)

    def stall(self) -> None:
        """Return that nothing lowers the rate by validation figures."""

    def problem(self, horizon: Horizon) -> None:
        """Return that it suits every training."""
