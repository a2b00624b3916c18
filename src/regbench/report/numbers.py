"""Figures, intervals and lists of names as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.evaluation.figures.base import Unit

MISSING = "–"


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


def percent(share: float, digits: int = 1) -> str:
    """Return a share of 1 in percent, '93.7 %'; '–' if it is missing."""
    return MISSING if pd.isna(share) else f"{100 * share:.{digits}f} %"


def difference_text(row: Mapping[Any, Any], figure: str = "difference") -> str:
    """Return a difference in percentage points with its 95 % interval: '+1.60 [1.20, 2.00]'."""
    return f"{signed(100 * row[figure])} {interval_text(row, figure)}".strip()


def interval_text(row: Mapping[Any, Any], interval: str) -> str:
    """Return '[1.20, 2.00]' from ``<interval>_low`` and ``_high``, in percentage points, or ''."""
    low, high = row.get(f"{interval}_low"), row.get(f"{interval}_high")
    if low is None or high is None or not np.isfinite([low, high]).all():
        return ""
    return f"[{100 * low:.2f}, {100 * high:.2f}]".replace("-", "−")


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
