"""The design of staged looks: when a study is judged, and the errors that it may make."""

import math
from dataclasses import dataclass

MIN_PAIRS = 3  # pairs of trainings that a look needs: a spread of two says nothing about normality
ERROR = 0.05  # the share of studies that may have a wrong verdict
SPENDING = 2.25  # the least that keeps within 5 points of the power of one test at the end
FUTILITY = 0.05  # 0.1 would cost another point of power


@dataclass(frozen=True)
class Design:
    """When a study is judged, and how much error each look may spend.

    Attributes:
        looks: The numbers of seeds after which the study is judged, strictly rising.
        techniques: The number of techniques compared with a baseline, over all networks. It is
            fixed with the design: techniques that are decided do not lower it.
        band: Of practical equivalence: the largest difference that counts as none, in the metric's
            stored unit.
        error: The share of studies that may have any wrong verdict.
        spending: The power p of the spending function: by a look at n of N seeds, the share
            (n / N)^p of the error may have been spent (Kim and DeMets 1987). More than 1 saves
            error for late looks.
        futility: A technique whose probability of a verdict at the last look falls below this
            stops as undecided; 0 lets all train to the end.
        variance_ratio: Judged images by train images if every seed draws its own split: the
            variance of a mean is then s^2 (1/n + ratio) (Nadeau and Bengio 2003). 0 for a single
            split. What splits have in common makes looks more alike, and the boundaries cautious.
    """

    looks: tuple[int, ...]
    techniques: int
    band: float
    error: float = ERROR
    spending: float = SPENDING
    futility: float = FUTILITY
    variance_ratio: float = 0.0

    def __post_init__(self) -> None:
        rising = all(one < other for one, other in zip(self.looks, self.looks[1:], strict=False))
        if not self.looks or not rising or self.looks[0] < MIN_PAIRS:
            raise ValueError(f"looks have to rise strictly from {MIN_PAIRS} or more: {self.looks}")
        if self.techniques < 1 or not 0 < self.error < 0.5 or self.spending <= 0:
            raise ValueError(f"not a design: {self}")
        if not (math.isfinite(self.band) and self.band >= 0) or self.variance_ratio < 0:
            raise ValueError(f"not a design: {self}")

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of the error that may have been spent by each look."""
        return tuple((look / self.looks[-1]) ** self.spending for look in self.looks)

    def standard_error(self, sd: float, pairs: int) -> float:
        """Return the standard error of a mean difference of ``pairs`` pairs."""
        return sd * math.sqrt(1 / pairs + self.variance_ratio)
