"""Lookahead: k steps forward, one step back."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Count, Float
from regbench.regularizers.base import Choice, Range, Regularizer
from regbench.regularizers.places.update import TrainedVariables, Update, assign_all, copies

if TYPE_CHECKING:
    import tensorflow as tf


class Lookahead(Regularizer):
    """After every ``steps`` steps, set the weights back to the share ``share`` of their way.

    So does the last step of the training, or of a network's phase: no step is lost, and a training
    that is shorter than ``steps`` keeps that share of its way, and not its initial weights.

    The slow weights go that share towards the fast ones, which the optimizer moves, and these begin
    there again; the optimizer's own averages go on. The slow weights are evaluated and kept, and by
    them early stopping chooses. 5 and 0.5 are usual; the authors' code has 5 and 0.8.
    """

    title = "Lookahead"
    effect = "damps the optimizer's swings"
    source = "Zhang et al., Lookahead Optimizer: k Steps Forward, 1 Step Back, 2019"
    helps = (
        "At high learning rates, where it lowers the variance of the optimizer inside of it "
        "(Zhang et al., 2019, proposition 2)."
    )
    not_when = (
        "In few steps or at low rates, where going back half of the way only slows down: it "
        "takes a higher rate than the optimizer alone (Zhang et al., 2019)."
    )
    cost = (
        "one pass over the weights in every few steps, and with batch normalization its "
        "statistics after every epoch; nothing once trained"
    )
    aliases = ("Ranger", "slow_weights", "sync_period", "slow_step_size", "la_alpha")
    averages_weights = True
    search = {"steps": Choice((5, 10, 20)), "share": Range(0.2, 0.8)}

    steps: Count = 5
    share: Annotated[Float, Field(gt=0, lt=1)] = 0.5

    def update(self, variables: TrainedVariables) -> Update:
        """Return the slow weights of these variables."""
        return _Slow(self, variables)


class _Slow(Update):
    """The slow weights; its state is these and the number of steps."""

    def __init__(self, settings: Lookahead, variables: TrainedVariables) -> None:
        import tensorflow as tf

        self._settings, self._variables = settings, variables
        self._slow = copies(variables)
        self._steps = tf.Variable(0)

    def restart(self) -> None:
        """Begin at the weights as they are."""
        self._steps.assign(0)
        assign_all(self._slow, self._variables)

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """Every ``steps`` steps, and at last, move the slow weights, and set the fast ones so."""
        import tensorflow as tf

        self._steps.assign_add(1)

        def back() -> "tf.Tensor":
            for slow, variable in zip(self._slow, self._variables, strict=True):
                slow.assign_add(self._settings.share * (variable - slow))
                variable.assign(slow)
            return tf.constant(0)

        clock = self._variables.clock
        last = clock.epochs * clock.steps_an_epoch
        due = tf.equal(self._steps % self._settings.steps, 0) | tf.equal(self._steps, last)
        tf.cond(due, back, lambda: tf.constant(0))

    def averages(self) -> "list[tf.Variable]":
        """Return the slow weights."""
        return self._slow
