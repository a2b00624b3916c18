"""What verdicts are about: the images and the split at hand, or other sets like this one."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.comparison.verdicts import BETTER, EQUIVALENT, JUDGED, UNDECIDED, WORSE
from regbench.evaluation.resampling import Resampling
from regbench.metrics.base import Metric

ONE_SPLIT = "these images and this split"
SETS_LIKE_THIS = "sets like this one"  # every seed has its own split of the set
THESE_IMAGES = "these judged images"  # the same, but for a judged part that the set gives


def scope_of(resampling: Resampling | None) -> str:
    """Return what verdicts are about, in words.

    With one split, or where every seed judges the same images, the differences over seeds are a
    sample of those that other seeds have on the images at hand. Where the judged images are drawn
    anew, too, the corrected variance is that over other sets drawn as this one was.

    Args:
        resampling: From ``resampling_of``.
    """
    if resampling is None:
        return ONE_SPLIT
    return THESE_IMAGES if resampling.judged_is_fixed else SETS_LIKE_THIS


def verdicts_over_images(comparison: pd.DataFrame, metric: Metric, band: float) -> pd.Series:
    """Return each technique's verdict with the luck of the judged images allowed for, too.

    It is the verdict on the images at hand if the bootstrap interval over seeds and images shows
    the same, otherwise undecided: an interval of few seeds is too narrow to find more than the
    tests.

    Args:
        comparison: With verdict, and where there are intervals bootstrap_low and bootstrap_high.
        metric: That of the differences.
        band: Of practical equivalence, in the metric's stored unit.

    Returns:
        A verdict for each row; None where nothing is judged, or there is no interval.
    """
    found = [_over_images(row, metric, band) for row in comparison.to_dict("records")]
    return pd.Series(found, comparison.index, dtype=object)


def _over_images(row: Mapping[Any, Any], metric: Metric, band: float) -> str | None:
    low, high = (row.get(f"bootstrap_{end}", math.nan) for end in ("low", "high"))
    if row.get("verdict") not in JUDGED or math.isnan(low):
        return None
    gains = sorted((metric.gain(low), metric.gain(high)))
    shown = {
        BETTER: gains[0] > 0,
        WORSE: gains[1] < 0,
        EQUIVALENT: -band <= low and high <= band,
    }
    return str(row["verdict"]) if shown.get(row["verdict"], False) else UNDECIDED


def variance_ratio_of(row: Mapping[Any, Any]) -> float:
    """Return the variance ratio of a row of the comparison; 0 with a single split."""
    ratio = row.get("variance_ratio")
    return 0.0 if ratio is None or math.isnan(ratio) else float(ratio)
