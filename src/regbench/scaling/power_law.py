"""The power law of a learning curve: error = a + b n^-c of n train images.

Hestness et al., Deep Learning Scaling Is Predictable, Empirically, 2017. Its limits (Viering and
Loog, The Shape of Learning Curves: A Review, 2021): curves that are no power law exist, small sets
may lie before its range, and what lies beyond the measured sizes is a guess the more the farther
it is.
"""

import math
from dataclasses import dataclass

import numpy as np

LEAST_SIZES = 4  # three numbers are fitted; one more shows whether they fit
_TAIL = 3  # the largest sizes, that say how the curve goes on
_RESAMPLES = 1000
_EXPONENTS = (0.01, 4.0)  # those that are looked for; Hestness et al. found 0.07 to 0.35
_SMALLEST = 1e-6  # of errors, where they stand for their own spread


@dataclass(frozen=True)
class PowerLaw:
    """A fitted learning curve.

    Attributes:
        limit: a, the error that no number of images takes away.
        scale: b.
        exponent: c.
    """

    limit: float
    scale: float
    exponent: float

    def error(self, images: float) -> float:
        """Return the error with so many train images."""
        return float(self.limit + self.scale * images**-self.exponent)

    def images_for(self, error: float) -> float:
        """Return the number of train images that lead to an error; infinity if none does."""
        if error <= self.limit or self.scale <= 0:
            return math.inf
        try:
            return float((self.scale / (error - self.limit)) ** (1 / self.exponent))
        except OverflowError:
            return math.inf


@dataclass(frozen=True)
class Curve:
    """A learning curve beyond its sizes, too, where a few sizes leave open whether it has a limit.

    Up to the largest size it is the power law of all sizes. Beyond, it falls by a mean of what that
    law says and of what the three largest sizes say without a limit: the first is too pessimistic
    where small sets lie before the range of a power law, the second too optimistic
    (docs/learning-curve.md has both against measured sizes).

    Attributes:
        law: Of all sizes.
        largest: The largest size.
        tail_exponent: c of b n^-c through the three largest sizes.
        tail_share: Of the second in the mean, from 0 to 1.
    """

    law: PowerLaw
    largest: float
    tail_exponent: float
    tail_share: float = 0.5

    def error(self, images: float) -> float:
        """Return the error with so many train images."""
        by_law = self.law.error(images)
        if images <= self.largest:
            return by_law
        by_tail = self.law.error(self.largest) * (images / self.largest) ** -self.tail_exponent
        return float((1 - self.tail_share) * by_law + self.tail_share * by_tail)

    def images_for(self, error: float, most: float) -> float:
        """Return the number of train images that lead to an error; infinity beyond ``most``."""
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

        if error >= self.law.error(self.largest):
            return self.law.images_for(error)
        if error < self.error(most):
            return math.inf
        return float(brentq(lambda images: self.error(images) - error, self.largest, most))


def fit_curve(sizes: np.ndarray, errors: np.ndarray, like: PowerLaw | None = None) -> Curve | None:
    """Return the learning curve through mean errors; arguments and None as of ``fit_power_law``."""
    law = fit_power_law(sizes, errors, like)
    if law is None:
        return None
    last = np.log(np.maximum(errors[-_TAIL:], _SMALLEST))
    slope = np.polyfit(np.log(sizes[-_TAIL:]), last, 1)[0]
    return Curve(law, float(sizes[-1]), max(0.0, -float(slope)))


def fit_power_law(
    sizes: np.ndarray, errors: np.ndarray, like: PowerLaw | None = None
) -> PowerLaw | None:
    """Return the power law that fits best: least squares of relative errors, within bounds.

    Relative, as the spread of an error over trainings falls with the error itself.

    Args:
        sizes: Numbers of train images, K floats, rising.
        errors: The mean error at each, K floats, not below 0.
        like: A fit to begin at; without one, several beginnings are tried.

    Returns:
        None with fewer than ``LEAST_SIZES`` sizes, or where no fit is found.
    """
    from scipy.optimize import curve_fit  # noqa: PLC0415 - slow to import

    if len(sizes) < LEAST_SIZES:
        return None
    middle = float(np.exp(np.log(sizes).mean()))  # b is then about as large as an error
    spread = np.maximum(errors, _SMALLEST)

    def law(images: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
        return np.asarray(a + b * (images / middle) ** -c)

    def slopes(images: np.ndarray, _: float, b: float, c: float) -> np.ndarray:
        falling = (images / middle) ** -c
        by_exponent = -b * falling * np.log(images / middle)
        return np.stack([np.ones_like(images), falling, by_exponent], axis=1)

    low, high = _EXPONENTS
    best, best_miss = None, math.inf
    for start in _starts(sizes, spread, middle, like):
        inside = np.clip(start, [0, _SMALLEST, low], [np.inf, np.inf, high])
        bounds = ([0, 0, low], [np.inf, np.inf, high])
        try:
            (a, b, c), _ = curve_fit(
                law, sizes, errors, inside, sigma=spread, bounds=bounds, jac=slopes
            )
        except RuntimeError:  # it does not converge from here
            continue
        miss = float((((law(sizes, a, b, c) - errors) / spread) ** 2).sum())
        if miss < best_miss:
            best, best_miss = PowerLaw(float(a), float(b * middle**c), float(c)), miss
    return best


def _starts(
    sizes: np.ndarray, errors: np.ndarray, middle: float, like: PowerLaw | None
) -> list[tuple[float, float, float]]:
    """Return where to begin a fit: limit, scale at the middle size, exponent."""
    if like is not None:
        return [(like.limit, like.scale * middle**-like.exponent, like.exponent)]
    found = []
    for share in (0.0, 0.5, 0.9):  # of the least error: the limit
        limit = share * float(errors.min())
        above = np.maximum(errors - limit, _SMALLEST)
        steepness = math.log(above[0] / above[-1]) / math.log(sizes[-1] / sizes[0])
        found.append((limit, float(np.exp(np.log(above).mean())), steepness))
    return found


def resamples(draws: int, seed: int = 0) -> np.ndarray:
    """Return bootstrap resamples: how often each of some draws is drawn, R x draws ints."""
    return np.random.default_rng(seed).multinomial(draws, np.full(draws, 1 / draws), _RESAMPLES)


def interval(values: np.ndarray, draws: int) -> tuple[float, float]:
    """Return the 95 % interval of a bootstrapped figure.

    Percentiles, moved outward for few observations as those of a t interval are (the expanded
    percentile interval of Hesterberg, What Teachers Should Know About the Bootstrap, 2015).

    Args:
        values: The figure in every resample, R floats; infinity counts, NaN does not.
        draws: The number that were resampled.

    Returns:
        NaN and NaN with one draw, or without values.
    """
    from scipy.special import ndtr, stdtrit  # noqa: PLC0415 - slow to import

    known = np.sort(values[~np.isnan(values)])
    if not len(known) or draws < 2:
        return math.nan, math.nan
    tail = float(ndtr(-math.sqrt(draws / (draws - 1)) * stdtrit(draws - 1, 0.975)))
    last = len(known) - 1
    return float(known[math.floor(tail * last)]), float(known[math.ceil((1 - tail) * last)])
