"""What a technique is worth in train images, by the baseline's learning curve."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regbench.scaling.power_law import PowerLaw, fit_power_law, interval, resamples

FAR = 3  # times the most images: what lies beyond is not said


@dataclass(frozen=True)
class Worth:
    """How many more images would give the baseline a technique's value.

    Attributes:
        images: The number; below 0 if the technique costs as much as so many images.
        low: Lower end of the 95 % interval.
        high: Upper end of it.
        most: The number beyond which the curve says nothing: a value that has it is at least that.
    """

    images: float
    low: float
    high: float
    most: float


@dataclass(frozen=True)
class Curves:
    """The fitted curve of the baseline, and what follows from it.

    Attributes:
        law: Of the baseline; None if there is none to rely on, for ``reason``.
        reason: Why there is none; empty if there is one.
        worth: By technique, for each size; None where it has no value.
        forecast: The baseline's error on twice the images, with its 95 % interval.
    """

    law: PowerLaw | None
    reason: str
    worth: dict[str, list[Worth | None]]
    forecast: tuple[float, float, float] | None


def curves(sizes: np.ndarray, baseline: np.ndarray, others: Mapping[str, np.ndarray]) -> Curves:
    """Return what techniques are worth in images, with bootstrap intervals over draws.

    The error of the baseline's curve at a size is lowered by the technique's gain, paired by
    draw; the curve says how many images have this error. Draws are resampled, the same for
    baseline and techniques, and the curve is fitted anew.

    Args:
        sizes: K numbers of train images, rising.
        baseline: Errors, draws x K; NaN of failed trainings.
        others: The same of each technique.
    """
    nothing: dict[str, list[Worth | None]] = {name: [None] * len(sizes) for name in others}
    law, reason = _fit(sizes, baseline)
    if law is None:
        return Curves(None, reason, nothing, None)
    gains = {name: baseline - errors for name, errors in others.items()}
    drawn, times = np.unique(resamples(len(baseline)), axis=0, return_counts=True)
    found: dict[str, list[list[float]]] = {name: [[] for _ in sizes] for name in others}
    forecasts = []
    for weights in drawn:
        kept, of_sizes = _means(baseline, weights)
        fitted = fit_power_law(sizes[kept], of_sizes[kept], law)
        forecasts.append(math.nan if fitted is None else fitted.error(2 * sizes[-1]))
        for name, gain in gains.items():
            _, mean_gains = _means(gain, weights)
            for place, of_size in enumerate(mean_gains):
                found[name][place].append(_images(fitted, sizes, place, of_size))
    draws = len(baseline)
    worth = {
        name: [
            _worth(law, sizes, place, gain, np.repeat(found[name][place], times), draws)
            for place, gain in enumerate(_means(gains[name], np.ones(draws))[1])
        ]
        for name in others
    }
    ends = interval(np.repeat(forecasts, times), draws)
    return Curves(law, "", worth, (law.error(2 * sizes[-1]), *ends))


def _fit(sizes: np.ndarray, baseline: np.ndarray) -> tuple[PowerLaw | None, str]:
    """Return the baseline's curve, or why there is none to rely on."""
    kept, means = _means(baseline, np.ones(len(baseline)))
    law = fit_power_law(sizes[kept], means[kept])
    if law is None:
        return None, (
            f"a curve takes four sizes or more, and the baseline has values at {kept.sum()}"
        )
    fall = baseline[:, kept][:, 0] - baseline[:, kept][:, -1]
    fall = fall[~np.isnan(fall)]
    error = fall.std(ddof=1) / math.sqrt(len(fall)) if len(fall) > 1 else math.inf
    if not fall.mean() > 2 * error or law.error(sizes[0]) <= law.error(sizes[-1]):
        return None, "the baseline does not get better with more images, as far as can be told"
    return law, ""


def _means(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which columns have a weighted mean, NaN left out, and these means."""
    counted = weights[:, None] * ~np.isnan(values)
    total = counted.sum(axis=0)
    sums = (counted * np.nan_to_num(values)).sum(axis=0)
    means = np.divide(sums, total, out=np.full(values.shape[1], math.nan), where=total > 0)
    return total > 0, means


def _images(law: PowerLaw | None, sizes: np.ndarray, place: int, gain: float) -> float:
    """Return how many more images a gain in error at a size is worth, within what can be said."""
    if law is None or math.isnan(gain):
        return math.nan
    size = float(sizes[place])
    images = law.images_for(law.error(size) - gain)
    return float(np.clip(images, sizes[0], FAR * sizes[-1])) - size


def _worth(
    law: PowerLaw, sizes: np.ndarray, place: int, gain: float, found: np.ndarray, draws: int
) -> Worth | None:
    if math.isnan(gain):
        return None
    low, high = interval(found, draws)
    most = float(FAR * sizes[-1] - sizes[place])
    return Worth(_images(law, sizes, place, gain), low, high, most)
