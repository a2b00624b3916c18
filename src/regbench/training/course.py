"""The course of a training: epochs, phases, rates, stops; all that a checkpoint holds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from regbench.errors import StudyError
from regbench.metrics.registry import METRICS
from regbench.networks.base import Phase
from regbench.optimization.schedules import Horizon
from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.stop import Stop
from regbench.study.schema import Protocol
from regbench.training.step import Step

Arrays = dict[str, np.ndarray]
_VALIDATION = "validation_"


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Train figures are means over the epoch's batches, computed while training (augmented, with
    dropout); validation figures are those of the epoch's last weights: every metric by name, so
    that a study may be decided by another one without being trained again. Accuracies are shares
    of 1, cross-entropies in nats without the regularizers' penalty. The learning rate is that of
    the epoch's first optimizer step.
    """

    epoch: int
    train_cross_entropy: float
    train_accuracy: float
    penalty: float
    validation: Mapping[str, float]
    seconds: float
    learning_rate: float

    @property
    def finite(self) -> bool:
        """Whether the loss is finite, after the epoch's last step too."""
        losses = (self.train_cross_entropy, self.penalty, self.validation["cross_entropy"])
        return bool(np.isfinite(losses).all())

    def as_row(self) -> dict[str, float]:
        """Return its row of a history, by column: ``validation_<metric>`` for every metric."""
        own = {name: value for name, value in vars(self).items() if name != "validation"}
        return own | {f"{_VALIDATION}{name}": value for name, value in self.validation.items()}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Epoch":
        """Return the epoch of a row of a history, by column."""
        own = {name: value for name, value in row.items() if not name.startswith(_VALIDATION)}
        validation = {
            name.removeprefix(_VALIDATION): value for name, value in row.items() if name not in own
        }
        return cls(**own, validation=validation)

    @classmethod
    def columns(cls) -> list[str]:
        """Return the columns of a history."""
        return list(cls(0, 0, 0, 0, dict.fromkeys(METRICS, 0.0), 0, 0).as_row())


def planned_epochs(protocol: Protocol, phases: Sequence[Phase]) -> int:
    """Return how many epochs a training has if nothing ends it earlier."""
    return sum(phase.epochs for phase in phases) or protocol.epochs


