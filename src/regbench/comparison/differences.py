"""The statistics of every technique's difference to the baseline, paired by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import statistics
from regbench.comparison.answers import answers_of_results
from regbench.comparison.further import further_seeds
from regbench.comparison.looks import Standing, at_look
from regbench.evaluation.resampling import Resampling
from regbench.evaluation.results import Results
from regbench.metrics.base import Answers, Metric
from regbench.metrics.registry import DEFAULT
from regbench.study.arms import on_same_network
from regbench.study.schema import BASELINE


def differences_to_baseline(
    results: Mapping[str, Results],
    metric: Metric,
    part: str,
    band: float,
    resampling: Resampling | None,
    staged: Standing | None,
) -> pd.DataFrame:
    """Return the statistics of every arm that has seeds in common with its network's baseline."""
    headline = f"{part}_{metric.name}"
    values = {name: stored.by_seed(headline).dropna() for name, stored in results.items()}
    differences = {}
    intervals = {}
    same_images = resampling is None or resampling.judged_is_fixed
    variance_ratio = 0.0 if resampling is None else resampling.variance_ratio
    for technique, by_seed in values.items():
        reference_name = on_same_network(technique, BASELINE)
        if technique == reference_name:
            continue
        baseline = values.get(reference_name, pd.Series(dtype=float))
        both = by_seed.index.intersection(baseline.index).sort_values()  # pairs of trainings
        if staged and staged.verdicts[technique].look:
            both = both[both <= staged.verdicts[technique].look]  # the others wait for the next
        if not len(both):
            continue
        answers, reference = (
            answers_of_results(results[name].of_seeds(both), part)
            for name in (technique, reference_name)
        )
        differences[technique] = statistics.paired_difference(
            by_seed[both].to_numpy(),
            baseline[both].to_numpy(),
            band,
            len(reference[0].targets),
            step=metric.step(reference[0]),
            higher_is_better=metric.higher_is_better,
            variance_ratio=variance_ratio,
        )
        intervals[technique] = (
            _bootstrap_interval(metric, answers, reference) if same_images else (np.nan, np.nan)
        )
    judged = statistics.judge(differences)
    corrected_for = sum(
        difference.seeds >= statistics.MIN_SEEDS for difference in differences.values()
    )
    further = further_seeds(differences, judged, band, variance_ratio)
    rows: dict[str, dict[str, Any]] = {
        technique: {
            "difference": difference.mean,
            "difference_sd": difference.sd,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "p_value": difference.p_value,
            "p_adjusted": judged[technique].p_adjusted,
            "bootstrap_low": intervals[technique][0],
            "bootstrap_high": intervals[technique][1],
            "win_share": difference.win_share,
            "detectable_difference": statistics.detectable_difference(
                difference.sd,
                difference.seeds,
                corrected_for,
                variance_ratio=variance_ratio,
            )
            if corrected_for
            else float("nan"),
            "verdict": judged[technique].verdict,
            "further_seeds": further.get(technique, float("nan")),
        }
        for technique, difference in differences.items()
    }
    if staged:
        rows = {technique: row | at_look(staged, technique) for technique, row in rows.items()}
    columns = ["difference", "verdict"]  # present without any rows, too
    return pd.DataFrame.from_dict(rows, orient="index", columns=None if rows else columns)


def _bootstrap_interval(
    metric: Metric, technique: Sequence[Answers], baseline: Sequence[Answers]
) -> tuple[float, float]:
    if metric.name == DEFAULT:  # the same draws, from fewer numbers
        one, other = (
            np.stack([answers.predicted == answers.targets for answers in of])
            for of in (technique, baseline)
        )
        return statistics.bootstrap_interval(one, other)
    return statistics.bootstrap_interval_of(metric, technique, baseline)
