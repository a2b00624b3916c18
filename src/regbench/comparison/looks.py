"""The looks of a study: who is decided by the trainings so far, and who has to train on.

Verdicts are replayed from the stored trainings, from the first look on, so that a study has the
same ones while it trains, in its report, and after it was killed and goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.answers import answers_of_results
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import StagedVerdict, judge
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE
from regbench.evaluation.resampling import Resampling
from regbench.evaluation.results import FAILED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import POINTS, Metric
from regbench.study.arms import arm_named, by_network, on_same_network
from regbench.study.schema import BASELINE

DECIDED = (BETTER, WORSE, EQUIVALENT)


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes:
        verdicts: By arm, without baselines.
        due: By arm, the number of seeds that it needs so far: up to the look that has stopped it,
            or to the next one. A baseline's is that of the technique that needs most.
        reached: By arm, without baselines: the last look at which all trainings of the pairs so far
            were there; 0 before the first.
    """

    verdicts: dict[str, StagedVerdict]
    due: dict[str, int]
    reached: dict[str, int]

    @property
    def decided(self) -> list[str]:
        """The arms with a verdict other than undecided."""
        return [arm for arm, found in self.verdicts.items() if found.verdict in DECIDED]

    def is_waiting(self, arm: str, look: int) -> bool:
        """Return whether a look could not judge an arm: a training of it or its baseline lacks."""
        return not self.verdicts[arm].stopped and self.reached[arm] < look


def standing(
    results: Mapping[str, Results],
    looks: Sequence[int],
    band: float,
    metric: Metric,
    resampling: Resampling | None = None,
) -> Standing:
    """Return where a study with looks stands.

    The error is joint over all techniques on all networks, as that of ``compare`` without looks.

    Args:
        results: By arm, only trainings that are up to date; empty for arms that are not trained.
        looks: The numbers of seeds after which the study is judged; seeds are 1, 2, 3 ...
        band: Of practical equivalence, in the metric's stored unit.
        metric: The metric that decides.
        resampling: How far splits differ if every seed has its own.
    """
    part = judged_part([name for stored in results.values() for name in stored.trainings.columns])
    headline = f"{part}_{metric.name}"
    values = {arm: _by_seed(stored, headline) for arm, stored in results.items()}
    techniques = [arm for arm in results if arm_named(arm).technique != BASELINE]
    nothing: pd.Series = pd.Series(dtype=float)
    pairs = {
        arm: _paired(values[arm], values.get(on_same_network(arm, BASELINE), nothing), looks[-1])
        for arm in techniques
    }
    variance_ratio = 0.0 if resampling is None else resampling.variance_ratio
    verdicts = judge(
        pairs,
        Design(tuple(looks), max(1, len(techniques)), band, variance_ratio=variance_ratio),
        smallest_sd=0.5 * _step(results, part, metric),
        higher_is_better=metric.higher_is_better,
    )
    reached = {arm: max((n for n in looks if n <= len(pairs[arm])), default=0) for arm in pairs}
    due = {arm: _due(verdicts[arm], reached[arm], looks) for arm in techniques}
    for network, of_network in by_network(results).items():
        if BASELINE in of_network:
            # A technique that has not reached the first look keeps no baseline waiting.
            needs = [n for arm, n in due.items() if arm_named(arm).network == network]
            name = next(a for a in results if arm_named(a) == (BASELINE, network))
            due[name] = max([looks[0], *needs])
    possible = {arm: _within_what_is_possible(found, metric) for arm, found in verdicts.items()}
    return Standing(possible, {arm: due[arm] for arm in results}, reached)


def set_aside_unneeded(
    results: Mapping[str, Results],
    looks: Sequence[int],
    band: float,
    metric: Metric,
    resampling: Resampling | None = None,
) -> dict[str, Results]:
    """Return the results without trainings beyond the look that has stopped their arm.

    There are such where a study was trained with a fixed number of seeds before. No verdict rests
    on them, as looks would not have had them. The arguments are those of ``standing``.
    """
    due = standing(results, looks, band, metric, resampling).due
    return {arm: stored.of_seeds(range(1, due[arm] + 1)) for arm, stored in results.items()}


def without_unneeded(
    results: Mapping[str, Results], comparison: pd.DataFrame
) -> dict[str, Results]:
    """Return the results without trainings that the looks of a comparison do not need.

    Args:
        results: By arm.
        comparison: From ``compare``; without looks all trainings stay, as do those of other arms.
    """
    if not is_staged(comparison):
        return dict(results)
    due = {
        (str(row["technique"]), str(row.get("network", ""))): int(
            row["trainings"] + row["missing_trainings"]
        )
        for row in comparison.to_dict("records")
    }
    return {
        arm: stored.of_seeds(range(1, due[of] + 1)) if of in due else stored
        for arm, stored in results.items()
        for of in [(arm_named(arm).technique, arm_named(arm).network)]
    }


