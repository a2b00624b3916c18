"""The seeds that decide an undecided technique: the step that the report and the doctor advise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regbench.study.looks import MAX_LAST_LOOK

_MOST_FURTHER = 100  # more further seeds than this are no next step

Row = Mapping[Any, Any]  # of the comparison


@dataclass(frozen=True)
class Deciding:
    """A look that would bring an undecided technique a verdict.

    Attributes:
        technique: The most promising of those that so few seeds decide.
        further: How many more seeds that takes.
        looks: The study's looks and the new one, the last.
        others: How many other undecided techniques train on up to the new look.
        minutes: What the trainings up to it take, of the baseline and all that are undecided; None
            if nothing was timed.
    """

    technique: str
    further: int
    looks: Sequence[int]
    others: int
    minutes: float | None

    @property
    def changed(self) -> dict[str, str]:
        """The parameters that add the look; it keeps the trainings that there are."""
        return {"protocol.seeds.looks": " ".join(map(str, self.looks))}


def deciding(
    undecided: Sequence[Row],
    baseline: Row,
    looks: Sequence[int],
    side_by_side: int,
) -> Deciding | None:
    """Return the look that decides the most promising technique; None if none is affordable.

    A look is added, as adding seeds because of what a study has shown is what looks allow for. What
    looks have stopped without prospect comes last.

    Args:
        undecided: Rows of the comparison, the largest gain first.
        baseline: Its row.
        looks: The study's; empty without looks.
        side_by_side: How many trainings run at once.
    """
    affordable = [row for row in undecided if is_affordable(row)]
    affordable.sort(key=is_futile)
    if not affordable:
        return None
    row = affordable[0]
    now, further = _seeds_of(row), int(row["further_seeds"])
    on = [of for of in undecided if of is row or not is_futile(of)]
    return Deciding(
        str(row["technique"]),
        further,
        sorted({*(looks or [now]), now + further}),
        len(on) - 1,
        minutes_up_to(now + further, [*on, baseline], side_by_side),
    )


def is_futile(row: Row) -> bool:
    """Return whether looks have stopped a technique without prospect of a verdict."""
    return _number(row, "futile") > 0


def minutes_up_to(seeds: int, rows: Sequence[Row], side_by_side: int) -> float | None:
    """Return the minutes that trainings up to a number of seeds take; None if none was timed."""
    times = [
        max(0, seeds - int(row["trainings"])) * _number(row, "seconds")
        for row in rows
        if not math.isnan(_number(row, "seconds"))
    ]
    return sum(times) / max(1, side_by_side) / 60 if times else None


def _seeds_of(row: Row) -> int:
    """Return how many seeds a technique's verdict rests on."""
    pairs = _number(row, "pairs")
    return int(row["trainings"] if math.isnan(pairs) else pairs)


def is_affordable(row: Row) -> bool:
    """Return whether so few further seeds decide a technique that they are a next step."""
    further = _number(row, "further_seeds")
    return 0 < further <= _MOST_FURTHER and _seeds_of(row) + further <= MAX_LAST_LOOK


def _number(row: Row, column: str) -> float:
    """Return a number or truth value of a row; NaN if it is missing."""
    value = row.get(column)
    return math.nan if value is None else float(value)
