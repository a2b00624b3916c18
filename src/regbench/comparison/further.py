"""What an undecided technique would take where the study is judged once: how many more seeds."""

from collections.abc import Callable, Mapping

from regbench.comparison.sequential.outlook import MOST_SEEDS
from regbench.comparison.statistics import (
    LEVEL,
    Judgement,
    PairedDifference,
    standard_error,
)
from regbench.comparison.verdicts import UNDECIDED


def further_seeds(
    differences: Mapping[str, PairedDifference],
    judged: Mapping[str, Judgement],
    band: float,
    variance_ratio: float = 0.0,
) -> dict[str, int]:
    """Return how many more seeds would bring a verdict, if means and spreads stayed as they are.

    The tests are those of ``statistics.judge``, with the p value multiplied by the number of
    techniques for which nothing is shown yet: Holm's factor if what is shown stays so, and none of
    the others is shown with the further seeds.

    Args:
        differences: By technique.
        judged: The verdicts on them, from ``statistics.judge``.
        band: Of practical equivalence, in the metric's stored unit.
        variance_ratio: As of ``statistics.paired_difference``.

    Returns:
        By undecided technique, at least 1; without those for which ``MOST_SEEDS`` are too few.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import

    open_differences = sum(found.p_adjusted >= LEVEL for found in judged.values())
    open_equivalences = sum(found.p_equivalence_adjusted >= LEVEL for found in judged.values())

    def decides(difference: PairedDifference) -> Callable[[int], bool]:
        def at(seeds: int) -> bool:
            error = standard_error(difference.sd, seeds, variance_ratio)
            size = abs(difference.mean)
            unlike_0 = 2 * float(stdtr(seeds - 1, -size / error))
            within = float(stdtr(seeds - 1, (size - band) / error))
            return unlike_0 * open_differences < LEVEL or within * open_equivalences < LEVEL

        return at

    found = {}
    for technique, judgement in judged.items():
        if judgement.verdict == UNDECIDED:
            seeds = differences[technique].seeds
            least = _least(decides(differences[technique]), seeds)
            if least is not None:
                found[technique] = least - seeds
    return found


def _least(enough: Callable[[int], bool], low: int) -> int | None:
    """Return the least number above ``low`` that is enough, as all above it are; None: too many."""
    high = MOST_SEEDS
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
