"""What a technique is worth in train images, by the baseline's learning curve."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from regbench.scaling.power_law import LEAST_SIZES, Curve, fit_curve, interval, resamples

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
        curve: Of the baseline; None if there is none to rely on, for ``reason``.
        reason: Why there is none; empty if there is one.
        worth: By technique, for each size; None where it has no value.
        forecast: The baseline's error on twice the images, with its 95 % interval.
    """

    curve: Curve | None
    reason: str
    worth: dict[str, list[Worth | None]]
    forecast: tuple[float, float, float] | None


def curves(sizes: np.ndarray, baseline: np.ndarray, others: Mapping[str, np.ndarray]) -> Curves:
    """Return what techniques are worth in images, with bootstrap intervals over draws.

    The error of the baseline's curve at a size is lowered by the technique's gain, paired by
    draw; the curve says how many images have this error. Draws are resampled, the same for
    baseline and techniques, and the curve is fitted anew. Beyond the largest size each resample
    goes on in both ways of ``Curve``, with its limit and without one: an interval covers both.

    Args:
        sizes: K numbers of train images, rising.
        baseline: Errors, draws x K; NaN of failed trainings.
        others: The same of each technique.
    """
    nothing: dict[str, list[Worth | None]] = {name: [None] * len(sizes) for name in others}
    curve, reason = _fit(sizes, baseline)
    if curve is None:
        return Curves(None, reason, nothing, None)
    gains = {name: baseline - errors for name, errors in others.items()}
    drawn, times = np.unique(resamples(len(baseline)), axis=0, return_counts=True)
    found: dict[str, list[list[float]]] = {name: [[] for _ in sizes] for name in others}
    forecasts = []
    for weights in drawn:
        kept, of_sizes = _means(baseline, weights)
        fitted = fit_curve(sizes[kept], of_sizes[kept], curve.law)
        mean_gains = {name: _means(gain, weights)[1] for name, gain in gains.items()}
        for tail_share in (0.0, 1.0):
            way = None if fitted is None else replace(fitted, tail_share=tail_share)
            forecasts.append(math.nan if way is None else way.error(2 * sizes[-1]))
            for name, of_sizes in mean_gains.items():
                for place, gain in enumerate(of_sizes):
                    found[name][place].append(_images(way, sizes, place, gain))
    draws, times = len(baseline), np.repeat(times, 2)
    worth = {
        name: [
            _worth(curve, sizes, place, gain, np.repeat(found[name][place], times), draws)
            for place, gain in enumerate(_means(gains[name], np.ones(draws))[1])
        ]
        for name in others
    }
    ends = interval(np.repeat(forecasts, times), draws)
    return Curves(curve, "", worth, (curve.error(2 * sizes[-1]), *ends))


def _fit(sizes: np.ndarray, baseline: np.ndarray) -> tuple[Curve | None, str]:
    """Return the baseline's curve, or why there is none to rely on."""
    kept, means = _means(baseline, np.ones(len(baseline)))
    curve = fit_curve(sizes[kept], means[kept])
    if curve is None:
        return None, (
            f"a curve takes {LEAST_SIZES} sizes or more, and the baseline has values at "
            f"{kept.sum()}"
        )
    fall = baseline[:, kept][:, 0] - baseline[:, kept][:, -1]
    fall = fall[~np.isnan(fall)]
    error = fall.std(ddof=1) / math.sqrt(len(fall)) if len(fall) > 1 else math.inf
    if not fall.mean() > 2 * error or curve.error(sizes[0]) <= curve.error(sizes[-1]):
        return None, "the baseline does not get better with more images, as far as can be told"
    return curve, ""


def _means(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which columns have a weighted mean, NaN left out, and these means."""
    counted = weights[:, None] * ~np.isnan(values)
    total = counted.sum(axis=0)
    sums = (counted * np.nan_to_num(values)).sum(axis=0)
    means = np.divide(sums, total, out=np.full(values.shape[1], math.nan), where=total > 0)
    return total > 0, means


def _images(curve: Curve | None, sizes: np.ndarray, place: int, gain: float) -> float:
    """Return how many more images a gain in error at a size is worth, within what can be said."""
    if curve is None or math.isnan(gain):
        return math.nan
    size, most = float(sizes[place]), FAR * float(sizes[-1])
    images = curve.images_for(curve.error(size) - gain, most)
    return float(np.clip(images, sizes[0], most)) - size


def _worth(
    curve: Curve, sizes: np.ndarray, place: int, gain: float, found: np.ndarray, draws: int
) -> Worth | None:
    if math.isnan(gain):
        return None
    low, high = interval(found, draws)
    most = float(FAR * sizes[-1] - sizes[place])
    return Worth(_images(curve, sizes, place, gain), low, high, most)
