"""The best epoch of a training's history, and whether the training diverged."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def best_epoch(history: "pd.DataFrame") -> int:
    """Return the number of the epoch with the best validation accuracy, the first of equals.

    Args:
        history: From ``train``.
    """
    return int(history["epoch"].iloc[history["validation_accuracy"].argmax()])


def diverged(history: "pd.DataFrame") -> str | None:
    """Return why a training diverged; None if its loss stayed finite.

    Args:
        history: From ``train``.
    """
    last = history.iloc[-1]
    losses = last[["train_cross_entropy", "penalty", "validation_cross_entropy"]]
    if np.isfinite(losses.to_numpy(dtype=float)).all():
        return None
    return f"the loss stopped being finite in epoch {int(last['epoch'])}"
