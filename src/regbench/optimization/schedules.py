"""The schedules that ``protocol.schedule`` may name: the learning rate, step by step.

A schedule returns the share of the optimizer's ``learning_rate`` that a step is made with. It is
a pure function of the step's number; only ``plateau`` also looks at the validation figures, after
every epoch, and ends the training.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from regbench.fields import MAX_COUNT, Count, Float, Settings, Share
from regbench.metrics.registry import METRICS

if TYPE_CHECKING:
    Monitor = str
else:
    Monitor = Literal[("metric", *(f"validation_{name}" for name in METRICS))]

Length = Annotated[Float, Field(ge=0, le=MAX_COUNT)]  # epochs or steps
Positive = Annotated[Float, Field(gt=0, le=MAX_COUNT)]
Inner = Annotated[Float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Horizon:
    """How long a training, or a phase of one, lasts if nothing ends it earlier.

    Attributes:
        epochs: Their number.
        steps_an_epoch: Optimizer steps in each of them.
    """

    epochs: int
    steps_an_epoch: int

    @property
    def steps(self) -> int:
        """Return the number of optimizer steps of all epochs."""
        return self.epochs * self.steps_an_epoch


class Stall(ABC):
    """Lowers the rate when a validation figure stalls; a new one per training or phase.

    Attributes:
        share: Of the learning rate, for the next epoch's steps.
    """

    share = 1.0

    @abstractmethod
    def should_stop(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Look at an epoch's figures; return whether to end the training.

        Args:
            epoch: Its number, from 1.
            figures: Its row of the history, by column.
        """

    @abstractmethod
    def state(self) -> dict[str, float]:
        """Return what ``restore`` needs to go on from here."""

    @abstractmethod
    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a state."""


class _Schedule(Settings):
    """How the learning rate changes in the course of a training."""

    title: ClassVar[str]
    source: ClassVar[str]  # the paper
    falls_to_the_end: ClassVar[bool] = False  # over the planned epochs: an earlier end misses it

    @abstractmethod
    def share(self, step: int, horizon: Horizon) -> float:
        """Return the share of the learning rate for an optimizer step.

        Args:
            step: Its number, from 0.
            horizon: Of the training.
        """

    def stall(self) -> Stall | None:
        """Return what lowers the rate by validation figures; None if nothing does."""
        return None

    def problem(self, horizon: Horizon) -> str | None:
        """Return why it does not suit a training, or a phase, of this length; None if it does."""
        return None

    def following(self, metric: str) -> Self:
        """Return a copy that follows the metric that decides the study, where settings leave it.

        Args:
            metric: Its name, such as ``accuracy``.
        """
        return self


class _WithWarmup(_Schedule):
    """A schedule whose rate first rises, linearly, over ``warmup``."""

    warmup: Annotated[Length, Field(description="in unit")] = 0.0
    unit: Literal["epochs", "steps"] = "epochs"

    def share(self, step: int, horizon: Horizon) -> float:
        """Return the share: (s + 1) / (w + 1) in step s of w steps of warm-up."""
        warmup = self._steps(self.warmup, horizon)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return self._after_warmup(step, warmup, horizon)

    def problem(self, horizon: Horizon) -> str | None:
        """Return that a warm-up in steps does not end before the training does."""
        if self.unit == "epochs" or self.warmup < horizon.steps:
            return None  # epochs are checked with the settings
        return f"warmup must be less than the {horizon.steps} steps, not {self.warmup:g}"

    @abstractmethod
    def _after_warmup(self, step: int, warmup: int, horizon: Horizon) -> float:
        """Return the share of the learning rate in a step after ``warmup`` steps."""

    def _steps(self, length: float, horizon: Horizon) -> int:
        return round(length * (horizon.steps_an_epoch if self.unit == "epochs" else 1))


class Constant(_WithWarmup):
    """The same rate for all steps."""

    title = "constant rate"
    source = "Robbins and Monro, A Stochastic Approximation Method, 1951"

    name: Literal["constant"]

    def _after_warmup(self, step: int, warmup: int, horizon: Horizon) -> float:
        return 1.0


class Cosine(_WithWarmup):
    """Half a cosine from the whole rate to the share ``final``."""

    title = "cosine decay"
    source = "Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017"
    falls_to_the_end = True

    name: Literal["cosine"]
    final: Share = 0.0

    def _after_warmup(self, step: int, warmup: int, horizon: Horizon) -> float:
        done = min((step - warmup) / max(horizon.steps - warmup, 1), 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


class Step(_WithWarmup):
    """The rate is multiplied by ``factor`` after every so many epochs or steps.

    They are counted from the first step, warm-up included. Without ``every`` it is a third of the
    training.
    """

    title = "step decay"
    source = "He et al., Deep Residual Learning for Image Recognition, 2016"
    falls_to_the_end = True

    name: Literal["step"]
    every: Positive | None = None
    factor: Inner = 0.1

    def _after_warmup(self, step: int, warmup: int, horizon: Horizon) -> float:
        every = horizon.steps / 3 if self.every is None else self._steps(self.every, horizon)
        return self.factor ** math.floor(step / max(every, 1))


class OneCycle(_Schedule):
    """The rate rises from the share ``start`` to the whole, then falls to the share ``final``.

    Both ways it is half a cosine; the whole rate is reached at the share ``peak`` of the steps.
    The momentum stays as it is.
    """

    title = "one cycle"
    source = "Smith and Topin, Super-Convergence, 2018"
    falls_to_the_end = True

    name: Literal["one_cycle"]
    peak: Inner = 0.3
    start: Share = 0.04
    final: Share = 4e-6

    def share(self, step: int, horizon: Horizon) -> float:
        """Return the share, as PyTorch's ``OneCycleLR``."""
        last = horizon.steps - 1
        top = max(self.peak * horizon.steps - 1, 0.0)
        if step < top:
            return self._between(self.start, 1.0, step / top)
        return self._between(1.0, self.final, min((step - top) / max(last - top, 1.0), 1.0))

    @staticmethod
    def _between(start: float, end: float, done: float) -> float:
        return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


