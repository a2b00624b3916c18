"""The factorial view: whether techniques help each other, or get in each other's way.

Of two techniques and the one that has both, trained with the same seeds, the interaction is

    (both - base) - (one - base) - (other - base) = both - one - other + base:

what both together gain beyond the sum of what each gains alone. It is judged over seeds as
differences to the baseline are (``statistics``), and corrected over all such pairs of techniques.
With looks, techniques end at looks that depend on what was found. Whatever look that leaves, the
test at it is one of as many as there are looks: p values times their number (Bonferroni) hold for
any of them, and so do intervals of that level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import statistics
from regbench.comparison.answers import answers_of_results
from regbench.comparison.compare import judged_part_of
from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.evaluation.resampling import Resampling
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.study.arms import Arm, networks_in
from regbench.study.factorial import Factorial

HELP, HINDER, ADD_UP = "help each other", "get in each other's way", "add up"

# What a verdict on an interaction is called.
VERDICT_OF = {
    BETTER: HELP,
    WORSE: HINDER,
    EQUIVALENT: ADD_UP,
    UNDECIDED: UNDECIDED,
    DESCRIPTIVE: DESCRIPTIVE,
}
_COLUMNS = (
    *("network", "base", "one", "other", "both", "seeds"),
    *("one_difference", "other_difference", "both_difference"),
    *("interaction", "interaction_sd", "interaction_low", "interaction_high"),
    *("p_value", "p_adjusted", "verdict", "metric"),
)


def interactions(
    results: Mapping[str, Results],
    factorials: Sequence[Factorial],
    metric: str,
    band: float,
    resampling: Resampling | None = None,
    looks: Sequence[int] = (),
) -> pd.DataFrame:
    """Return the interaction of every pair of techniques that there are figures of.

    Args:
        results: By arm (a technique, or one on a network), only trainings that are up to date.
        factorials: From ``factorials_of_arms``.
        metric: The metric that decides.
        band: Of practical equivalence, in the metric's stored unit.
        resampling: From ``resampling_of``: how far splits differ if every seed has its own.
        looks: The numbers of seeds after which the study is judged; empty: once.

    Returns:
        A row per network and pair: network, only where there are several; base, one, other, both
        (names);
        seeds that all four have; one_difference, other_difference and both_difference, means of
        the headline minus the base's; interaction, its mean, with sd, low and high (95 % paired t
        interval; with looks it holds at each of them), p_value, p_adjusted (Holm over all rows) and
        verdict: ``help each other``, ``get in each other's way``, ``add up`` (within the band),
        ``undecided``, or ``descriptive only``; metric, its name. Figures are in the metric's
        stored unit: shares of 1, or nats.
    """
    part, of = judged_part_of(results), METRICS[metric]
    found: dict[str, tuple[dict[str, Any], statistics.PairedDifference]] = {}
    for network in networks_in(results):
        for factorial in factorials:
            names = [Arm(name, network).name for name in factorial]
            if not all(name in results for name in names):
                continue  # one that trains other networks only
            four = [results[name] for name in names]
            values = _by_common_seed(four, f"{part}_{metric}", looks)
            if values.empty:
                continue
            base, one, other, both = values.to_numpy(dtype=float).T
            reference = answers_of_results(four[0].of_seeds(values.index), part)[0]
            paired = statistics.paired_difference(
                both - other,
                one - base,
                band,
                len(reference.targets),
                step=of.step(reference),
                higher_is_better=of.higher_is_better,
                variance_ratio=0.0 if resampling is None else resampling.variance_ratio,
            )
            row = {
                "network": network,
                **factorial._asdict(),
                "seeds": paired.seeds,
                "one_difference": float(np.mean(one - base)),
                "other_difference": float(np.mean(other - base)),
                "both_difference": float(np.mean(both - base)),
                "metric": metric,
            }
            found[str(len(found))] = row, _at_any_look(paired, max(1, len(looks)))
    judged = statistics.judge({key: paired for key, (_, paired) in found.items()})
    rows = [
        row
        | {
            "interaction": paired.mean,
            "interaction_sd": paired.sd,
            "interaction_low": paired.low,
            "interaction_high": paired.high,
            "p_value": paired.p_value,
            "p_adjusted": judged[key].p_adjusted,
            "verdict": VERDICT_OF[judged[key].verdict],
        }
        for key, (row, paired) in found.items()
    ]
    named = _COLUMNS if networks_in(results) != [""] else _COLUMNS[1:]
    return pd.DataFrame(rows, columns=list(named))


def _by_common_seed(four: Sequence[Results], headline: str, looks: Sequence[int]) -> pd.DataFrame:
    """Return the headline of four techniques, a column each, by the seeds that all of them have.

    With looks these are the seeds up to the last look that all four have come to, failed trainings
    counted as made.
    """
    values = pd.concat([results.by_seed(headline) for results in four], axis=1).dropna()
    if looks:
        made = min(int(results.trainings["seed"].max()) for results in four) if len(values) else 0
        values = values[values.index <= max((look for look in looks if look <= made), default=0)]
    return values.sort_index()


def _at_any_look(paired: statistics.PairedDifference, looks: int) -> statistics.PairedDifference:
    """Return a paired difference with p values and an interval that hold at each of some looks."""
    if looks == 1 or paired.seeds < 2:
        return paired
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    freedom = paired.seeds - 1
    wider = stdtrit(freedom, 1 - statistics.LEVEL / looks / 2) / stdtrit(freedom, 0.975)
    half_width = float(wider) * (paired.high - paired.mean)
    return replace(
        paired,
        low=paired.mean - half_width,
        high=paired.mean + half_width,
        p_value=min(1.0, paired.p_value * looks),
        p_equivalence=min(1.0, paired.p_equivalence * looks),
    )
