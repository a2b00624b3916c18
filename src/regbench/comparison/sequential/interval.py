"""The interval of a mean difference at a look, and the verdict that is read from it.

With a = error / techniques, the error of one technique, three boundaries of t are in use:

- ``difference``, which spends a / 2 on either side,
- ``equivalence``, which spends 0.95 a: lower, as only one side of the band can be missed,
- ``beyond``, which spends the remaining 0.05 a.

The interval is ``mean +- difference * se`` with two refinements. If ``mean +- equivalence * se``
lies within the band, the technique is equivalent, and the interval is cut off at the band. An end
that lies beyond the band on the way to 0 is ``beyond * se`` from the mean, but not within the band.

So the interval lies within the band if the verdict is *equivalent*, leaves out 0 but not all that
is outside the band if it is *better* or *worse*, and holds 0 and sticks out of the band if it is
*undecided*. **It misses the truth with a probability of at most a, whatever the truth and the
number of looks** (repeated confidence intervals, Jennison and Turnbull 1989). Let U be the t
statistic of the mean's distance from the truth, which crosses boundaries with the probabilities
above.

- A truth of 0 is missed only if U or -U reaches ``difference``: a / 2 + a / 2.
- So is a truth within the band, from either side.
- A truth above the band is missed from below only if -U reaches ``equivalence``, which is the
  lowest boundary, and from above only if U reaches ``beyond``: 0.95 a + 0.05 a. So is, by symmetry,
  one below the band.

A wrong verdict is such a miss; with the truth exactly at the band's edge it is one of 0.95 a. The
error of one technique, times the number of techniques (Bonferroni), bounds the share of studies
with any miss, differences and equivalences together.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regbench.comparison.sequential.boundaries import boundaries
from regbench.comparison.sequential.design import Design

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BEYOND = 0.05  # the share of a technique's error kept for ends beyond the band
ABOVE, BELOW, WITHIN, NOTHING = 1, -1, 2, 0  # what an interval shows: above 0, below, in the band


@dataclass(frozen=True)
class Critical:
    """The boundaries of t at a look."""

    difference: float
    equivalence: float
    beyond: float


def critical(pairs: tuple[int, ...], shares: tuple[float, ...], design: Design) -> Critical:
    """Return the boundaries at the last of some looks.

    Args:
        pairs: The number of pairs at each look so far, strictly rising.
        shares: The share of the error that may have been spent by each of them.
        design: The errors.
    """
    error = design.error / design.techniques
    return Critical(
        *(
            boundaries(pairs, tuple(level * share for share in shares))[-1]
            for level in (error / 2, (1 - BEYOND) * error, BEYOND * error)
        )
    )


def read(mean: "ArrayLike", se: "ArrayLike", at: Critical, band: float) -> "NDArray[np.int8]":
    """Return what intervals show: ABOVE or BELOW 0, WITHIN the band, or NOTHING.

    Args:
        mean: Mean differences, any shape.
        se: Their standard errors, the same shape.
        at: The boundaries.
        band: Of practical equivalence, in the same unit.
    """
    size, error = np.abs(mean), np.asarray(se)
    within = size + at.equivalence * error < band
    outside = size > at.difference * error
    shown = np.where(within, WITHIN, np.where(outside, np.sign(mean), NOTHING))
    return shown.astype(np.int8)


def interval(
    mean: "ArrayLike", se: "ArrayLike", at: Critical, band: float
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the lower and upper ends of intervals, arguments as in ``read``."""
    middle, error = np.asarray(mean, float), np.asarray(se, float)
    low, high = middle - at.difference * error, middle + at.difference * error
    within = read(middle, error, at, band) == WITHIN
    low_beyond = np.where(low > band, np.maximum(band, middle - at.beyond * error), low)
    high_beyond = np.where(high < -band, np.minimum(-band, middle + at.beyond * error), high)
    return (
        np.where(within, np.maximum(low, -band), low_beyond),
        np.where(within, np.minimum(high, band), high_beyond),
    )
