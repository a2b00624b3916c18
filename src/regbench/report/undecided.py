"""What an undecided technique would take to be decided, in words."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.doctor.deciding import is_futile
from regbench.study.schema import BASELINE

# Units of time: the seconds from which one is used, and the seconds that it has.
_UNITS = (("day", 36 * 3600, 86400), ("hour", 90 * 60, 3600), ("minute", 55, 60), ("second", 0, 1))


def what_it_takes(row: Mapping[Any, Any], comparison: pd.DataFrame) -> str:
    """Return what an undecided technique would take: '12 more seeds, about 3 minutes'.

    The time is that of the technique's and the baseline's further trainings, each as long as those
    so far on average, as many at once as ``attrs["side_by_side"]`` says.

    Args:
        row: The technique's row.
        comparison: From ``compare``, of one network, with ``with_study_figures``.

    Returns:
        Numbers of more than two digits are rounded to two. A technique that looks have stopped
        without prospect is said to be so. Empty if nothing is known.
    """
    futile = is_futile(row)
    further = row.get("further_seeds")
    if further is None or pd.isna(further):
        return "stopped without prospect: no affordable number of seeds would do" if futile else ""
    seeds, rounded = int(further), _two_digits(int(further))
    said = f"{rounded:,} more seed{'s' if seeds != 1 else ''}"
    time = duration(_seconds(row, comparison, seeds))
    if rounded != seeds:
        said = f"about {said}{', ' if time else ''}{time}"
    elif time:
        said += f", about {time}"
    return f"stopped without prospect, would take {said}" if futile else said


def _seconds(row: Mapping[Any, Any], comparison: pd.DataFrame, further: int) -> float:
    """Return the seconds that a technique's further seeds take; NaN if nothing was timed."""
    if "seconds" not in comparison:
        return math.nan
    baseline = comparison[comparison["technique"] == BASELINE].iloc[0]
    lacking = max(0, int(row["trainings"]) + further - int(baseline["trainings"]))
    seconds = further * float(row["seconds"]) + lacking * float(baseline["seconds"])
    return seconds / int(comparison.attrs.get("side_by_side", 1))


def duration(seconds: float) -> str:
    """Return a time in seconds in its largest sensible unit, '3 minutes'; '' for NaN."""
    if math.isnan(seconds):
        return ""
    unit, _, length = next(of for of in _UNITS if seconds >= of[1])
    number = max(1, _two_digits(round(seconds / length)))
    return f"{number:,} {unit}{'s' if number != 1 else ''}"


def _two_digits(number: int) -> int:
    """Return a whole number rounded to two digits: 1234 is 1200."""
    return int(round(number, 2 - len(str(number)))) if number > 99 else number
