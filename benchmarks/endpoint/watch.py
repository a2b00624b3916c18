"""A regularizer that changes nothing, and sees the weights of a training's last epochs."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.stop import Stop
from regbench.regularizers.places.update import TrainedVariables, Update

_KEPT = 6  # epochs: early stopping restores one that is at most its patience back


class Watch(Regularizer):
    """Averages the weights beside the training, which goes on as without it."""

    title = "watch"
    effect = "none"
    source = "Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992"

    decay: float  # of the average, per optimizer step

    def update(self, variables: TrainedVariables) -> Update:
        """Return the average of these variables."""
        return Average(variables, self.decay)

    def stop(self) -> Stop:
        """Return what keeps the weights of the last epochs."""
        return LastEpochs()


class Average(Update):
    """An exponential moving average of the weights; what is evaluated are the weights."""

    latest: ClassVar["Average"]  # a step is compiled once for all seeds of a technique

    def __init__(self, variables: Sequence[tf.Variable], decay: float) -> None:
        self._variables, self._decay = variables, decay
        self.averaged = [tf.Variable(variable, trainable=False) for variable in variables]
        Average.latest = self

    def restart(self) -> None:
        """Begin at the initial weights."""
        for average, variable in zip(self.averaged, self._variables, strict=True):
            average.assign(variable)

    def after_step(self, learning_rate: tf.Tensor) -> None:
        """Move the average towards the weights."""
        for average, variable in zip(self.averaged, self._variables, strict=True):
            average.assign(self._decay * average + (1 - self._decay) * variable)


class LastEpochs(Stop):
    """Keeps the weights of the last epochs and their averages; never ends a training."""

    latest: ClassVar["LastEpochs"]

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, np.ndarray]] = {}
        self.averaged: dict[int, list[np.ndarray]] = {}
        LastEpochs.latest = self

    def should_stop(
        self,
        epoch: int,
        figures: Mapping[str, float],
        weights: "Callable[[], dict[str, np.ndarray]]",
    ) -> bool:
        """Note the weights."""
        self.weights[epoch] = weights()
        self.averaged[epoch] = [average.numpy() for average in Average.latest.averaged]
        for kept in (self.weights, self.averaged):
            kept.pop(epoch - _KEPT, None)  # type: ignore[attr-defined]
        return False