class Course:
    """A training after some of its epochs.

    In each phase the schedule and the optimizer begin anew, with the phase's learning rate. Stops
    are asked in the last phase only; a schedule that ends a training ends the phase.

    Attributes:
        epochs: The figures of those that are done.
        over: Whether the training has ended.
        best_weights: Of the epoch with the best validation accuracy so far.
    """

    def __init__(
        self,
        step: Step,
        protocol: Protocol,
        rows: int,
        stops: Sequence[Stop],
        phases: Sequence[Phase],
        weights: Callable[[], Arrays],
        regularizers: Sequence[Regularizer] = (),
        after: int = 0,
    ) -> None:
        """Begin with the first phase.

        Args:
            step: That trains; its network has the initial weights.
            protocol: Epochs, learning rate, schedule.
            rows: Number of train images.
            stops: Of the technique's regularizers.
            phases: Of the network; without any the training is one phase by the protocol.
            weights: Returns a copy of the network's weights by name.
            regularizers: Those of the technique; some may change the learning rate.
            after: The number of epochs before the first.

        Raises:
            StudyError: The schedule does not suit the number of steps, which the images decide.
        """
        whole = Phase("", protocol.epochs, protocol.optimizer.learning_rate)
        self.phases = list(phases) or [whole]
        self.epochs: list[Epoch] = []
        self.over = False
        self.best_weights: Arrays = {}
        self._after = after
        self._best_accuracy = -1.0
        self._step, self._stops, self._weights = step, list(stops), weights
        self._schedule = protocol.schedule
        # First what every technique may have: what others change is then a share of its own rate.
        self._changes_of_rate = sorted(
            (of for of in regularizers if of.does("change_rate")), key=lambda of: not of.nuisance
        )
        self._factor = math.prod(
            of.factor_of_rate() for of in regularizers if of.does("factor_of_rate")
        )
        self._steps_an_epoch = math.ceil(rows / protocol.batch_size)
        self._phase_of_epoch: list[int] = []
        for phase in self.phases:
            wrong = self._schedule.problem(Horizon(phase.epochs, self._steps_an_epoch))
            if wrong:
                of = f" (phase {phase.name})" if phase.name else ""
                raise StudyError(f"parameters_protocol.yml: protocol.schedule: {wrong}{of}")
        self._begin_phase(0)

    def next_number(self) -> int:
        """Return the number of the next epoch."""
        return self._after + len(self.epochs) + 1

    def learning_rates(self) -> np.ndarray:
        """Return the rate of every optimizer step of the next epoch."""
        phase = self.phases[self._phase]
        first = self._epochs_in_phase() * self._steps_an_epoch
        steps = range(first, first + self._steps_an_epoch)
        lowered = self._stall.share if self._stall else 1.0
        return np.asarray(
            [phase.learning_rate * self._share(step, phase.epochs) * lowered for step in steps]
        )

    def _share(self, step: int, epochs: int) -> float:
        """Return the share of the learning rate for a step, as regularizers change it."""

        def scheduled(step: int, epochs: int) -> float:
            return self._schedule.share(step, Horizon(epochs, self._steps_an_epoch))

        changed = scheduled
        for regularizer in self._changes_of_rate:
            changed = partial(_changed_share, regularizer, changed, self._steps_an_epoch)
        return self._factor * changed(step, epochs)

    def add(self, epoch: Epoch) -> None:
        """Note an epoch's figures; end the phase or the training if it is time."""
        self.epochs.append(epoch)
        self._phase_of_epoch.append(self._phase)
        if not epoch.finite:
            self.over = True
            return
        if epoch.validation["accuracy"] > self._best_accuracy:
            self._best_accuracy, self.best_weights = epoch.validation["accuracy"], self._weights()
        in_phase = self._epochs_in_phase()
        is_last = self._phase == len(self.phases) - 1
        # All are asked: each keeps the weights that it may restore.
        votes = [
            stop.should_stop(epoch.epoch, epoch.as_row(), self._weights)
            for stop in (self._stops if is_last else ())
        ]
        stalled = self._stall is not None and self._stall.should_stop(in_phase, epoch.as_row())
        if not (any(votes) or stalled or in_phase == self.phases[self._phase].epochs):
            return
        if is_last:
            self.over = True
        else:
            self._begin_phase(self._phase + 1)

    def kept(self) -> tuple[int, Arrays | None]:
        """Return the number of the epoch to keep, and its weights; None for the last weights.

        Raises:
            ValueError: A stop names an epoch that was not trained.
        """
        last = self.epochs[-1]
        if last.finite:
            for stop in self._stops:
                if (kept := stop.kept()) is None:
                    continue
                number, weights = kept
                if number not in {epoch.epoch for epoch in self.epochs}:
                    raise ValueError(
                        f"{type(stop).__module__} keeps epoch {number} of {last.epoch}: there is "
                        "no such epoch"
                    )
                return number, weights
        return last.epoch, None

    def phase_names(self) -> list[str]:
        """Return the name of each epoch's phase."""
        return [self.phases[index].name for index in self._phase_of_epoch]

    def state(self) -> Arrays | None:
        """Return all that ``restore`` needs, as arrays; None if a stop cannot be restored."""
        if any(type(stop).state is Stop.state for stop in self._stops):
            return None
        state = {
            "over": np.asarray(self.over),
            "best_accuracy": np.asarray(self._best_accuracy),
            "phase": np.asarray(self._phase),
            "phase_of_epoch": np.asarray(self._phase_of_epoch, dtype=int),
        }
        rows = [epoch.as_row() for epoch in self.epochs]
        columns = list(rows[0]) if rows else Epoch.columns()
        groups: dict[str, Mapping[str, Any]] = {
            "epochs": {name: [row[name] for row in rows] for name in columns},
            "best_weights": self.best_weights,
            "stall": self._stall.state() if self._stall else {},
            "step": self._step.state(),
            **{f"stop_{number}": stop.state() for number, stop in enumerate(self._stops)},
        }
        for group, values in groups.items():
            state |= {f"{group}:{name}": np.asarray(value) for name, value in values.items()}
        return state

    def restore(self, state: Arrays) -> None:
        """Go on from a state as if there had been no interruption.

        Raises:
            KeyError: The state lacks something.
            ValueError: An array has another shape.
        """
        columns = _group(state, "epochs")
        numbers = range(len(columns["epoch"]))
        self.epochs = [
            Epoch.from_row({name: column[number].item() for name, column in columns.items()})
            for number in numbers
        ]
        self.over = bool(state["over"])
        self._best_accuracy = float(state["best_accuracy"])
        self.best_weights = _group(state, "best_weights")
        self._phase_of_epoch = state["phase_of_epoch"].tolist()
        self._begin_phase(int(state["phase"]))
        self._step.restore(_group(state, "step"))
        if self._stall:
            self._stall.restore({k: v.item() for k, v in _group(state, "stall").items()})
        for number, stop in enumerate(self._stops):
            stop.restore(_group(state, f"stop_{number}"))

    def _begin_phase(self, index: int) -> None:
        self._phase = index
        phase = self.phases[index]
        self._step.begin_phase(phase.frozen, Horizon(phase.epochs, self._steps_an_epoch))
        self._stall = self._schedule.stall()

    def _epochs_in_phase(self) -> int:
        return self._phase_of_epoch.count(self._phase)


def _changed_share(
    regularizer: Regularizer,
    schedule: Callable[[int, int], float],
    steps_an_epoch: int,
    step: int,
    epochs: int,
) -> float:
    return regularizer.change_rate(schedule, step, epochs, steps_an_epoch)


def _group(state: Arrays, group: str) -> Arrays:
    """Return the arrays of a group by their names in it."""
    prefix = f"{group}:"
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
