"""Figures, intervals and lists of names as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.evaluation.figures.base import Unit
from regbench.metrics.base import POINTS, Metric
from regbench.metrics.registry import metric_named

MISSING = "–"
LARGEST_CLASS = "always the largest class"  # a line of tables of techniques


def signed(value: float, form: str = ".2f") -> str:
    """Return a number with its sign, a true minus (U+2212): '+1.15', '−0.05', '0.00'."""
    return _typeset(f"{value:+{form}}")


def in_unit(value: float, unit: Unit, digits: int = 2) -> str:
    """Return a stored figure in its unit, for a heading that names the unit: '93.70', '−0.05'."""
    return MISSING if pd.isna(value) else _typeset(_written(unit.form, value, unit, digits))


def in_text(value: float, unit: Unit, digits: int = 2) -> str:
    """Return a stored figure in ASCII, for a heading without unit: '0.9370', '3.2%', '-0.05'."""
    return MISSING if pd.isna(value) else _written(unit.text_form, value, unit, digits)


def with_spread(
    write: Callable[[float, Unit, int], str], mean: float, sd: Any, unit: Unit, digits: int = 2
) -> str:
    """Return a mean and its standard deviation over seeds: '93.70 ± 0.12', '93.70' without one.

    Args:
        write: ``in_unit`` or ``in_text``.
        mean: The mean, as stored.
        sd: The standard deviation, as stored; may be missing.
        unit: Unit of both.
        digits: Decimal places of both.
    """
    text = write(mean, unit, digits)
    return text if pd.isna(sd) else f"{text} ± {write(sd, unit, digits)}"


def known(value: Any) -> bool:
    """Return whether a cell of a comparison has a value."""
    return value is not None and bool(pd.notna(value))


def number_in(row: Mapping[Any, Any], column: str) -> float | None:
    """Return the number in a column of a row of the comparison; None if there is none."""
    value = row.get(column)
    return float(value) if value is not None and known(value) else None


def percent(share: float, digits: int = 1) -> str:
    """Return a share of 1 in percent, '93.7 %', which no line breaks; '–' if it is missing."""
    return MISSING if pd.isna(share) else f"{100 * share:.{digits}f}\u00a0%"


def metric_value(value: float, metric: Metric, digits: int | None = None) -> str:
    """Return a metric's value in a sentence: '93.7 %', or '0.213 nats'."""
    if metric.unit == POINTS:
        return percent(value, 1 if digits is None else digits)
    return MISSING if pd.isna(value) else _typeset(f"{value:.{metric.digits}f} nats")


def difference_text(row: Mapping[Any, Any], figure: str = "difference") -> str:
    """Return a difference with its 95 % interval: '+1.60 [1.20, 2.00]', in points or nats.

    Args:
        row: A row of the comparison; its ``metric`` has the unit, by default percentage points.
        figure: The columns' name.
    """
    metric = metric_named(row.get("metric"))
    difference = signed(metric.factor * row[figure], f".{metric.digits}f")
    return f"{difference} {interval_text(row, figure)}".strip()


def interval_text(row: Mapping[Any, Any], interval: str) -> str:
    """Return '[1.20, 2.00]' from ``<interval>_low`` and ``_high``, in points or nats, or ''."""
    low, high = row.get(f"{interval}_low"), row.get(f"{interval}_high")
    if low is None or high is None or not np.isfinite([low, high]).all():
        return ""
    metric = metric_named(row.get("metric"))
    ends = (f"{metric.factor * end:.{metric.digits}f}" for end in (low, high))
    return f"[{', '.join(ends)}]".replace("-", "−")


def verdict_text(row: Mapping[Any, Any]) -> str:
    """Return the verdict of a technique's row, or '' if it has none."""
    verdict = row.get("verdict")
    return "" if pd.isna(verdict) else str(verdict)


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Return names as a sentence lists them: 'a', 'a and b', 'a, b and 2 others'."""
    shown = list(names[:most])
    more = len(names) - len(shown)
    if more:
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _written(form: str, value: float, unit: Unit, digits: int) -> str:
    """Return a figure in a unit's format."""
    scaled = unit.factor * value
    return form.format(value=value, scaled=scaled, digits=digits, more_digits=digits + 2)


def _typeset(text: str) -> str:
    """Return a number with a true minus, and zero without a sign."""
    return (text if text.strip("+-0.") else text.lstrip("+-")).replace("-", "−")
