"""Progress of trainings as log events: each epoch, and the end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from regbench.text.counted import number_of

EVENTS = logging.getLogger("regbench.training.events")


@dataclass(frozen=True)
class EpochDone:
    """An epoch of a training is finished; accuracies are shares of 1."""

    technique: str
    seed: int
    epoch: int
    epochs: int
    train_accuracy: float
    validation_accuracy: float
    member: int = 1  # of the networks that an ensemble trains, at most `members`
    members: int = 1

    def __str__(self) -> str:
        return (
            f"{self.technique} seed {self.seed}{self.which}: epoch {self.epoch} of {self.epochs}, "
            f"accuracy train {self.train_accuracy:.4f}, validation {self.validation_accuracy:.4f}"
        )

    @property
    def which(self) -> str:
        """Which network of an ensemble it is, such as ', network 2 of 5'; empty for one alone."""
        return f", network {self.member} of {self.members}" if self.members > 1 else ""


@dataclass(frozen=True)
class TrainingDone:
    """A training is finished and evaluated, or has failed; accuracies are shares of 1."""

    technique: str
    seed: int
    epochs: int
    seconds: float
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    failure: str | None = None

    def __str__(self) -> str:
        training = f"{self.technique} seed {self.seed}"
        if self.failure:
            return f"{training}: failed: {self.failure}"
        test = "" if self.test_accuracy is None else f", test {self.test_accuracy:.4f}"
        return (
            f"{training}: accuracy validation {self.validation_accuracy:.4f}{test} "
            f"({number_of(self.epochs, 'epoch')}, {self.seconds:.1f} s)"
        )


@dataclass(frozen=True)
class TrainingNotNeeded:
    """A training is not needed, as its technique was stopped by a look at so many seeds."""

    technique: str
    seed: int
    look: int

    def __str__(self) -> str:
        return f"{self.technique} seed {self.seed}: not needed after the look at {self.look} seeds"


Event = EpochDone | TrainingDone | TrainingNotNeeded


_watchers: list[Callable[[Event], None]] = []  # of this process


def report(event: Event) -> None:
    """Log an event, as message and, for progress displays, as attribute ``event``."""
    EVENTS.info("%s", event, extra={"event": event})
    for watcher in _watchers:
        watcher(event)


@contextmanager
def watched_by(watcher: Callable[[Event], None]) -> Iterator[None]:
    """Meanwhile call a function with every event of this process; what it raises ends a training.

    Args:
        watcher: Called after the event is logged.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