class Plateau(_WithWarmup):
    """The rate falls when validation stalls; when it stalls at the lowest rate, training ends.

    After ``patience`` epochs without a better figure the rate is multiplied by ``factor``; if that
    is below the share ``minimum``, the training ends instead. The epochs of the protocol are then
    the most that a training may take. Epochs of warm-up do not count. ``metric`` monitors the
    metric that decides the study, on the validation images.
    """

    title = "decay on a plateau"
    source = "as ReduceLROnPlateau of Keras and PyTorch, with an end"

    name: Literal["plateau"]
    monitor: Monitor = "metric"
    patience: Count = 2
    factor: Inner = 0.2
    minimum: Annotated[Float, Field(gt=0, le=1)] = 0.01

    def _after_warmup(self, step: int, warmup: int, horizon: Horizon) -> float:
        return 1.0

    def following(self, metric: str) -> Self:
        """Return a copy that monitors the study's metric, if it names no other figure."""
        own = self.monitor != "metric"
        return self if own else self.model_copy(update={"monitor": f"validation_{metric}"})

    def stall(self) -> Stall:
        """Return the rule that lowers the rate and ends the training.

        Raises:
            ValueError: ``following`` named no metric.
        """
        if self.monitor == "metric":
            raise ValueError("the schedule plateau needs the name of the metric")
        return _Patience(self)


class _Patience(Stall):
    """Counts the epochs since the last better one."""

    def __init__(self, settings: Plateau) -> None:
        self._settings = settings
        metric = METRICS[settings.monitor.removeprefix("validation_")]
        self._sign = -1 if metric.higher_is_better else 1
        self._best = math.inf
        self._waited = 0
        self.share = 1.0

    def should_stop(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Return whether the figure has stalled at the lowest rate."""
        settings = self._settings
        if settings.unit == "epochs" and epoch <= settings.warmup:
            return False
        figure = self._sign * figures[settings.monitor]
        if figure < self._best:
            self._best, self._waited = figure, 0
            return False
        self._waited += 1
        if self._waited < settings.patience:
            return False
        # Products of factors are rounded: 0.1 * 0.1 is to count as 0.01.
        if self.share * settings.factor < settings.minimum * (1 - 1e-9):
            return True
        self.share *= settings.factor
        self._waited = 0
        return False

    def state(self) -> dict[str, float]:
        """Return the best figure, the epochs waited, and the share."""
        return {"best": self._best, "waited": self._waited, "share": self.share}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a state."""
        self._best, self._waited = float(state["best"]), int(state["waited"])
        self.share = float(state["share"])


SCHEDULES: dict[str, type[_Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "step": Step,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
Schedule = Annotated[Constant | Cosine | Step | OneCycle | Plateau, Field(discriminator="name")]
