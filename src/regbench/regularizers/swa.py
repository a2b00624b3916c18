"""Stochastic weight averaging: the mean of the weights after each of the last epochs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.update import TrainedVariables, Update, assign_all, copies

if TYPE_CHECKING:
    import tensorflow as tf

Inner = Annotated[Float, Field(gt=0, lt=1)]


class Swa(Regularizer):
    """Evaluate and keep the mean of the weights after each epoch that follows ``start``.

    ``start`` is a share of the epochs, rounded down: 0.75 as in the paper, so that of 15 epochs
    the last four count; one at least. Until then, the weights after the epoch are evaluated.

    The learning rate goes to the share ``rate`` of the protocol's, and stays there: until ``start``
    it follows the protocol's schedule as if the training ended there, but does not fall below
    ``rate``. 0.2 is that of the paper's VGG-16 (0.01 after 0.05). Without it a rate that falls to 0
    would leave nothing to average. A network's phases are averaged each for itself.
    """

    title = "stochastic weight averaging"
    effect = "finds the middle of a wide minimum instead of its edge"
    source = (
        "Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018"
    )
    helps = (
        "In long trainings by stochastic gradient descent with momentum: up to two points on "
        "CIFAR-100 in as many epochs (Izmailov et al., 2018)."
    )
    not_when = (
        "In few epochs: those that it averages at a high rate are missing for the fall of the rate "
        "(Izmailov et al., 2018, add a quarter to half of the epochs)."
    )
    cost = (
        "one pass over the weights in an epoch, and with batch normalization its statistics; "
        "nothing once trained"
    )
    aliases = ("SWALR", "StochasticWeightAveraging", "AveragedModel", "swa_start", "swa_lr")
    averages_weights = True
    search = {"start": Range(0.5, 0.9), "rate": Range(0.02, 0.5, log=True)}

    start: Inner = 0.75
    rate: Annotated[Float, Field(gt=0, le=1)] = 0.2

    def clash(self, beside: Beside) -> str | None:
        """Return that a training may end before its start, or that it undoes cycles."""
        if beside.schedule == "plateau":
            return (
                "averages the last epochs, and under protocol.schedule plateau nobody knows which "
                "those are: take another schedule"
            )
        if "snapshot_ensemble" in beside.others:
            return "leaves snapshot_ensemble without its cycles: leave out one of them"
        if "early_stopping" in beside.others:
            return "averages the last epochs, which early_stopping cuts off: leave out one of them"
        return None

    def change_rate(
        self, schedule: Callable[[int, int], float], step: int, epochs: int, steps_an_epoch: int
    ) -> float:
        """Return the share: the schedule's, shortened and bounded; from the start on ``rate``."""
        first = self.epochs_before(epochs)
        if step >= first * steps_an_epoch:
            return self.rate
        share = schedule(step, first)
        rises = step + 1 < first * steps_an_epoch and schedule(step + 1, first) > share
        return share if rises else max(share, self.rate)

    def epochs_before(self, epochs: int) -> int:
        """Return how many epochs come before those that are averaged."""
        return min(int(self.start * epochs), epochs - 1)

    def update(self, variables: TrainedVariables) -> Update:
        """Return the mean of these variables."""
        return _Mean(variables, self.start)


class _Mean(Update):
    """The mean over epochs; its state is the mean and the number of steps."""

    def __init__(self, variables: TrainedVariables, start: float) -> None:
        import tensorflow as tf

        self._variables, self._start = variables, start
        self._averages = copies(variables)
        self._steps = tf.Variable(0)

    def restart(self) -> None:
        """Begin at the weights as they are."""
        self._steps.assign(0)
        assign_all(self._averages, self._variables)

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """At the end of an epoch, take its weights into the mean; before the start, for it."""
        import tensorflow as tf

        clock = self._variables.clock
        self._steps.assign_add(1)
        epoch = self._steps // clock.steps_an_epoch
        planned = tf.cast(clock.epochs, tf.float64)
        before = tf.minimum(tf.cast(self._start * planned, tf.int32), clock.epochs - 1)
        counted = tf.maximum(epoch - before, 1)

        def add() -> "tf.Tensor":
            for average, variable in zip(self._averages, self._variables, strict=True):
                average.assign_add((variable - average) / tf.cast(counted, tf.float32))
            return tf.constant(0)

        ends = tf.equal(self._steps % clock.steps_an_epoch, 0)
        tf.cond(ends, add, lambda: tf.constant(0))

    def averages(self) -> "list[tf.Variable]":
        """Return the mean."""
        return self._averages
