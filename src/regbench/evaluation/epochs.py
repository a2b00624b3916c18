"""What a training's history of epochs tells: its best epoch, and whether it diverged."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def best_epoch(history: "pd.DataFrame") -> int:
    """The number of the epoch with the best validation accuracy, the first of equals."""
    return int(history["epoch"].iloc[history["validation_accuracy"].argmax()])


def diverged(history: "pd.DataFrame") -> str | None:
    """Say why a training failed, or None if it did not.

    Args:
        history: From ``train``.
    """
    last = history.iloc[-1]
    losses = last[["train_cross_entropy", "penalty", "validation_cross_entropy"]]
    if np.isfinite(losses.to_numpy(dtype=float)).all():
        return None
    return f"the loss stopped being finite in epoch {int(last['epoch'])}"
