"""The comparison: every technique against the baseline, paired by seed."""

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from regbench.study import BASELINE

TRAINED, FAILED, UNTRAINED = "trained", "failed", "not trained"
OTHER_IMAGES = "judged on other images"

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


def collect(
    metrics: Sequence[Mapping[str, Any]], predictions: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Put a technique's runs into one table.

    Args:
        metrics: Each run's, from ``evaluate``.
        predictions: Each run's, in the same order.

    Returns:
        A row per run: its metrics, and ``scored_images``, a digest of the images that it was
        judged on (their file names, parts and labels); none for a failed run.
    """
    digests = pd.Series([_digest(table) for table in predictions], dtype="str")
    return pd.DataFrame(metrics).assign(scored_images=digests)


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
        Columns: technique; status (trained, failed, not trained, or judged on other images than
        the baseline: then without figures); runs and failed_runs; reason; validation_accuracy and
        (in a study with a test part) test_accuracy with ``_sd``, the standard deviation over
        seeds (n - 1); difference: the headline figure minus the baseline's, mean over the seeds
        that both have, with its sd; further means over seeds; published_accuracy. Columns that
        would be empty are left out. Figures are shares of 1; cross-entropies nats; seconds are
        training's.
    """
    headline = headline_figure(results.values())
    comparable = _judged_alike(results)
    baseline = _figure_by_seed(comparable.get(BASELINE), headline)
    rows = [
        _row(technique, _status(table), comparable.get(technique), headline, baseline)
        for technique, table in results.items()
    ]
    comparison = pd.DataFrame(rows)
    comparison["published_accuracy"] = comparison["technique"].map(dict(published or {}))
    order = comparison.sort_values(
        [headline, "technique"], ascending=[False, True], na_position="last", ignore_index=True
    )
    return order.dropna(axis="columns", how="all")


def headline_figure(results: Iterable[Container[str]]) -> str:
    """The figure that a study is judged by: test accuracy, or validation where there is no test.

    Args:
        results: Tables or other collections of figures, by name.
    """
    tested = any("test_accuracy" in figures for figures in results)
    return "test_accuracy" if tested else "validation_accuracy"


def best_technique(results: Mapping[str, pd.DataFrame]) -> str | None:
    """The technique with the best mean validation accuracy: validation selects, not test."""
    means = {
        technique: _figure_by_seed(table, "validation_accuracy").mean()
        for technique, table in _judged_alike(results).items()
    }
    trained = {technique: mean for technique, mean in means.items() if pd.notna(mean)}
    return max(trained, key=lambda technique: trained[technique]) if trained else None


def best_seed(results: pd.DataFrame) -> int | None:
    """The seed of the run with the best validation accuracy."""
    figures = _figure_by_seed(results, "validation_accuracy")
    return None if figures.empty else int(figures.index.to_numpy()[figures.argmax()])


def _row(
    technique: str,
    status: dict[str, Any],
    table: pd.DataFrame | None,
    headline: str,
    baseline: pd.Series,
) -> dict[str, Any]:
    row: dict[str, Any] = {"technique": technique, **status}
    if table is None:
        row["status"] = OTHER_IMAGES
    for figure in ("validation_accuracy", "test_accuracy"):
        values = _figure_by_seed(table, figure)
        row |= {figure: values.mean(), f"{figure}_sd": values.std()}
    if technique != BASELINE:
        # Pairing by seed: only seeds that both have count, the index aligns them.
        differences = (_figure_by_seed(table, headline) - baseline).dropna()
        row |= {"difference": differences.mean(), "difference_sd": differences.std()}
    return row | {figure: _figure_by_seed(table, figure).mean() for figure in _MEANS}


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


def _digest(predictions: pd.DataFrame) -> str | None:
    """Identify a set of images in whatever order."""
    if predictions.empty:
        return None
    rows = predictions[["filename", "split", "label"]].sort_values(["split", "filename"])
    return "sha256:" + hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:16]


def _digests(table: pd.DataFrame | None) -> list[str]:
    if table is None or "scored_images" not in table:
        return []
    return table["scored_images"].dropna().tolist()


def _judged_alike(results: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The techniques judged on the same images as most runs of the baseline (or of all)."""
    of_all = Counter(digest for table in results.values() for digest in _digests(table))
    of_baseline = Counter(_digests(results.get(BASELINE)))
    images = {digest for digest, _ in (of_baseline or of_all).most_common(1)}
    return {name: table for name, table in results.items() if set(_digests(table)) <= images}


def _figure_by_seed(table: pd.DataFrame | None, figure: str) -> pd.Series:
    """One figure of the runs that did not fail, by seed."""
    if table is None or figure not in table:
        return pd.Series(dtype=float)
    trained = table[table["status"] == TRAINED]
    return trained.set_index("seed")[figure].astype(float)
