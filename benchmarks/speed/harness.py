"""What a measurement is: sides timed in turn, their statistics, and figures held to targets."""

import shlex
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MNIST = ROOT / "data" / "01_raw" / "mnist.zip"
DIGITS = ROOT / "data" / "01_raw" / "digits.zip"


class BenchmarkError(Exception):
    """A measurement could not be made; the message says why in one line."""


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        images: A zip of full MNIST in RegBench's layout.
        work: A temporary folder for what measurements make.
        cache: Where sets of images that take long to make are kept.
        rounds: Of every measurement; None for each one's own default.
        epochs: Timed ones of a training; one more goes before.
        torch_python: An interpreter that has PyTorch, if there is one.
        study_epochs: Of every run of the whole study.
        study_seeds: Of the whole study.
        study_techniques: Of the whole study; empty for all.
        scale_sizes: Numbers of images.
        larger_images: Number of pictures in the set that is larger than memory.
        cap: Of the memory then, in MB.
        agreement_techniques: Whose accuracies are compared; empty for all.
        agreement_images: The set whose accuracies are compared.
        agreement_seeds: How many.
        agreement_epochs: Of every run.
    """

    images: Path
    work: Path
    cache: Path
    rounds: int | None = None
    epochs: int = 3
    torch_python: Path | None = None
    study_epochs: int = 10
    study_seeds: int = 3
    study_techniques: tuple[str, ...] = ()
    scale_sizes: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000)
    larger_images: int = 20_000
    cap: int = 980
    agreement_techniques: tuple[str, ...] = ()
    agreement_images: Path = DIGITS
    agreement_seeds: int = 10
    agreement_epochs: int = 10

    def folder(self, name: str) -> Path:
        """Make a new folder below ``work``."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))


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

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
        }


@dataclass(frozen=True)
class Figure:
    """What came out, and what it is held to.

    Attributes:
        what: In words.
        value: Measured.
        limit: The target; None for a figure without one.
        at_most: Whether the target is an upper limit, not a lower one.
        unit: Empty for a ratio.
        low: The smallest of the rounds, if the rounds are comparable one by one.
        high: The largest.
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

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {**vars(self), "met": self.met}


@dataclass
class Outcome:
    """What a measurement found.

    Attributes:
        sides: What was timed.
        figures: Made of it; they head the report.
        notes: How to read them: what was left out, what went on at the same time.
        details: More, for the JSON file only.
    """

    sides: list[Side]
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """One entry of the suite.

    Attributes:
        name: On the command line.
        about: One line.
        rounds: By default.
        measure: Makes it.
    """

    name: str
    about: str
    rounds: int
    measure: Callable[[Options, int], Outcome]


def interleave(
    sides: Mapping[str, Callable[[], float]], rounds: int, unit: str, scale: float = 1.0
) -> dict[str, Side]:
    """Time sides in turn, A B A B ..., so that a slow minute of the machine falls on all.

    Args:
        sides: What to do, by name; each returns its figure.
        rounds: How often.
        unit: Of the figures.
        scale: What figures are multiplied by.
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(1, rounds + 1):
        for name, measure in sides.items():
            value = measure() * scale
            values[name].append(value)
            say(f"  round {number} of {rounds}, {name}: {readable(value)} {unit}")
    return {name: Side(name, unit, of_one) for name, of_one in values.items()}


def ratio(
    what: str, of: Side, to: Side, limit: float | None = None, at_most: bool = True
) -> Figure:
    """Divide medians; the range is that of the rounds' own ratios."""
    by_round = [one / other for one, other in zip(of.values, to.values, strict=True)]
    return Figure(
        what, of.median / to.median, limit, at_most, low=min(by_round), high=max(by_round)
    )


def readable(value: float) -> str:
    """Three digits, more in front of the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def in_words(command: list[str]) -> str:
    """A command as one types it, without the paths of this machine."""
    return " ".join(shlex.quote(Path(part).name if "/" in part else part) for part in command)
