"""The report's table of techniques: which figures it shows, and how they read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regbench.comparison.statistics import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.evaluation.results import TRAINED
from regbench.report.numbers import difference_text, interval_text, signed
from regbench.study.schema import BASELINE

# In the order of sorting: a symbol, so that colour is not the only sign, and a style.
VERDICTS = {
    BETTER: ("▶", "better"),
    EQUIVALENT: ("■", "equivalent"),
    UNDECIDED: ("○", "undecided"),
    DESCRIPTIVE: ("◇", "undecided"),
    WORSE: ("◀", "worse"),
}


@dataclass(frozen=True)
class Column:
    """A column of the table of techniques."""

    key: str  # the column of the comparison that it is sorted by
    title: str
    meaning: str
    text: Callable[[Mapping[Any, Any]], str]


@dataclass(frozen=True)
class Cell:
    """A cell of a sortable table: what is read, and what is sorted by ("" comes last)."""

    text: str
    value: float | str
    style: str = ""
    symbol: str = ""


def techniques_table(comparison: pd.DataFrame, part: str) -> dict[str, Any]:
    """Choose and format what the table of techniques shows.

    Args:
        comparison: From ``compare``; its order is the order of rows.
        part: The one that the study is judged on.

    Returns:
        ``columns``, those that any technique has a figure for; ``rows``, each a ``technique`` and
        its ``cells``; and the name of the ``baseline``.
    """
    columns = [
        column
        for column in _columns(part, failures=bool(comparison["failed_runs"].any()))
        if has(comparison, column.key) or column.key in {f"{part}_accuracy", "verdict"}
    ]
    rows = []
    for row in comparison.to_dict("records"):
        cells = [
            _verdict_cell(row) if column.key == "verdict" else _cell(row, column)
            for column in columns
        ]
        rows.append({"technique": row["technique"], "cells": cells})
    return {"columns": columns, "rows": rows, "baseline": BASELINE}


def _cell(row: Mapping[Any, Any], column: Column) -> Cell:
    value = row.get(column.key)
    return Cell("–", "") if pd.isna(value) else Cell(column.text(row), float(value))


def _verdict_cell(row: Mapping[Any, Any]) -> Cell:
    verdict = row.get("verdict")
    if verdict in VERDICTS:
        symbol, style = VERDICTS[verdict]
        return Cell(verdict, list(VERDICTS).index(verdict), style, symbol)
    if row["technique"] == BASELINE and row["status"] == TRAINED:
        return Cell("reference", len(VERDICTS))
    return Cell(str(row["status"]), "", "missing")


def _columns(part: str, *, failures: bool) -> list[Column]:
    headline = f"{part}_accuracy"
    best = "best_epoch_test_accuracy" if part == "test" else "best_validation_accuracy"
    columns = [
        Column("verdict", "verdict", "the difference to the baseline in a word", str),
        Column(
            headline,
            f"{part} accuracy, %",
            "of the network that the technique's own procedure yields: the last epoch's, or the "
            "best epoch's where early stopping restores it; mean ± standard deviation over seeds",
            lambda row: _mean_and_spread(row, headline),
        ),
        Column(
            "difference",
            "difference, points [95 %]",
            f"{part} accuracy minus the baseline's, paired by seed: mean and 95 % interval of the "
            "paired t test, in percentage points",
            difference_text,
        ),
        Column(
            "bootstrap_low",
            "bootstrap [95 %]",
            "the interval of the difference from resampling seeds and images together",
            lambda row: interval_text(row, "bootstrap"),
        ),
        Column(
            "p_adjusted",
            "p, Holm",
            "of the paired t test, corrected for the number of techniques",
            lambda row: "< 0.001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}",
        ),
        Column(
            "win_share",
            "wins, %",
            "the share of runs that beat the baseline's run of the same seed; ties count half",
            _of("win_share", "{:.0f}", 100),
        ),
        Column(
            best,
            f"best epoch's {part}, %",
            f"{part} accuracy at the epoch with the best validation accuracy",
            _of(best, "{:.2f}", 100),
        ),
        Column(
            "generalization_gap",
            "gap, points",
            f"train accuracy minus {part} accuracy",
            lambda row: signed(100 * row["generalization_gap"]),
        ),
        Column(
            f"{part}_cross_entropy",
            "cross-entropy",
            f"on the {part} images, in nats, without the regularizers' penalty",
            _of(f"{part}_cross_entropy", "{:.3f}"),
        ),
        Column(
            "expected_calibration_error",
            "ECE, %",
            "expected calibration error: how far confidence is from the share of right answers",
            _of("expected_calibration_error", "{:.1f}", 100),
        ),
        Column(
            "macro_f1",
            "macro F1, %",
            "the mean over classes of F1, the harmonic mean of precision and recall",
            _of("macro_f1", "{:.2f}", 100),
        ),
        Column(
            "near_zero_share",
            "near-zero, %",
            "the share of weights below 0.001 in size",
            _of("near_zero_share", "{:.1f}", 100),
        ),
        Column("epochs", "epochs", "trained, mean over seeds", _of("epochs", "{:.1f}")),
        Column("seconds", "seconds", "of training, mean over seeds", _of("seconds", "{:.1f}")),
        Column("weights", "parameters", "numbers that are trained", _of("weights", "{:,.0f}")),
        Column(
            "weights_bytes",
            "weights, MB",
            "of the trained network in memory; the file holds the optimizer's state as well",
            _of("weights_bytes", "{:.1f}", 1e-6),
        ),
        Column(
            "published_accuracy",
            "published, %",
            "the accuracy that was published",
            _of("published_accuracy", "{:.2f}", 100),
        ),
    ]
    if failures:
        finished = Column(
            "runs",
            "runs",
            "finished, of those started; figures are over the finished ones",
            lambda row: f"{row['runs'] - row['failed_runs']} of {row['runs']}",
        )
        columns.insert(1, finished)
    if part == "test":
        validation = Column(
            "validation_accuracy",
            "validation, %",
            "accuracy on the validation images, which select; mean ± standard deviation",
            lambda row: _mean_and_spread(row, "validation_accuracy"),
        )
        columns.insert(6, validation)
    return columns


def has(comparison: pd.DataFrame, column: str) -> bool:
    """Whether any technique has a figure."""
    return column in comparison and bool(comparison[column].notna().any())


def _mean_and_spread(row: Mapping[Any, Any], figure: str) -> str:
    spread = row.get(f"{figure}_sd")
    text = f"{100 * row[figure]:.2f}"
    return text if pd.isna(spread) else f"{text} ± {100 * spread:.2f}"


def formatted(form: str, factor: float = 1) -> Callable[[Any], str]:
    """A function that writes a number, after multiplying it, or '–' if it is missing."""
    return lambda value: "–" if pd.isna(value) else form.format(factor * value)


def _of(key: str, form: str, factor: float = 1) -> Callable[[Mapping[Any, Any]], str]:
    figure = formatted(form, factor)
    return lambda row: figure(row[key])
