"""How many of a network's weights can go, in words."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regbench.report.numbers import percent, signed
from regbench.study.schema import BASELINE

AFFORDABLE_LOSS = 0.005  # accuracy, a share of 1: weights 'can be removed' if pruning costs no more


@dataclass(frozen=True)
class Removable:
    """The weights of a technique's networks that can be set to zero at an affordable loss."""

    share: float  # of all weights, of 1
    change: float  # of accuracy, in points


def removable_weights(curves: pd.DataFrame | None) -> dict[str, Removable]:
    """Return by technique how many weights can go; empty without the baseline's curve.

    Args:
        curves: From ``pruning_curves``.
    """
    if curves is None or BASELINE not in curves.index:
        return {}
    return {str(name): _removable(curve) for name, curve in curves.iterrows()}


def removable_text(name: str, removable: dict[str, Removable]) -> str:
    """Return how many more of a technique's weights can go than of the baseline's, or ''."""
    own, baseline = removable.get(name), removable.get(BASELINE)
    if own is None or baseline is None or own.share <= baseline.share:
        return ""
    return (
        f"{percent(own.share, 0)} of its weights can be pruned at {signed(own.change)} points of "
        f"its accuracy, of the baseline's {percent(baseline.share, 0)}"
    )


def _removable(curve: pd.Series) -> Removable:
    """Return the largest share pruned before the first loss that is more than affordable."""
    shares, accuracies = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    affordable = np.logical_and.accumulate(accuracies >= accuracies[0] - AFFORDABLE_LOSS)
    last = max(int(affordable.sum()) - 1, 0)
    return Removable(float(shares[last]), float(100 * (accuracies[last] - accuracies[0])))
