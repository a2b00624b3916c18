"""The contract of a metric: a value of ``reporting.metric``, by which a study is decided.

A file of this folder declares one as ``METRIC``. All files of the folder are read; there is no
list to add it to. Its figures on validation and test images, the values that settings allow and
the columns of a training's history are derived from it.

The settings import these files: import NumPy and SciPy inside of functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

POINTS, NATS = "percentage points", "nats"  # the units of differences


class Answers(NamedTuple):
    """A network's answers to N images.

    Attributes:
        targets: The true classes, N ints from 0.
        predicted: The most probable classes, N ints from 0.
        likelihoods: The probability that each true class was given, N floats.
        classes: Number of classes, K.
    """

    targets: "np.ndarray"
    predicted: "np.ndarray"
    likelihoods: "np.ndarray"
    classes: int


# From answers, and how often each image counts (R x N, a row per resample; None: once): R floats.
Score = Callable[[Answers, "np.ndarray | None"], "np.ndarray"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric's declaration.

    Attributes:
        name: The value of ``reporting.metric``; its figures are ``validation_<name>`` and
            ``test_<name>``.
        title: In headings and sentences.
        meaning: What it is, for the legend.
        score: Returns it; images may count several times or not at all.
        step: Returns about the least amount by which one more right answer changes it, in its
            stored unit. A spread below half of it cannot be told from rounding.
        unit: Of differences: ``POINTS`` (it is stored as a share of 1) or ``NATS``.
        higher_is_better: Whether more is better.
        in_report: Whether the report's table has it where another metric decides.
        source: The paper that defines it.
    """

    name: str
    title: str
    meaning: str
    score: Score
    step: Callable[[Answers], float]
    unit: str = POINTS
    higher_is_better: bool = True
    in_report: bool = False
    source: str = ""

    def of(self, answers: Answers) -> float:
        """Return its value, every image counted once; NaN without images."""
        return float(self.score(answers, None)[0]) if len(answers.targets) else float("nan")

    @property
    def factor(self) -> float:
        """From the stored value to the unit of differences: 100 for shares, 1 for nats."""
        return 100 if self.unit == POINTS else 1

    @property
    def digits(self) -> int:
        """After the point, in the unit of differences."""
        return 2 if self.unit == POINTS else 3

    @property
    def short_unit(self) -> str:
        """The unit of differences in a word: points or nats."""
        return "points" if self.unit == POINTS else "nats"

    @property
    def best_word(self) -> str:
        """Where the best value stands: highest or lowest."""
        return "highest" if self.higher_is_better else "lowest"

    def gain(self, difference: float) -> float:
        """Return a difference with the sign that makes more better."""
        return difference if self.higher_is_better else -difference


def answers_of(probabilities: "np.ndarray", targets: "np.ndarray") -> Answers:
    """Return a network's answers.

    Args:
        probabilities: N x K, float.
        targets: N ints from 0.
    """
    import numpy as np  # noqa: PLC0415 - slow to import

    likelihoods = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return Answers(targets, probabilities.argmax(axis=1), likelihoods, probabilities.shape[1])


def log_likelihoods(answers: Answers) -> "np.ndarray":
    """Return log p(target) of each image in nats; 0 counts as the smallest normal float32."""
    import numpy as np  # noqa: PLC0415 - slow to import

    logarithms: np.ndarray = np.log(np.maximum(answers.likelihoods, np.finfo(np.float32).tiny))
    return logarithms


def mean_of_images(values: "np.ndarray", weights: "np.ndarray | None") -> "np.ndarray":
    """Return the mean of N values for each row of weights (R x N; None: once each), R floats."""
    import numpy as np  # noqa: PLC0415 - slow to import

    if weights is None:
        return np.asarray([values.mean()])
    return np.asarray(weights @ values / weights.sum(axis=1))


def sums_by_class(
    of: "np.ndarray", values: "np.ndarray", classes: int, weights: "np.ndarray | None"
) -> "np.ndarray":
    """Return the sums of N values over the images of each class, R x K.

    Args:
        of: The class that each image counts for, N ints from 0.
        values: N floats or bools.
        classes: K.
        weights: How often each image counts, R x N; None: once.
    """
    import numpy as np  # noqa: PLC0415 - slow to import

    if weights is None:
        return np.bincount(of, values, classes)[None]
    from scipy.sparse import csr_array  # noqa: PLC0415 - slow to import

    by_class = csr_array(
        (np.asarray(values, dtype=float), (of, np.arange(len(of)))), shape=(classes, len(of))
    )
    return np.asarray((by_class @ weights.T).T)


def mean_of_classes(
    answers: Answers, values: "np.ndarray", weights: "np.ndarray | None"
) -> "np.ndarray":
    """Return the mean over classes of the mean of each class's images; R floats.

    A class without images is left out.
    """
    import numpy as np  # noqa: PLC0415 - slow to import

    ones = np.ones(len(answers.targets))
    images = sums_by_class(answers.targets, ones, answers.classes, weights)
    sums = sums_by_class(answers.targets, values, answers.classes, weights)
    means = np.divide(sums, images, out=np.zeros_like(sums), where=images > 0)
    return np.asarray(means.sum(axis=1) / (images > 0).sum(axis=1))


def one_image(answers: Answers) -> float:
    """Return the step of a share of images: one image."""
    return 1 / len(answers.targets)


def one_image_of_a_class(answers: Answers) -> float:
    """Return the step of a mean over classes of shares: one image of the largest class."""
    import numpy as np  # noqa: PLC0415 - slow to import

    counts = np.bincount(answers.targets)
    return 1 / int((counts > 0).sum()) / int(counts.max())


def rounding_of_nats(answers: Answers) -> float:
    """Return the step of a mean of log-likelihoods: that of float32 probabilities, 1e-7 nats."""
    return 1e-7
