"""The points of a search that are known beforehand: quasi-random ones, and those of a grid."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from regbench.errors import StudyError
from regbench.regularizers.base import Choice, Range
from regbench.regularizers.registry import NUISANCE
from regbench.study.search import Searched

Values = dict[str, Any]  # by label

_LEAST_DIMENSIONS = 64  # of the sequence: its scrambling depends on their number
_DIGITS = 3  # of a value that was drawn: more cannot be told apart


def quasi_random(searched: Sequence[Searched], number: int, seed: int) -> Values:
    """Return a point of the scrambled Sobol sequence, mapped to the ranges.

    Sobol, On the Distribution of Points in a Cube, 1967; scrambled as in Matousek, On the
    L2-Discrepancy for Anchored Boxes, 1998. A point depends on its number and the seed alone. The
    nuisance settings are its first dimensions, so that all techniques are tried at the same
    learning rates: which of them were lucky with these would look like a difference.

    Args:
        searched: One dimension each.
        number: Of the point, from 0.
        seed: Of the scrambling.
    """
    if not searched:
        return {}
    dimensions = max(_LEAST_DIMENSIONS, len(searched))
    sequence = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    if number:
        sequence.fast_forward(number)
    [unit] = sequence.random(1)
    nuisance_first = sorted(searched, key=lambda of: of.regularizer not in NUISANCE)
    shares = {of.label: float(share) for of, share in zip(nuisance_first, unit, strict=False)}
    return {of.label: _at(of, shares[of.label]) for of in searched}


def grid(searched: Sequence[Searched], trials: int) -> list[Values]:
    """Return the points of a grid: all values of choices, as many of each range as trials allow.

    Args:
        searched: One dimension each.
        trials: How many points there may be.

    Raises:
        StudyError: There may be so few that a range would have one value.
    """
    ranges = [of for of in searched if isinstance(of.over, Range)]
    choices = math.prod(len(of.over.values) for of in searched if isinstance(of.over, Choice))
    levels = 1
    while ranges and choices * (levels + 1) ** len(ranges) <= trials:
        levels += 1
    least = choices * (2 if ranges else 1) ** len(ranges)
    if least > trials:
        raise StudyError(
            f"parameters_tuning.yml: tuning.sampler: a grid of {', '.join(_labels(searched))} "
            f"takes {least} trials or more beside that of the technique as it is, and the budget "
            f"gives {trials}; a higher tuning.budget, or sampler: quasi_random"
        )
    values = [list(dict.fromkeys(_levels(of, levels))) for of in searched]
    return [
        dict(zip(_labels(searched), point, strict=True)) for point in itertools.product(*values)
    ]


def clipped(searched: Searched, value: Any) -> Any:
    """Return a value, or the nearest end of a range that does not hold it, such as 0 of a log."""
    over = searched.over
    if isinstance(over, Choice):
        return value
    return type(value)(min(max(value, over.low), over.high))


def rounded(searched: Searched, value: Any) -> Any:
    """Return a drawn value with as many digits as count, within its range."""
    if not isinstance(searched.over, Range) or searched.whole:
        return value
    shown = float(f"{value:.{_DIGITS}g}")
    return min(max(shown, searched.over.low), searched.over.high)


def _labels(searched: Sequence[Searched]) -> list[str]:
    return [of.label for of in searched]


def _levels(searched: Searched, levels: int) -> Iterator[Any]:
    over = searched.over
    if isinstance(over, Choice):
        yield from over.values
        return
    for number in range(levels):
        yield _at(searched, number / (levels - 1), ends=True)


def _at(searched: Searched, share: float, *, ends: bool = False) -> Any:
    """Return the value at a share of a range.

    Args:
        searched: The setting.
        share: From 0 to 1; below 1 if not ``ends``.
        ends: Whether 0 and 1 are the ends: of whole numbers each else has an equal part.
    """
    over = searched.over
    if isinstance(over, Choice):
        return over.values[int(share * len(over.values))]
    low, high = over.low, over.high
    if searched.whole and not ends and not over.log:
        return int(low + math.floor(share * (high - low + 1)))
    at = low * (high / low) ** share if over.log else low + (high - low) * share
    return round(at) if searched.whole else rounded(searched, at)
