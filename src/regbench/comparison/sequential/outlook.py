"""What is to be expected of an undecided technique: a verdict at the last look, or how many seeds.

Neither touches the errors: a technique that stops without prospect has no verdict, and may train on
all the same (non-binding futility).
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from regbench.comparison.sequential.boundaries import boundaries
from regbench.comparison.sequential.design import Design

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_SEEDS = 100_000  # more are no advice


def chance_of_verdict(
    mean: "ArrayLike", sd: "ArrayLike", pairs: int, look: int, design: Design
) -> "NDArray[np.float64]":
    """Return the probability of a verdict at the last look.

    Predictive, with a flat prior (Spiegelhalter, Freedman and Blackburn 1986): the mean at the end
    differs from the present one by t with ``pairs - 1`` degrees of freedom times
    ``sd * sqrt(1 / pairs - 1 / final)``; the standard deviation is taken to stay.

    Args:
        mean: Mean differences, any shape.
        sd: Their standard deviations over pairs, the same shape.
        pairs: The number of pairs that they are of.
        look: The present look, in seeds.
        design: The looks and the errors.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import

    present, spread = np.abs(np.asarray(mean, float)), np.asarray(sd, float)
    final = pairs + design.looks[-1] - look  # if no further training fails
    half_width = _last_boundary(design) * design.standard_error(1, final) * spread
    change = np.maximum(spread * math.sqrt(1 / pairs - 1 / final), np.finfo(float).tiny)

    def below(limit: "NDArray[np.float64]") -> "NDArray[np.float64]":
        return np.asarray(stdtr(pairs - 1, (limit - present) / change))

    outside = 1 - below(half_width) + below(-half_width)
    room = design.band - half_width  # where the interval's centre may lie if it is in the band
    within = np.where(room > 0, below(room) - below(-room), 0.0)
    # Both at once where the interval is shorter than half the band.
    overlap = np.where(room > half_width, 2, 0)
    both = np.where(
        overlap > 0,
        below(room) - below(half_width) + below(-half_width) - below(-room),
        0.0,
    )
    return np.asarray(outside + within - both)


def further_seeds(mean: float, sd: float, pairs: int, look: int, design: Design) -> int | None:
    """Return how many more seeds would bring a verdict, if mean and spread stayed as they are.

    Up to the last look these are the seeds up to a look; beyond it, those at which the interval
    with the last look's tail probability would leave out 0 or lie within the band.

    Args:
        mean: Mean difference.
        sd: Standard deviation over pairs.
        pairs: The number of pairs.
        look: The present look, in seeds.
        design: The looks and the errors.

    Returns:
        At least 1; None if more than ``MOST_SEEDS`` would be needed, or no number is enough.
    """
    by_look = zip(design.looks, boundaries(design.looks, design.spent), strict=True)
    for later, critical in by_look:
        if later > look and _decides(mean, sd, pairs + later - look, critical, design):
            return later - look
    low, high = max(look, design.looks[-1]), MOST_SEEDS
    tail = _last_tail(design)

    def enough(seeds: int) -> bool:
        there = pairs + seeds - look
        return _decides(mean, sd, there, _critical(there, tail), design)

    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high - look


def _decides(mean: float, sd: float, pairs: int, critical: float, design: Design) -> bool:
    half_width = critical * design.standard_error(sd, pairs)
    return abs(mean) > half_width or abs(mean) + half_width < design.band


def _last_boundary(design: Design) -> float:
    return boundaries(design.looks, design.spent)[-1]


def _critical(pairs: int, tail: float) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    return float(-stdtrit(pairs - 1, tail))


@lru_cache(maxsize=64)
def _last_tail(design: Design) -> float:
    """Return the probability of t beyond the last boundary, by itself."""
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import

    return float(stdtr(design.looks[-1] - 1, -_last_boundary(design)))
