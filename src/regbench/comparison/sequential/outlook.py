"""What is to be expected of an undecided technique: a verdict at the last look, or how many seeds.

Neither touches the errors: a technique that stops without prospect has no verdict, and may train on
all the same (non-binding futility).
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.interval import NOTHING, Critical, critical, read

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
    at = _at_last_look(design)
    se = design.standard_error(1, final) * spread
    change = np.maximum(spread * math.sqrt(1 / pairs - 1 / final), np.finfo(float).tiny)

    def inside(limit: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return the probability of a mean between -limit and limit."""
        up, down = ((side * limit - present) / change for side in (1, -1))
        return np.asarray(stdtr(pairs - 1, up) - stdtr(pairs - 1, down))

    # Undecided are means too near to 0 to differ and too far from it to be equivalent.
    outer = at.difference * se
    inner = np.clip(design.band - at.equivalence * se, 0, outer)
    return np.asarray(1 - inside(outer) + inside(inner))


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
    for number, later in enumerate(design.looks, start=1):
        if later > look:
            at = critical(design.looks[:number], design.shares[:number], design)
            if _decides(mean, sd, pairs + later - look, at, design):
                return later - look
    low, high = max(look, design.looks[-1]), MOST_SEEDS

    def enough(seeds: int) -> bool:
        there = pairs + seeds - look
        return _decides(mean, sd, there, _at_more_seeds(there, design), design)

    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high - look


def _decides(mean: float, sd: float, pairs: int, at: Critical, design: Design) -> bool:
    return int(read(mean, design.standard_error(sd, pairs), at, design.band)) != NOTHING


def _at_last_look(design: Design) -> Critical:
    return critical(design.looks, design.shares, design)


def _at_more_seeds(pairs: int, design: Design) -> Critical:
    """Return the values of t that have the tail probabilities of the last look's boundaries."""
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - slow to import

    last = _at_last_look(design)
    freedom = design.looks[-1] - 1
    return Critical(
        *(
            float(-stdtrit(pairs - 1, stdtr(freedom, -boundary)))
            for boundary in (last.difference, last.equivalence, last.beyond)
        )
    )
