"""The contract of a figure: its declaration, and the data that it is computed from.

A figure is a number measured of a trained network, such as its test accuracy or the share of its
weights that are nearly zero. A file of this folder declares one, or a few that belong together, as
``FIGURES``. All files of the folder are read; there is no list to add it to::

    def _mean_confidence(trained: Trained) -> float:
        return float(trained.judged_probabilities.max(axis=1).mean())


    FIGURES = (
        Figure(
            name="mean_confidence",
            title="confidence",
            meaning="the mean probability of the chosen class on the {part} images",
            unit=SHARE,
            digits=1,
            better=Better.NEITHER,
            compute=_mean_confidence,
        ),
    )

It is then in ``metrics.json``, ``comparison.csv``, the report's table and legend, MLflow, the
history and ``docs/figures.md``. Results made without it are stale.

Reporting and commands that only list pipelines import these files: import nothing heavier than
NumPy at the top, and Keras inside of ``compute``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from regbench.metrics.base import NATS as IN_NATS
from regbench.metrics.base import Metric, answers_of

if TYPE_CHECKING:
    import keras
    import pandas as pd


@dataclass(frozen=True)
class Trained:
    """A trained network and the data that figures are computed from.

    A figure may change the network's weights, and then restores them.

    Attributes:
        network: Raw uint8 images in, class probabilities out; with the weights that the
            technique's own procedure yields.
        images: All images of the study, N x H x W x C, uint8; may be memory-mapped.
        classes: The labels in the order of the network's outputs, K.
        rows: The images of each split part that has any, M ints.
        targets: The classes of these images, M ints from 0.
        probabilities: The network's outputs for these images, M x K, float32.
        judged: The judged part: test, or validation without a test.
        history: A row per epoch, from ``train``.
        best_epoch_weights: Those of the best epoch on validation; empty if the network has them.
        corrupted_images: Corruptions x C x H x W x channels, uint8, in the order of
            ``CORRUPTIONS``.
        corrupted_targets: The classes of these C images.
    """

    network: "keras.Model"
    images: np.ndarray
    classes: Sequence[str]
    rows: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    probabilities: Mapping[str, np.ndarray]
    judged: str
    history: "pd.DataFrame"
    best_epoch_weights: Mapping[str, np.ndarray]
    corrupted_images: np.ndarray
    corrupted_targets: np.ndarray

    @property
    def judged_targets(self) -> np.ndarray:
        """The classes of the judged part's images, M ints from 0."""
        return self.targets[self.judged]

    @property
    def judged_probabilities(self) -> np.ndarray:
        """The network's outputs for the judged part's images, M x K, float32."""
        return self.probabilities[self.judged]


