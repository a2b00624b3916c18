"""How the training of a refit differs from the study's: its images, and its length."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.stop import Stop

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def as_refit_split(split_index: "pd.DataFrame", parts: Sequence[str]) -> "pd.DataFrame":
    """Return the split index of a seed with all images of some parts as train images.

    Args:
        split_index: A row per image: split. Not of several seeds.
        parts: What a refit is trained on.
    """
    split = split_index["split"].astype("str")
    merged = split.mask(split.isin(list(parts)), "train").astype(split_index["split"].dtype)
    return split_index.assign(split=merged)


class FixedLength(Regularizer):
    """Ends a training after ``epochs`` known beforehand, in place of early stopping.

    The learning rate goes as in a training of full length.
    """

    epochs: int

    def stop(self) -> Stop:
        """Return the stopping rule."""
        return _After(self.epochs)


class _After(Stop):
    """Stops after an epoch, and keeps its weights."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def should_stop(
        self,
        epoch: int,
        figures: Mapping[str, float],
        weights: "Callable[[], dict[str, np.ndarray]]",
    ) -> bool:
        """Return whether so many epochs are over."""
        return epoch >= self._epochs

    def state(self) -> "Mapping[str, np.ndarray | float]":
        """Return nothing: it follows from the number of the epoch."""
        return {}

    def restore(self, state: "Mapping[str, np.ndarray]") -> None:
        """Go on: there is nothing to restore."""