def at_look(staged: Standing, technique: str) -> dict[str, Any]:
    """Return the figures of a technique's latest look, in place of those without looks."""
    found = staged.verdicts[technique]
    nan = float("nan")
    row: dict[str, Any] = {
        "p_adjusted": nan,
        "detectable_difference": nan,  # that of a single test
        "verdict": found.verdict,
        "difference_low": found.low,
        "difference_high": found.high,
        "plain_low": found.plain_low,
        "plain_high": found.plain_high,
        "pairs": found.pairs,
        "stopped_at": staged.due[technique] if found.stopped else nan,
        "futile": found.futile,
        "further_seeds": nan if found.further_seeds is None else found.further_seeds,
    }
    if found.pairs:
        row |= {"difference": found.mean, "difference_sd": found.sd}
    return row


def _within_what_is_possible(found: StagedVerdict, metric: Metric) -> StagedVerdict:
    """Return a verdict with intervals no wider than differences of shares of 1 can be.

    Those of an early look with few images may reach far beyond. No verdict changes: the ends that
    are drawn in lie beyond 0 and the band.
    """
    if metric.unit != POINTS:
        return found
    ends = [found.low, found.high, found.plain_low, found.plain_high]
    low, high, plain_low, plain_high = np.clip(ends, -1, 1).tolist()
    return replace(found, low=low, high=high, plain_low=plain_low, plain_high=plain_high)


def _step(results: Mapping[str, Results], part: str, metric: Metric) -> float:
    """Return the metric's step on the images of the judged part; 0 if nothing is trained."""
    for stored in results.values():
        first = stored.by_seed(f"{part}_{metric.name}").index[:1]
        for answers in answers_of_results(stored.of_seeds(first), part):
            return metric.step(answers)
    return 0.0


def _by_seed(results: Results, headline: str) -> pd.Series:
    """Return a figure by seed, float; NaN for a training that failed or does not have it."""
    trainings = results.trainings
    if trainings.empty:
        return pd.Series(dtype=float)
    found = trainings.set_index("seed")
    # Where all trainings have failed there is no such column.
    values = found.get(headline, pd.Series(np.nan, found.index)).astype(float)
    return values.where(found["status"] != FAILED)


def _paired(technique: pd.Series, baseline: pd.Series, last: int) -> np.ndarray:
    """Return differences by seed from 1, to the last before one that either does not have."""
    differences = []
    for seed in range(1, last + 1):
        if seed not in technique.index or seed not in baseline.index:
            break
        differences.append(float(technique[seed] - baseline[seed]))
    return np.asarray(differences, dtype=float)


def _due(found: StagedVerdict, reached: int, looks: Sequence[int]) -> int:
    if found.stopped and (found.verdict != UNDECIDED or found.futile):
        return found.look
    return next((look for look in looks if look > reached), looks[-1])


def describe(standing: Standing, look: int) -> str:
    """Return what a look has found, in a line: whose verdicts are new, and who trains on.

    Techniques of which nothing is there to be judged are left out.
    """
    judged = {a: v for a, v in standing.verdicts.items() if v.stopped or standing.reached[a]}
    by_verdict: dict[str, list[str]] = {}
    for arm, found in judged.items():
        if found.stopped and found.look == look:
            word = found.verdict if found.verdict in DECIDED else "without prospect of a verdict"
            word = word if found.pairs else "cannot be judged, as trainings of all pairs failed"
            by_verdict.setdefault(word, []).append(arm)
    parts = [f"{', '.join(arms)} {word}" for word, arms in by_verdict.items()]
    on = [a for a, v in judged.items() if not v.stopped and not standing.is_waiting(a, look)]
    if on:
        parts.append(f"{len(on)} of {len(judged)} undecided, these train on: {', '.join(on)}")
    waiting = [a for a in judged if standing.is_waiting(a, look)]
    if waiting:
        parts.append(f"{', '.join(waiting)} cannot be judged: trainings of pairs are missing")
    if not judged:
        parts.append("nothing to compare: a technique needs the baseline with the same seeds")
    return f"look at {look} seeds: {'; '.join(parts) or 'no new verdict, nobody trains on'}"


def describe_end(comparison: pd.DataFrame) -> str:
    """Return how many techniques are decided and with how many trainings, in a line.

    Args:
        comparison: From ``compare``, of a study with looks.
    """
    made, most = trainings_made(comparison)
    decided, compared = decided_of(comparison)
    return f"decided {decided} of {compared} with {made} of {most} trainings"


def decided_of(comparison: pd.DataFrame) -> tuple[int, int]:
    """Return how many techniques of a study with looks are decided, and how many there are.

    A comparison has no verdicts where nothing could be compared, as where every training failed.
    """
    compared = comparison[comparison["technique"] != BASELINE]
    verdicts = compared.get("verdict", pd.Series(dtype=object))
    return int(verdicts.isin(DECIDED).sum()), len(compared)


def is_staged(comparison: pd.DataFrame) -> bool:
    """Return whether a comparison is of a study with looks."""
    return "saved_trainings" in comparison


def trainings_made(comparison: pd.DataFrame) -> tuple[int, int]:
    """Return how many trainings a study with looks has, and how many it would have without."""
    made = int(comparison["trainings"].sum())
    others = comparison[["saved_trainings", "missing_trainings"]]
    return made, made + int(np.nansum(others.to_numpy(dtype=float)))
