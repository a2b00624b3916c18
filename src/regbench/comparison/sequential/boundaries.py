"""Boundaries for t statistics that are looked at several times as seeds are added.

P values of t tests must not be compared with what a spending function allows: its theory is of
normal statistics with known variance, and with a variance that is estimated anew at every look it
spends too much. These boundaries are exact for differences that are normal with any variance.

The path T_1, T_2, ... of one-sample t statistics of growing samples is a Markov chain if the mean
is 0. Let n be the pairs of a look and d those that the next adds. Three statistics are independent:
the t statistic of all n + d pairs, Student's two-sample t statistic between the first n and the
last d, and the share of the first n in the sum of squares within the two, which has the
distribution Beta((n - 1) / 2, (d - 1) / 2). The earlier t statistic is a function of the three, so
the probability that no earlier look crossed its boundary, given the present t, is an integral over
two independent variables. Integrals are computed by Gauss' quadrature; nothing is drawn.

Sources: Jennison and Turnbull, Group Sequential Methods with Applications to Clinical Trials, 2000,
chapters 2, 7 (spending) and 11 (t tests); Lan and DeMets, Biometrika 70, 1983.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAR = 9.0  # standard scores beyond which no probability is left: 1e-19
_NEAR = -5.0  # those below which none of the earlier looks can have crossed
_GRID, _NODES, _SHARES = 181, 40, 20  # of the present t, the two-sample t, the share
_Free = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]  # by angle, see ``_angle``


def boundaries(pairs: tuple[int, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    """Return the values that t has to reach at each look, on one side.

    Args:
        pairs: The number of pairs at each look, strictly rising, at least 2.
        spent: The probability that t has reached its boundary by each look if the mean is 0;
            strictly rising.

    Returns:
        The boundaries, in the order of the looks, exact to about three digits.
    """
    looks = range(1, len(pairs) + 1)
    return tuple(_look(pairs[:number], spent[:number])[0] for number in looks)


@lru_cache(maxsize=1024)
def _look(pairs: tuple[int, ...], spent: tuple[float, ...]) -> tuple[float, _Free | None]:
    """Return the last look's boundary, and the probability of no crossing before it by its t."""
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

    free: _Free | None = None
    allowed = spent[-1]
    if len(pairs) > 1:
        free = _free(pairs[-2], pairs[-1], *_look(pairs[:-1], spent[:-1]))
        allowed -= spent[-2]
    score = brentq(lambda at: _beyond(at, pairs[-1], free) - allowed, -_FAR, _FAR)
    return float(_t_of(np.array([score]), pairs[-1])[0]), free


def crossing(pairs: Sequence[int], at: Sequence[float]) -> list[float]:
    """Return the probability of the first crossing of given boundaries at each look.

    Args:
        pairs: The number of pairs at each look, strictly rising, at least 2.
        at: The boundaries of t, above 0.

    Returns:
        The probability that t reaches its boundary at this look and none before, if the mean is 0.
    """
    free: _Free | None = None
    probabilities = []
    for number, (count, boundary) in enumerate(zip(pairs, at, strict=True)):
        if number:
            free = _free(pairs[number - 1], count, at[number - 1], free)
        probabilities.append(_beyond(_score_of(boundary, count), count, free))
    return probabilities


def _beyond(score: float, count: int, free: _Free | None) -> float:
    """Return the probability of a standard score of t or more, and of no crossing before."""
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    if free is None:
        return float(ndtr(-score))
    nodes, weights = _legendre(_NODES)
    # Most of the tail lies near its start; the grid of scores ends at _FAR.
    width = min(_FAR - score, 8.0)
    if width <= 0:
        return 0.0
    at = score + width * (nodes + 1) / 2
    density = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    values = free(_angle(_t_of(at, count), count)) * density
    return float(width / 2 * np.sum(weights * values))


def _free(first: int, count: int, boundary: float, free: _Free | None) -> _Free:
    """Return the probability of no crossing up to an earlier look, given t of the present one.

    Args:
        first: Pairs at the earlier look.
        count: Pairs at the present one.
        boundary: The earlier look's.
        free: The probability of no crossing before the earlier look, given its t; None if there
            was no look before.

    Returns:
        A function of the angle of t.
    """
    from scipy.interpolate import CubicSpline  # noqa: PLC0415 - slow to import
    from scipy.special import betaincinv, gammaln, ndtr, roots_hermitenorm, stdtrit  # noqa: PLC0415

    added, freedom = count - first, count - 2
    scores = np.linspace(_NEAR, _FAR, _GRID)
    present = _t_of(scores, count)
    shares, share_weights = np.ones(1), np.ones(1)  # of the sum of squares, if one pair is added
    if added > 1:
        roots, share_weights = roots_hermitenorm(_SHARES)
        shares = betaincinv((first - 1) / 2, (added - 1) / 2, ndtr(roots))
        share_weights = share_weights / share_weights.sum()
    # t of the earlier look is below its boundary where, with the two-sample t as an angle theta,
    #   sqrt(first) * slope < sqrt(added) sin(theta) + reach cos(theta).
    slope = (np.sqrt(first / (count - 1)) * present)[:, None]
    reach = boundary * np.sqrt(count / (first - 1) * shares)[None, :]
    size, phase = np.sqrt(added + reach**2), np.arctan2(reach, np.sqrt(added))
    bound = np.arcsin(np.clip(slope / size, -1, 1))
    farthest = np.arctan(-stdtrit(freedom, 1e-17) / np.sqrt(freedom))
    low = np.clip(bound - phase, -farthest, farthest)
    high = np.clip(np.pi - bound - phase, -farthest, farthest)
    nodes, weights = _legendre(_NODES)
    half = (np.maximum(high - low, 0) / 2)[:, :, None]
    theta = low[:, :, None] + half * (nodes + 1)
    cosine = np.cos(theta)
    constant = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - np.log(np.pi) / 2
    density = np.exp(constant + (freedom - 1) * np.log(cosine))
    if free is not None:
        tangent = (slope[:, :, None] - np.sqrt(added) * np.sin(theta)) / (
            np.sqrt(count * shares)[None, :, None] * cosine
        )  # t of the earlier look, by the root of its degrees of freedom
        density *= free(np.arctan(tangent))
    inner = np.sum(density * weights * half, axis=2)
    grid = _angle(present, count)
    by_angle = CubicSpline(grid, np.clip(inner @ share_weights, 0, 1))
    return lambda angles: np.asarray(by_angle(np.maximum(angles, grid[0])))


def _angle(t: "NDArray[np.float64]", count: int) -> "NDArray[np.float64]":
    """Return the angle whose tangent is t by the root of its degrees of freedom."""
    return np.asarray(np.arctan(t / np.sqrt(count - 1)))


def _t_of(scores: "NDArray[np.float64]", count: int) -> "NDArray[np.float64]":
    """Return the t values that have the tail probabilities of standard scores."""
    from scipy.special import ndtr, stdtrit  # noqa: PLC0415 - slow to import

    # The lower tail of either sign, where probabilities are exact.
    return np.asarray(-np.sign(scores) * stdtrit(count - 1, ndtr(-np.abs(scores))))


def _score_of(t: float, count: int) -> float:
    """Return the standard score that has the tail probability of a t value."""
    from scipy.special import ndtri, stdtr  # noqa: PLC0415 - slow to import

    return float(-np.sign(t) * ndtri(stdtr(count - 1, -abs(t))))


@lru_cache(maxsize=8)
def _legendre(number: int) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return nodes and weights of Gauss-Legendre quadrature on (-1, 1)."""
    return np.polynomial.legendre.leggauss(number)
