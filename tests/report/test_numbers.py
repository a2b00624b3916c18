"""Numbers as text, in every unit."""

import pytest

from regbench.evaluation.figures.base import (
    ACCURACY,
    COUNT,
    MEGABYTES,
    NATS,
    POINTS,
    SECONDS,
    SHARE,
    Unit,
)
from regbench.report.numbers import in_text, in_unit, with_spread

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "unit", "digits", "under_its_unit", "alone"),
    [
        (0.937, ACCURACY, 2, "93.70", "0.9370"),
        (0.0321, SHARE, 1, "3.2", "3.2%"),
        (0.06, POINTS, 2, "+6.00", "+6.00"),
        (-0.0005, POINTS, 2, "−0.05", "-0.05"),
        (-0.00001, POINTS, 2, "0.00", "-0.00"),
        (0.1234, NATS, 3, "0.123", "0.123"),
        (1234567, COUNT, 0, "1,234,567", "1,234,567"),
        (61.26, SECONDS, 1, "61.3", "61.3"),
        (2_340_000, MEGABYTES, 1, "2.3", "2.3 MB"),
        (NAN, SHARE, 1, "–", "–"),
    ],
)
def test_a_figure_is_written_in_its_unit(
    value: float, unit: Unit, digits: int, under_its_unit: str, alone: str
) -> None:
    assert in_unit(value, unit, digits) == under_its_unit
    assert in_text(value, unit, digits) == alone


def test_a_spread_follows_its_mean() -> None:
    assert with_spread(in_unit, 0.937, 0.0012, ACCURACY) == "93.70 ± 0.12"
    assert with_spread(in_text, 0.937, 0.0012, ACCURACY) == "0.9370 ± 0.0012"
    assert with_spread(in_unit, 0.937, NAN, ACCURACY) == "93.70"
    assert with_spread(in_unit, 0.937, None, ACCURACY) == "93.70"
