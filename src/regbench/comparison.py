"""The comparison: every technique against the baseline, paired by seed."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from regbench.study import BASELINE

TRAINED, FAILED, UNTRAINED = "trained", "failed", "not trained"

# What a row averages over its runs; the headline figures come with a standard deviation too.
_MEANS = (
    "train_accuracy",
    "best_validation_accuracy",
    "validation_cross_entropy",
    "test_cross_entropy",
    "generalization_gap",
    "near_zero_share",
    "epochs",
    "best_epoch",
    "seconds",
)


def failures(results: Mapping[str, pd.DataFrame]) -> list[str]:
    """Name every failed run and its reason."""
    return [
        f"{technique} seed {run.seed} ({run.reason})"
        for technique, table in results.items()
        if not table.empty
        for run in table[table["status"] == FAILED].itertuples()
    ]


def compare(
    results: Mapping[str, pd.DataFrame], published: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Compare all techniques with the baseline.

    Args:
        results: Each technique's runs, a row per seed with the metrics of ``evaluate``; an empty
            table if not trained.
        published: Accuracies to set beside ours.

    Returns:
        A row per technique, the best headline figure first, techniques without figures last.
        Columns: technique, status (trained, failed or not trained), runs and failed_runs,
        reason; validation_accuracy and (in a study with a test part) test_accuracy with
        ``_sd``, the standard deviation over seeds (n - 1); difference: the headline figure minus
        the baseline's, mean over the seeds that both have, with its sd; further means over
        seeds. Figures are shares of 1; cross-entropies nats; seconds are training's.
    """
    headline = headline_figure(results.values())
    baseline = _figure_by_seed(results.get(BASELINE), headline)
    rows = [
        _row(technique, table, headline, baseline, published or {})
        for technique, table in results.items()
    ]
    comparison = pd.DataFrame(rows)
    if headline not in comparison:
        return comparison.sort_values("technique", ignore_index=True)
    return comparison.dropna(axis="columns", how="all").sort_values(
        [headline, "technique"], ascending=[False, True], na_position="last", ignore_index=True
    )


def headline_figure(results: Iterable[pd.DataFrame]) -> str:
    """The column that a study is judged by: test accuracy, or validation where there is no test."""
    tested = any("test_accuracy" in table for table in results)
    return "test_accuracy" if tested else "validation_accuracy"


def best_technique(results: Mapping[str, pd.DataFrame]) -> str | None:
    """The technique with the best mean validation accuracy: validation selects, not test."""
    means = {
        technique: _figure_by_seed(table, "validation_accuracy").mean()
        for technique, table in results.items()
    }
    trained = {technique: mean for technique, mean in means.items() if pd.notna(mean)}
    return max(trained, key=lambda technique: trained[technique]) if trained else None


def best_seed(results: pd.DataFrame) -> int | None:
    """The seed of the run with the best validation accuracy."""
    figures = _figure_by_seed(results, "validation_accuracy")
    return None if figures.empty else int(figures.index.to_numpy()[figures.argmax()])


def _row(
    technique: str,
    table: pd.DataFrame,
    headline: str,
    baseline: pd.Series,
    published: Mapping[str, float],
) -> dict[str, Any]:
    row: dict[str, Any] = {"technique": technique, **_status(table)}
    for figure in ("validation_accuracy", "test_accuracy"):
        values = _figure_by_seed(table, figure)
        row |= {figure: values.mean(), f"{figure}_sd": values.std()}
    if technique != BASELINE:
        # Pairing by seed: only seeds that both have count, the index aligns them.
        differences = (_figure_by_seed(table, headline) - baseline).dropna()
        row |= {"difference": differences.mean(), "difference_sd": differences.std()}
    row |= {figure: _figure_by_seed(table, figure).mean() for figure in _MEANS}
    return row | {"published_accuracy": published.get(technique)}


def _status(table: pd.DataFrame) -> dict[str, Any]:
    if table.empty:
        return {"status": UNTRAINED, "runs": 0, "failed_runs": 0, "reason": None}
    failed = table[table["status"] == FAILED]
    return {
        "status": FAILED if len(failed) else TRAINED,
        "runs": len(table),
        "failed_runs": len(failed),
        "reason": failed["reason"].iloc[0] if len(failed) else None,
    }


def _figure_by_seed(table: pd.DataFrame | None, figure: str) -> pd.Series:
    """One figure of the runs that did not fail, by seed."""
    if table is None or figure not in table:
        return pd.Series(dtype=float)
    trained = table[table["status"] == TRAINED]
    return trained.set_index("seed")[figure].astype(float)
