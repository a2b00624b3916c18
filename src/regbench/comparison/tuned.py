"""What tuning brought: each tuned technique minus itself as it was, paired by seed."""

from collections.abc import Mapping

import pandas as pd

from regbench.comparison import statistics
from regbench.comparison.answers import answers_of_results
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import Metric


def what_tuning_brought(
    results: Mapping[str, Results], fixed: Mapping[str, str], metric: Metric, band: float
) -> pd.DataFrame:
    """Return a row per tuned technique that has a seed in common with itself as it was.

    All seeds that both have count, and p values are corrected over these rows alone (Holm). With
    looks a technique trains no further once it is decided against the baseline: its number of seeds
    then depends a little on what is tested here.

    Args:
        results: By technique, trainings that are up to date.
        fixed: By technique, the name that it has as it was.
        metric: The metric that decides.
        band: Of practical equivalence, in the metric's stored unit.

    Returns:
        In the order of ``fixed``: technique, fixed_figure and tuned_figure (means of the judged
        part's metric over these seeds), seeds, difference (tuned minus fixed) with low and high
        (95 % paired t interval), p_adjusted, verdict, metric (its name).
    """
    part = judged_part([name for stored in results.values() for name in stored.trainings.columns])
    rows, differences = [], {}
    for name, as_it_was in fixed.items():
        if not {name, as_it_was} <= results.keys():
            continue
        tuned, before = (
            results[one].by_seed(f"{part}_{metric.name}").dropna() for one in (name, as_it_was)
        )
        both = tuned.index.intersection(before.index).sort_values()
        if not len(both):
            continue
        answers = answers_of_results(results[as_it_was].of_seeds(both), part)[0]
        differences[name] = statistics.paired_difference(
            tuned[both].to_numpy(),
            before[both].to_numpy(),
            band,
            len(answers.targets),
            step=metric.step(answers),
            higher_is_better=metric.higher_is_better,
        )
        rows.append(
            {
                "technique": name,
                "fixed_figure": float(before[both].mean()),
                "tuned_figure": float(tuned[both].mean()),
                "seeds": len(both),
                "difference": differences[name].mean,
                "difference_low": differences[name].low,
                "difference_high": differences[name].high,
                "metric": metric.name,
            }
        )
    judged = statistics.judge(differences)
    return pd.DataFrame(
        [
            {
                **row,
                "p_adjusted": judged[str(row["technique"])].p_adjusted,
                "verdict": judged[str(row["technique"])].verdict,
            }
            for row in rows
        ]
    )
