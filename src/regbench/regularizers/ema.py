"""Exponential moving average of the weights, which is evaluated and kept."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Choice, Regularizer
from regbench.regularizers.places.update import TrainedVariables, Update, assign_all, copies

if TYPE_CHECKING:
    import tensorflow as tf


class Ema(Regularizer):
    """Evaluate and keep an average of the weights after all steps; a step multiplies it by decay.

    A step keeps the share ``decay`` of the average, and less at first: in step t at most 1 - 1/t,
    so that it is the plain mean of the first 1 / (1 - ``decay``) steps' weights, and owes nothing
    to the initial ones. 0.99 is the paper's decay while weights move fast; 0.999 follows it there.

    What is trained does not change. Validation figures are those of the average, by which early
    stopping chooses, too; batch normalization's statistics are computed anew for it.
    """

    title = "exponential moving average of weights"
    effect = "averages the noise of the last steps away"
    source = (
        "Tarvainen and Valpola, Mean Teachers Are Better Role Models, 2017; Polyak and Juditsky, "
        "Acceleration of Stochastic Approximation by Averaging, 1992"
    )
    helps = (
        "At a constant or slowly falling learning rate, where the last steps still jump to and fro "
        "(Polyak and Juditsky, 1992)."
    )
    not_when = (
        "Under a rate that falls to 0: averaging takes the place of much of that fall, and little "
        "is left to average (Morales-Brotons et al., Exponential Moving Average of Weights in "
        "Deep Learning: Dynamics and Benefits, 2024)."
    )
    cost = (
        "one pass over the weights in a step, and with batch normalization its statistics after "
        "every epoch; nothing once trained"
    )
    aliases = (
        "use_ema",
        "ema_momentum",
        "ExponentialMovingAverage",
        "moving_average",
        "weight_averaging",
        "AveragedModel",
        "SwapEMAWeights",
        "polyak",
    )
    shorthand = "decay"
    averages_weights = True
    search = {"decay": Choice((0.9, 0.95, 0.98, 0.99, 0.995, 0.999))}

    decay: Annotated[Float, Field(gt=0, lt=1)] = 0.99

    def update(self, variables: TrainedVariables) -> Update:
        """Return the average of these variables."""
        return _MovingAverage(variables, self.decay)


class _MovingAverage(Update):
    """The average; its state is the average and the number of steps."""

    def __init__(self, variables: TrainedVariables, decay: float) -> None:
        import tensorflow as tf

        self._variables, self._decay = variables, decay
        self._averages = copies(variables)
        self._steps = tf.Variable(0.0)

    def restart(self) -> None:
        """Begin at the weights as they are."""
        self._steps.assign(0.0)
        assign_all(self._averages, self._variables)

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """Move the average towards the weights."""
        import tensorflow as tf

        self._steps.assign_add(1.0)
        share = tf.maximum(1.0 - self._decay, 1.0 / self._steps)
        for average, variable in zip(self._averages, self._variables, strict=True):
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.handle, alpha=share, delta=average - variable
            )

    def averages(self) -> "list[tf.Variable]":
        """Return the average."""
        return self._averages
