"""What a figure declares, and what it is computed from.

A figure is what a study says of a trained network in one number: its accuracy on the test images,
the share of its weights that are nearly zero. A file of this folder declares one, or a few that
belong together, as ``FIGURES``; it is found by itself, and no list elsewhere names it::

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

From then on ``metrics.json`` and ``comparison.csv`` have it, the report's table and its legend,
MLflow, the history and ``docs/figures.md``. Results that were made without it are stale.

Reporting and the commands that only list pipelines import these files: nothing heavier than NumPy
at the top, Keras inside of ``compute``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    import pandas as pd


@dataclass(frozen=True)
class Trained:
    """A trained network and all that figures are computed from.

    A figure may change the network's weights, but gives it its own ones back.

    Attributes:
        network: Raw uint8 images in, class probabilities out; with the weights that the
            technique's own procedure yields.
        images: All of the study, N x H x W x C, uint8; may be memory-mapped.
        classes: The labels in the order of the network's outputs, K.
        rows: Which images a split part has, M ints; only parts that have images.
        targets: The classes of these rows, M ints from 0.
        probabilities: The network's answers to these rows, M x K, float32.
        judged: The split part that the study is judged on: test, or validation without a test.
        history: A row per epoch, from ``train``.
        best_epoch_weights: Those of the best epoch on validation; none if the network has them.
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
        """The classes of the images that the study is judged on."""
        return self.targets[self.judged]

    @property
    def judged_probabilities(self) -> np.ndarray:
        """The network's answers to the images that the study is judged on."""
        return self.probabilities[self.judged]


class Better(Enum):
    """Which way a figure is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Shown(Flag):
    """Where a figure can be read beside ``metrics.json``."""

    COMPARISON = auto()  # a column of comparison.csv: the mean over seeds
    REPORT = auto()  # a column of the report's table, and a sentence of its legend
    TEXT = auto()  # a column of the comparison in the terminal and in comparison.md
    TRAININGS = auto()  # a column of the terminal's table of one technique's seeds
    HISTORY = auto()  # a column of the history, and of its page
    MLFLOW = auto()  # a metric of the training's run in MLflow


USUAL = Shown.COMPARISON | Shown.REPORT | Shown.HISTORY | Shown.MLFLOW


@dataclass(frozen=True)
class Unit:
    """What a figure is counted in, and how it is written.

    The forms are those of ``str.format``: ``value`` is the stored number, ``scaled`` the same
    times ``factor``; ``digits`` is the figure's, and ``more_digits`` two more.

    Attributes:
        name: For the docs.
        heading: Said after a heading: "%"; nothing where the title says it.
        factor: From the stored value to what a heading promises.
        form: In tables whose headings name the unit: the report, the history.
        text_form: In the terminal's tables and in Markdown, whose headings do not.
    """

    name: str
    heading: str = ""
    factor: float = 1
    form: str = "{scaled:.{digits}f}"
    text_form: str = "{scaled:.{digits}f}"


# Stored as shares of 1; the terminal writes accuracies as such, and other shares in %.
ACCURACY = Unit("share of images, in %", "%", 100, text_form="{value:.{more_digits}f}")
SHARE = Unit("share, in %", "%", 100, text_form="{scaled:.{digits}f}%")
POINTS = Unit(
    "percentage points", "points", 100, "{scaled:+.{digits}f}", text_form="{scaled:+.{digits}f}"
)
NATS = Unit("nats")
COUNT = Unit("count", form="{scaled:,.{digits}f}", text_form="{scaled:,.{digits}f}")
SECONDS = Unit("seconds")
MEGABYTES = Unit("bytes, in MB", "MB", 1e-6, text_form="{scaled:.{digits}f} MB")

Value = float | int | Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure's declaration.

    In ``title`` and ``meaning`` "{part}" stands for the split part that the study is judged on.

    Attributes:
        name: Its key in ``metrics.json``, and its column wherever it is stored.
        title: Its heading in the report's table, without the unit.
        meaning: What it is: the legend's sentence, without the title.
        unit: Of the value that ``compute`` returns.
        digits: After the point, in the unit that the report shows.
        better: Which way.
        compute: From the trained network; None where there is no such figure, for example of a
            split part that the study lacks. A number, or one by setting.
        setting: Of a figure that has several values, what one is of; empty of a single number.
        shown: Where.
        only_judged_on: The report shows it only in studies that are judged on this split part.
        spread: Whether its standard deviation over seeds is kept and shown, too.
        text_title: Its heading where no unit follows, if that is another one.
        position: Of its column; of equal ones the name decides. Those of a new figure follow.
        source: Where its definition is from.
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
        """Return its heading with the unit, in a study that is judged on a split part."""
        return self._with_unit(self.title.replace("{part}", part))

    def full_heading(self, part: str) -> str:
        """Return its heading with the unit in a table of all split parts' figures."""
        return self._with_unit(self.text_heading(part))

    def text_heading(self, part: str) -> str:
        """Return its heading without the unit, in a study that is judged on a split part."""
        return (self.text_title or self.title).replace("{part}", part)

    def legend(self, part: str) -> str:
        """Return what it means, in a study that is judged on a split part."""
        return self.meaning.replace("{part}", part)

    def _with_unit(self, title: str) -> str:
        return f"{title}, {self.unit.heading}" if self.unit.heading else title
