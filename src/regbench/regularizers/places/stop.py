"""The place ``stop``: a rule that ends a training, and may restore an earlier epoch's weights."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Stop(ABC):
    """A stopping rule that may restore an earlier epoch's weights; a new one per training."""

    @abstractmethod
    def should_stop(
        self,
        epoch: int,
        figures: Mapping[str, float],
        weights: "Callable[[], dict[str, np.ndarray]]",
    ) -> bool:
        """Return whether to stop after this epoch.

        Args:
            epoch: Its number, from 1.
            figures: Its row of the history, by column.
            weights: Returns a copy of the network's weights by name.
        """

    def kept(self) -> "tuple[int, dict[str, np.ndarray]] | None":
        """Return the number and weights of the epoch to restore; None to keep the last one."""
        return None

    def state(self) -> "Mapping[str, np.ndarray | float]":
        """Return all that ``restore`` needs, by name; a checkpoint holds it.

        A training with a stop that does not override it makes no checkpoints.
        """
        raise NotImplementedError

    def restore(self, state: "Mapping[str, np.ndarray]") -> None:
        """Go on from a state."""
        raise NotImplementedError