class Better(Enum):
    """Which way a figure is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Shown(Flag):
    """Where a figure is shown; ``metrics.json`` has all figures."""

    COMPARISON = auto()  # a column of comparison.csv: the mean over seeds
    REPORT = auto()  # a column of the report's table, and a sentence of its legend
    TEXT = auto()  # a column of the comparison in the terminal and in comparison.md
    TRAININGS = auto()  # a column of the terminal's table of one technique's seeds
    HISTORY = auto()  # a column of the history, and of its page
    MLFLOW = auto()  # a metric of the training's run in MLflow


USUAL = Shown.COMPARISON | Shown.REPORT | Shown.HISTORY | Shown.MLFLOW


@dataclass(frozen=True)
class Unit:
    """A figure's unit and number format.

    The forms are for ``str.format``: ``value`` is the stored number, ``scaled`` the same times
    ``factor``; ``digits`` is the figure's, and ``more_digits`` two more.

    Attributes:
        name: In the docs.
        heading: Shown after a title: "%"; empty where the title has the unit.
        factor: From the stored value to the heading's unit.
        form: In tables whose headings have the unit: the report, the history.
        text_form: In tables whose headings have not: the terminal, Markdown.
    """

    name: str
    heading: str = ""
    factor: float = 1
    form: str = "{scaled:.{digits}f}"
    text_form: str = "{scaled:.{digits}f}"


# Stored as shares of 1; the terminal shows accuracies so, and other shares in %.
ACCURACY = Unit("share of images, in %", "%", 100, text_form="{value:.{more_digits}f}")
SHARE = Unit("share, in %", "%", 100, text_form="{scaled:.{digits}f}%")
POINTS = Unit(
    "percentage points", "points", 100, "{scaled:+.{digits}f}", text_form="{scaled:+.{digits}f}"
)
NATS = Unit("nats")
COUNT = Unit("count", form="{scaled:,.{digits}f}", text_form="{scaled:,.{digits}f}")
MILLIONS = Unit("count, in millions", "M", 1e-6, text_form="{scaled:.{digits}f} M")
SECONDS = Unit("seconds")
MILLISECONDS = Unit("seconds, in ms", "ms", 1000, text_form="{scaled:.{digits}f} ms")
MEGABYTES = Unit("bytes, in MB", "MB", 1e-6, text_form="{scaled:.{digits}f} MB")

Value = float | int | Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure's declaration.

    In ``title`` and ``meaning`` "{part}" stands for the judged part.

    Attributes:
        name: Its key in ``metrics.json``, and its column wherever it is stored.
        title: Its heading in the report's table, without the unit.
        meaning: The legend's sentence, without the title.
        unit: Of the value that ``compute`` returns.
        digits: After the point, in the unit that the report shows.
        better: Which way it is better.
        compute: Returns the number, or a mapping from settings to numbers; None where the study
            has no such figure, for example of a split part that it lacks.
        setting: What the keys of that mapping are, such as "class"; empty for a single number.
        shown: Where it is shown.
        only_judged_on: If set, the report shows it only where this is the judged part.
        spread: Whether its standard deviation over seeds is stored and shown, too.
        text_title: Its heading where no unit follows, if it differs from ``title``.
        position: Columns are sorted by position, then name; a new figure's is last.
        source: The paper that defines it.
    """

    name: str
    title: str
    meaning: str
    unit: Unit
    compute: Callable[[Trained], Value]
    digits: int = 2
    better: Better = Better.NEITHER
    setting: str = ""
    shown: Shown = USUAL
    only_judged_on: str = ""
    spread: bool = False
    text_title: str = ""
    position: int = 1000
    source: str = ""

    def heading(self, part: str) -> str:
        """Return the heading with the unit; ``part`` is the judged part."""
        return self._with_unit(self.title.replace("{part}", part))

    def full_heading(self, part: str) -> str:
        """Return the heading with the unit, for a table of all split parts' figures."""
        return self._with_unit(self.text_heading(part))

    def text_heading(self, part: str) -> str:
        """Return the heading without the unit; ``part`` is the judged part."""
        return (self.text_title or self.title).replace("{part}", part)

    def legend(self, part: str) -> str:
        """Return the legend's sentence; ``part`` is the judged part."""
        return self.meaning.replace("{part}", part)

    def _with_unit(self, title: str) -> str:
        return f"{title}, {self.unit.heading}" if self.unit.heading else title


@cache
def figures_of(metric: Metric) -> tuple[Figure, ...]:
    """Return a metric's figures: its value on the validation and on the test images."""
    in_nats = metric.unit == IN_NATS
    shown = Shown.COMPARISON | Shown.HISTORY | Shown.MLFLOW
    return tuple(
        Figure(
            name=f"{part}_{metric.name}",
            title=metric.title,
            text_title=f"{part} {metric.title}",
            meaning=f"on the {part} images: {metric.meaning}",
            unit=NATS if in_nats else ACCURACY,
            digits=3 if in_nats else 2,
            compute=partial(metric_on, metric, part),
            better=Better.HIGHER if metric.higher_is_better else Better.LOWER,
            shown=shown | Shown.REPORT if metric.in_report else shown,
            only_judged_on=part,
            spread=True,
            position=110,
            source=metric.source,
        )
        for part in ("validation", "test")
    )


def metric_on(metric: Metric, part: str, trained: Trained) -> float | None:
    """Return a metric of the finished network on a split part; None if the study lacks it."""
    if part not in trained.rows:
        return None
    return metric.of(answers_of(trained.probabilities[part], trained.targets[part]))
