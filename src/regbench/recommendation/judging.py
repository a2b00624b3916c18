"""Verdicts within a step: candidates against what they start from, by the rules of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regbench.comparison import statistics
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.comparison.statistics import PairedDifference
from regbench.comparison.verdicts import UNDECIDED
from regbench.metrics.base import Metric

BySeed = Mapping[int, float]  # a metric of trainings; NaN of one that failed
_NAN = float("nan")


@dataclass(frozen=True)
class Rules:
    """By what a study is judged.

    Attributes:
        seeds: All seeds of the study, in order.
        looks: The numbers of seeds after which it is judged; empty: once, with all seeds.
        band: Of practical equivalence, in the metric's stored unit.
        metric: That decides.
        step: The metric's step on the images that are judged.
    """

    seeds: tuple[int, ...]
    looks: tuple[int, ...]
    band: float
    metric: Metric
    step: float

    @property
    def first(self) -> tuple[int, ...]:
        """The seeds that a first verdict needs."""
        return self.seeds[: self.looks[0]] if self.looks else self.seeds


@dataclass(frozen=True)
class Judged:
    """Where a candidate stands.

    Attributes:
        verdict: In the report's words; None before a first verdict.
        gain: By how much it is better, in the metric's stored unit, mean over the pairs that there
            are; below 0 if it is worse; NaN without pairs.
        lacks: The seeds that it, or what it is compared with, still needs for its next verdict;
            empty if it is decided, or without prospect.
        further_seeds: If undecided, how many more seeds would bring a verdict; None if unknown.
    """

    verdict: str | None
    gain: float
    lacks: tuple[int, ...] = ()
    further_seeds: int | None = None


def judged(
    candidates: Mapping[str, BySeed], reference: BySeed, rules: Rules, family: int
) -> dict[str, Judged]:
    """Return where each candidate stands against the reference.

    Args:
        candidates: By name, the metric of the trainings that there are.
        reference: Of what they are compared with.
        rules: By which verdicts are given.
        family: How many candidates the error is shared by; those that are not there yet, too.
    """
    found = _at_looks if rules.looks else _at_the_end
    return found(candidates, reference, rules, max(1, family))


def _at_looks(
    candidates: Mapping[str, BySeed], reference: BySeed, rules: Rules, family: int
) -> dict[str, Judged]:
    pairs = {name: _pairs(values, reference, rules.seeds) for name, values in candidates.items()}
    verdicts = judge(
        pairs,
        Design(rules.looks, family, rules.band),
        smallest_sd=0.5 * rules.step,
        higher_is_better=rules.metric.higher_is_better,
    )
    found = {}
    for name, verdict in verdicts.items():
        is_judged = len(pairs[name]) >= rules.looks[0]
        lacks: tuple[int, ...] = ()
        if not verdict.stopped:
            next_look = next((n for n in rules.looks if n > len(pairs[name])), rules.looks[-1])
            lacks = _lacking(candidates[name], reference, rules.seeds[:next_look])
        found[name] = Judged(
            verdict.verdict if is_judged else None,
            _gain(candidates[name], reference, rules.metric),
            lacks,
            verdict.further_seeds,
        )
    return found


def _at_the_end(
    candidates: Mapping[str, BySeed], reference: BySeed, rules: Rules, family: int
) -> dict[str, Judged]:
    lacks = {name: _lacking(values, reference, rules.seeds) for name, values in candidates.items()}
    differences: dict[str, PairedDifference] = {
        name: statistics.paired_difference(
            np.asarray([candidates[name][seed] for seed in rules.seeds]),
            np.asarray([reference[seed] for seed in rules.seeds]),
            rules.band,
            1,
            step=rules.step,
            higher_is_better=rules.metric.higher_is_better,
        )
        for name in candidates
        if not lacks[name]
    }
    # Those that are not there yet count in the corrections as if they showed nothing.
    nothing: dict[str, Any] = {"seeds": statistics.MIN_SEEDS, "mean": 0.0, "sd": _NAN}
    nothing |= {"low": _NAN, "high": _NAN, "win_share": _NAN, "p_value": 1.0, "p_equivalence": 1.0}
    absent = {
        f"{number}": PairedDifference(**nothing) for number in range(family - len(differences))
    }
    verdicts = statistics.judge({**differences, **absent})
    return {
        name: Judged(
            verdicts[name].verdict if name in differences else None,
            _gain(candidates[name], reference, rules.metric),
            lacks[name],
        )
        for name in candidates
    }


def is_open(found: Judged) -> bool:
    """Return whether nothing is decided, and nothing more will be."""
    return found.verdict == UNDECIDED and not found.lacks


def _pairs(values: BySeed, reference: BySeed, seeds: tuple[int, ...]) -> np.ndarray:
    """Return differences in the order of seeds, up to the first that either does not have."""
    differences = []
    for seed in seeds:
        if seed not in values or seed not in reference:
            break
        differences.append(values[seed] - reference[seed])
    return np.asarray(differences, dtype=float)


def _lacking(values: BySeed, reference: BySeed, seeds: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(seed for seed in seeds if seed not in values or seed not in reference)


def _gain(values: BySeed, reference: BySeed, metric: Metric) -> float:
    """Return the mean gain over the pairs of which neither failed; NaN without any."""
    differences = [values[seed] - reference[seed] for seed in values if seed in reference]
    known = [difference for difference in differences if not np.isnan(difference)]
    return metric.gain(float(np.mean(known))) if known else _NAN
