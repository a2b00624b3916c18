"""Verdicts on techniques whose trainings are added look by look.

At each look the verdict on a technique is read from the interval of its mean difference to the
baseline (``interval``). The first verdict is final, and the technique trains no further.

**What is kept.** In 95 % of studies all verdicts are right and all intervals hold the true
differences, differences and equivalences together, however many looks there are and wherever one
stops. Exact for normal differences; ``benchmarks/README.md`` has simulated rates for others.

**Failed trainings.** A look counts the pairs that exist: the boundary is the one for so many pairs,
and spends what the look may spend. A look that adds no pair to a technique, or at which it has
fewer than ``MIN_PAIRS``, is passed over, and what it may spend is left to the next. This is right
if a failure tells nothing about the difference that the pair would have had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regbench.comparison.sequential.design import MIN_PAIRS, Design
from regbench.comparison.sequential.interval import ABOVE, BELOW, NOTHING, WITHIN, interval, read
from regbench.comparison.sequential.interval import critical as critical_values
from regbench.comparison.sequential.outlook import chance_of_verdict, further_seeds
from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAN = float("nan")


@dataclass(frozen=True)
class StagedVerdict:
    """The verdict on a technique, and the figures that it rests on.

    Differences are in the metric's stored unit, and so are their intervals; NaN without pairs.

    Attributes:
        verdict: Better, worse, equivalent, undecided, or descriptive only, if no look had enough
            pairs.
        look: The number of seeds at the look that the figures are of: the one that decided, or
            the latest; 0 before the first.
        stopped: Whether the technique trains no further: decided, without prospect, without a pair
            of which no training failed, or at the end.
        futile: Whether it stopped before the last look without prospect of a verdict.
        pairs: The number of pairs of trainings that the figures rest on.
        mean: The mean difference; after an early verdict a little too large.
        sd: The standard deviation of the differences.
        critical: The boundary of t for a difference at this look.
        low: Lower end of the interval that the verdict is read from.
        high: Upper end of it.
        plain_low: Lower end of the 95 % t interval, uncorrected.
        plain_high: Upper end of it.
        further_seeds: If undecided, how many more seeds would bring a verdict, if mean and spread
            stayed as they are; None if none would.
    """

    verdict: str
    look: int = 0
    stopped: bool = False
    futile: bool = False
    pairs: int = 0
    mean: float = _NAN
    sd: float = _NAN
    critical: float = _NAN
    low: float = _NAN
    high: float = _NAN
    plain_low: float = _NAN
    plain_high: float = _NAN
    further_seeds: int | None = None


def judge(
    differences: Mapping[str, "NDArray[np.float64]"],
    design: Design,
    *,
    smallest_sd: float = 0.0,
    higher_is_better: bool = True,
    until: int | None = None,
) -> dict[str, StagedVerdict]:
    """Return the verdict on every technique, from its looks so far.

    Looks are replayed from the first: the verdicts on a whole study are those that were given
    while it trained. Trainings after the look that decided change nothing.

    Args:
        differences: By technique, the paired differences to the baseline, by position of the seed
            in the study; NaN where a training of the pair failed. They end before the first seed
            of which a training is still missing; only looks that they reach are judged.
        design: The looks and the errors.
        smallest_sd: The least standard deviation that can be told from rounding: half the step of
            the metric, as in ``statistics.paired_difference``.
        higher_is_better: Whether a difference above 0 is one for the better.
        until: The last look to judge at; by default the last that is reached.

    Raises:
        ValueError: More techniques than the design is for.
    """
    if len(differences) > design.techniques:
        raise ValueError(f"{len(differences)} techniques, and a design for {design.techniques}")
    return {
        technique: _judge(values, design, smallest_sd, higher_is_better, until)
        for technique, values in differences.items()
    }


def _judge(
    values: "NDArray[np.float64]",
    design: Design,
    smallest_sd: float,
    higher_is_better: bool,
    until: int | None,
) -> StagedVerdict:
    names = {ABOVE: BETTER, BELOW: WORSE, WITHIN: EQUIVALENT, NOTHING: UNDECIDED}
    if not higher_is_better:
        names |= {ABOVE: WORSE, BELOW: BETTER}
    counts: list[int] = []
    shares: list[float] = []
    latest = StagedVerdict(DESCRIPTIVE)
    last = design.looks[-1]
    for look, share in zip(design.looks, design.shares, strict=True):
        if look > len(values) or look > (until or last):
            break
        known = values[:look][~np.isnan(values[:look])]
        pairs = len(known)
        if pairs < MIN_PAIRS or (counts and pairs == counts[-1]):
            latest = _passed_over(latest, known, look, look == last)
            if latest.stopped:
                break
            continue
        counts.append(pairs)
        shares.append(share)
        at = critical_values(tuple(counts), tuple(shares), design)
        mean, sd = float(known.mean()), max(float(known.std(ddof=1)), smallest_sd)
        se = design.standard_error(sd, pairs)
        plain = _t_quantile(pairs - 1, 0.975) * se
        verdict = names[int(read(mean, se, at, design.band))]
        low, high = interval(mean, se, at, design.band)
        futile, further = False, None
        if verdict == UNDECIDED:
            further = further_seeds(mean, sd, pairs, look, design)
            chance = 1.0 if look == last else chance_of_verdict(mean, sd, pairs, look, design)
            futile = bool(chance < design.futility)
        latest = StagedVerdict(
            verdict,
            look,
            stopped=verdict != UNDECIDED or futile or look == last,
            futile=futile,
            pairs=pairs,
            mean=mean,
            sd=sd,
            critical=at.difference,
            low=float(low),
            high=float(high),
            plain_low=mean - plain,
            plain_high=mean + plain,
            further_seeds=further,
        )
        if latest.stopped:
            break
    return latest


def _passed_over(
    latest: StagedVerdict, known: "NDArray[np.float64]", look: int, is_last: bool
) -> StagedVerdict:
    """Return the latest verdict after a look that could not judge.

    The end stops it, or that a training of every pair so far has failed: more seeds would most
    likely fail, too, and the baseline train on for their sake.
    """
    if latest.pairs >= MIN_PAIRS:
        return replace(latest, stopped=is_last)
    mean = float(known.mean()) if len(known) else _NAN
    stopped = is_last or not len(known)
    return replace(latest, look=look, stopped=stopped, pairs=len(known), mean=mean)


def _t_quantile(freedom: int, at: float) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    return float(stdtrit(freedom, at))
