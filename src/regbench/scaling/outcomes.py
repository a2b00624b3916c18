"""What the trainings of a comparison made, as values by technique and draw."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regbench.comparison.statistics import judge, paired_difference
from regbench.evaluation.results import FAILED, TRAINED
from regbench.metrics.base import POINTS, Metric

SKIPPED = "skipped"  # the status of a training that there is not: its size is not below all images


def failures(outcomes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for every failed training: its name and the reason.

    Args:
        outcomes: By the training's name.
    """
    return [
        f"{name} ({outcome['reason']})"
        for name, outcome in outcomes.items()
        if outcome["status"] == FAILED
    ]


def values_of(outcomes: Sequence[Mapping[str, Any]], figure: str) -> np.ndarray:
    """Return a figure of each training, NaN of one that failed; floats."""
    return np.array(
        [outcome[figure] if outcome["status"] == TRAINED else math.nan for outcome in outcomes],
        dtype=float,
    )


def errors_of(values: np.ndarray, metric: Metric) -> np.ndarray:
    """Return values of a metric as errors, of which 0 is the least: shares of 1, or nats."""
    if metric.unit == POINTS and metric.higher_is_better:
        return 1 - values
    return -values if metric.higher_is_better else values


def mean_and_interval(values: np.ndarray) -> dict[str, float | None]:
    """Return mean, standard deviation (n - 1) and 95 % t interval of the mean over trainings.

    Returns:
        ``trainings``, ``mean``, ``sd``, ``low`` and ``high``; None for what there is not.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    known = values[~np.isnan(values)]
    count = len(known)
    mean = float(known.mean()) if count else None
    if count < 2 or mean is None:
        return {"trainings": count, "mean": mean, "sd": None, "low": None, "high": None}
    sd = float(known.std(ddof=1))
    half = float(stdtrit(count - 1, 0.975)) * sd / math.sqrt(count)
    return {"trainings": count, "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def differences_of(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    outcomes: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    band: float,
) -> dict[str, dict[str, Any]]:
    """Return paired differences and verdicts by the rules of the report, all as one family.

    Args:
        pairs: By name, the values that are compared and those of the reference, by draw.
        outcomes: Of all trainings.
        metric: That the values are of.
        band: Of practical equivalence, in the metric's stored unit.

    Returns:
        By name, without those that no draw has both values of: difference, difference_low,
        difference_high (None if not finite) and verdict.
    """
    measured = [outcome for outcome in outcomes.values() if outcome["status"] == TRAINED]
    if not measured:
        return {}
    found = {
        name: paired_difference(
            values,
            reference,
            band,
            int(measured[0]["judged_images"]),
            step=float(measured[0]["step"]),
            higher_is_better=metric.higher_is_better,
        )
        for name, (values, reference) in pairs.items()
    }
    found = {name: paired for name, paired in found.items() if paired.seeds}
    verdicts = judge(found)
    return {
        name: {
            "difference": paired.mean,
            "difference_low": finite(paired.low),
            "difference_high": finite(paired.high),
            "verdict": verdicts[name].verdict,
        }
        for name, paired in found.items()
    }


def finite(value: float) -> float | None:
    """Return a number as JSON has it: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None
