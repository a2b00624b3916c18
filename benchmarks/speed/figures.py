"""What a measurement finds: sides timed in turn, figures held to targets, and their page."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import as_line, readable, say


@dataclass(frozen=True)
class Side:
    """One thing that was timed, once a round."""

    name: str
    unit: str
    values: list[float]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Figure:
    """What came out, and the limit that it is held to.

    ``low`` and ``high`` are the range over rounds, where these can be compared one by one.
    """

    what: str
    value: float
    limit: float | None = None
    at_most: bool = True
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass
class Outcome:
    """What was timed, the figures made of it, and how to read them."""

    sides: list[Side]
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        figures = [vars(figure) | {"met": figure.met} for figure in self.figures]
        return {"figures": figures, "sides": list(map(vars, self.sides)), "notes": self.notes}


def interleave(
    sides: Mapping[str, Callable[[], float]], rounds: int, unit: str = "s"
) -> dict[str, Side]:
    """Time sides in turn, A B A B, so that a slow minute of the machine falls on all."""
    made = {name: Side(name, unit, []) for name in sides}
    for number in range(1, rounds + 1):
        for name, measure in sides.items():
            made[name].values.append(measure())
            say(f"  round {number}, {name}: {readable(made[name].values[-1])} {unit}")
    return made


def ratio(
    what: str, of: Side, to: Side, limit: float | None = None, at_most: bool = True
) -> Figure:
    """Divide medians; the range is that of the rounds' own ratios."""
    rounds = [one / other for one, other in zip(of.values, to.values, strict=True)]
    return Figure(what, of.median / to.median, limit, at_most, "", min(rounds), max(rounds))


def page(measured: dict[str, Any], title: str = "How fast is it?") -> str:
    """A table of all figures, then a section per measurement."""
    lines = [f"# {title}", "", "| what | measured | range | target | |"]
    lines += ["|---|---:|---:|---:|---|"]
    for name, entry in measured.items():
        lines += [f"| {one['what']} (`{name}`) | {cells(one)} |" for one in entry["figures"]]
    for name, entry in measured.items():
        lines += ["", f"## {name}", "", f"{entry['about']} `{entry['command']}`", ""]
        lines += [f"- {'; '.join(map(in_words, entry['sides']))}."]
        lines += [*(f"- {note}" for note in entry["notes"]), as_line(entry)]
    return "\n".join(lines) + "\n"


def in_words(side: dict[str, Any]) -> str:
    """A side's median, and its range if it was timed more than once."""
    values = side["values"]
    low, high = (readable(value) for value in (min(values), max(values)))
    span = "" if low == high else f" ({low} to {high})"
    return f"{side['name']} {readable(statistics.median(values))} {side['unit']}{span}"


def cells(figure: dict[str, Any]) -> str:
    """A figure's value, range, target and verdict, in cells of a table."""
    unit, low, high, limit = (figure[key] for key in ("unit", "low", "high", "limit"))
    value = f"{readable(figure['value'])} {unit}".strip()
    span = "" if low is None or low == high else f"{readable(low)} to {readable(high)}"
    sign = "≤" if figure["at_most"] else "≥"
    target = "" if limit is None else f"{sign} {readable(limit)} {unit}".strip()
    verdict = {True: "met", False: "**not met**", None: ""}[figure["met"]]
    return f"{value} | {span} | {target} | {verdict}"
