"""Early stopping: end the training when a validation figure no longer improves."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from regbench.fields import Float, Int
from regbench.metrics.registry import METRICS
from regbench.regularizers.base import Choice, Regularizer
from regbench.regularizers.places.stop import Stop

if TYPE_CHECKING:
    import numpy as np

    Monitor = str
else:
    Monitor = Literal[("metric", *(f"validation_{name}" for name in METRICS))]


class EarlyStopping(Regularizer):
    """Stop when the monitored figure has not improved for ``patience`` epochs, at least one.

    It has improved if it is better than the best one by more than ``minimum_improvement``, in the
    unit of `history.csv`: a share of 1 (0.001 is 0.1 points), or nats; that epoch is then the best.
    ``metric`` monitors the metric that decides the study, on the validation images.
    """

    title = "early stopping"
    effect = "ends before the network learns the train images by heart"
    source = "Prechelt, Early Stopping - But When?, 1998"
    helps = (
        "At a constant learning rate, where the validation error rises while the train error "
        "still falls (Prechelt, 1998); it saves the epochs after that."
    )
    not_when = (
        "Under a learning rate that falls to 0 over the planned epochs, which it cuts off; and in "
        "large networks whose error falls a second time (Nakkiran et al., Deep Double Descent, "
        "2020)."
    )
    cost = "fewer epochs; takes validation images, on which it chooses"
    aliases = ("EarlyStopping", "early_stop", "patience", "restore_best_weights", "min_delta")
    search = {
        "patience": Choice((1, 2, 3, 5, 10)),
        "minimum_improvement": Choice((0, 0.001, 0.005)),
    }

    monitor: Monitor = "metric"
    patience: Annotated[Int, Field(ge=0, le=1_000_000)] = 2
    restore_best: bool = True
    minimum_improvement: Annotated[Float, Field(ge=0, le=1000)] = 0.0

    def following(self, metric: str) -> Self:
        """Return a copy that monitors the study's metric, if it names no other figure."""
        own = self.monitor != "metric"
        return self if own else self.model_copy(update={"monitor": f"validation_{metric}"})

    def stop(self) -> Stop:
        """Return the stopping rule.

        Raises:
            ValueError: ``following`` named no metric.
        """
        if self.monitor == "metric":
            raise ValueError("early stopping needs the name of the metric")
        return _Patience(self)


class _Patience(Stop):
    """Counts epochs since the best one; keeps that one's weights if they are to be restored."""

    def __init__(self, settings: EarlyStopping) -> None:
        self._settings = settings
        metric = METRICS[settings.monitor.removeprefix("validation_")]
        self._sign = -1 if metric.higher_is_better else 1
        self._best = float("inf")
        self._best_epoch = 0
        self._weights: dict[str, np.ndarray] = {}

    def should_stop(
        self,
        epoch: int,
        figures: Mapping[str, float],
        weights: "Callable[[], dict[str, np.ndarray]]",
    ) -> bool:
        """Return whether the figure has not improved for ``patience`` epochs."""
        figure = self._sign * figures[self._settings.monitor]
        if figure + self._settings.minimum_improvement < self._best:
            self._best, self._best_epoch = figure, epoch
            if self._settings.restore_best:
                self._weights = weights()
        return epoch - self._best_epoch >= max(self._settings.patience, 1)

    def kept(self) -> "tuple[int, dict[str, np.ndarray]] | None":
        """Return the number and weights of the best epoch, if they are to be restored."""
        return (self._best_epoch, self._weights) if self._weights else None

    def state(self) -> "Mapping[str, np.ndarray | float]":
        """Return the best figure, its epoch and its weights."""
        weights = {f"weights/{name}": values for name, values in self._weights.items()}
        return {"best": self._best, "best_epoch": self._best_epoch, **weights}

    def restore(self, state: "Mapping[str, np.ndarray]") -> None:
        """Go on from a state."""
        self._best, self._best_epoch = float(state["best"]), int(state["best_epoch"])
        self._weights = {
            name.removeprefix("weights/"): values
            for name, values in state.items()
            if name.startswith("weights/")
        }
