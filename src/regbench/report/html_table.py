"""The report's table of techniques: its columns, and its cells as text."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from regbench.comparison.compare import UNTRAINED, headline_of, metric_of
from regbench.comparison.looks import is_staged
from regbench.comparison.verdicts import VERDICTS
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import ACCURACY, SHARE, Better, Figure, Shown
from regbench.evaluation.results import TRAINED
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.metrics.base import POINTS, Metric
from regbench.metrics.registry import DEFAULT
from regbench.report.numbers import (
    LARGEST_CLASS,
    difference_text,
    in_unit,
    interval_text,
    verdict_text,
    with_spread,
)
from regbench.study.schema import BASELINE

MANY = 15  # techniques from which on the table is one of each family
OTHERS = "Others"  # the family of techniques whose regularizers are not known
# The columns that a table begins with, besides the headline's.
_DECIDING = ("verdict", "trainings", "difference", "pairs", "generalization_gap", "seconds")


@dataclass(frozen=True)
class Column:
    """A column of the table of techniques."""

    key: str  # the comparison's column that sorts it
    title: str
    meaning: str
    text: Callable[[Mapping[Any, Any]], str]
    better: Better = Better.HIGHER  # the rows that a click on the heading sorts to the top
    decides: bool = False  # whether it is among the few that the table begins with


@dataclass(frozen=True)
class Cell:
    """A cell of a sortable table: its text, and the value that sorts it ("" comes last)."""

    text: str
    value: float | str
    style: str = ""
    symbol: str = ""


def techniques_table(
    comparison: pd.DataFrame, part: str, families: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the table of techniques, formatted.

    Args:
        comparison: From ``compare``; its order is the order of rows.
        part: The judged part.
        families: The title of each technique's family. With more than ``MANY`` techniques that are
            trained, the table has the best of each family, and a table of its own for each.

    Returns:
        ``columns``: those with a figure of any technique, of which ``decides`` says which the table
        begins with, and ``more``, how many the others are; ``tables``: each with ``title``, empty
        for the first, a ``summary`` and ``rows``: a ``technique`` and its ``cells``, in the first
        with a last line for always answering the largest class; ``untrained``: the techniques that
        are in no table; ``baseline``: its name; ``headline``: the column that sorts it.
    """
    headline = headline_of(comparison)
    failures = bool(comparison["failed_trainings"].any())
    columns = [
        column
        for column in _columns(comparison, part, failures=failures)
        if has_figures(comparison, column.key) or column.key in {headline, "verdict"}
    ]
    deciding = {*_DECIDING, headline}
    columns = [replace(column, decides=column.key in deciding) for column in columns]
    is_untrained = (comparison["status"] == UNTRAINED) & (comparison["technique"] != BASELINE)
    shown = comparison[~is_untrained].to_dict("records")
    last = []
    if has_figures(comparison, "largest_class"):
        value = float(comparison["largest_class"].iloc[0])
        figure = registry.named(headline)
        text = in_unit(value, figure.unit, figure.digits)
        cells = [
            Cell(text, value) if column.key == headline else Cell("–", "") for column in columns
        ]
        last.append({"technique": LARGEST_CLASS, "cells": cells})
    selecting = f"validation_{metric_of(comparison).name}"
    tables: list[dict[str, Any]] = [
        {"title": title, "summary": summary, "rows": [_row(row, columns) for row in rows]}
        for title, summary, rows in _grouped(shown, families, metric_of(comparison), selecting)
    ]
    tables[0]["rows"] += last
    return {
        "columns": columns,
        "more": sum(not column.decides for column in columns),
        "tables": tables,
        "untrained": [str(name) for name in comparison.loc[is_untrained, "technique"]],
        "baseline": BASELINE,
        "headline": headline,
    }


def _grouped(
    rows: list[dict[Any, Any]], families: Mapping[str, str], metric: Metric, selecting: str
) -> list[tuple[str, str, list[dict[Any, Any]]]]:
    """Return title, summary and rows of each table: of many techniques one for each family.

    Args:
        rows: Of the comparison.
        families: The title of each technique's family.
        metric: That decides.
        selecting: The column by which the best of a family is selected.
    """
    if len(rows) <= MANY:
        return [("", "", rows)]
    of_family: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        if row["technique"] != BASELINE:
            of_family.setdefault(families.get(row["technique"], OTHERS), []).append(row)

    def gain(row: dict[Any, Any]) -> float:
        value = row.get(selecting)
        return -math.inf if value is None or pd.isna(value) else float(metric.gain(value))

    best = [max(found, key=gain)["technique"] for found in of_family.values()]
    tables = [("", "", [row for row in rows if row["technique"] in {*best, BASELINE}])]
    for title in sorted(of_family):
        found = of_family[title]
        counts = Counter(verdict_text(row) or str(row["status"]) for row in found)
        order = [*VERDICTS, *sorted(set(counts) - set(VERDICTS))]
        told = ", ".join(f"{counts[word]} {word}" for word in order if counts[word])
        one = len(found) == 1
        tables.append((title, f"{len(found)} technique{'' if one else 's'}: {told}", found))
    return tables


def _row(row: Mapping[Any, Any], columns: list[Column]) -> dict[str, Any]:
    """Return a technique's row: its name, and a cell for each column."""
    cells = [
        _verdict_cell(row) if column.key == "verdict" else _cell(row, column) for column in columns
    ]
    return {"technique": row["technique"], "cells": cells}


def _cell(row: Mapping[Any, Any], column: Column) -> Cell:
    value = row.get(column.key)
    if value in VERDICTS:
        return Cell(column.text(row), list(VERDICTS).index(value))
    return Cell("–", "") if pd.isna(value) else Cell(column.text(row), float(value))


def _verdict_cell(row: Mapping[Any, Any]) -> Cell:
    """Return the cell of the verdict; without a verdict it shows the status."""
    verdict = row.get("verdict")
    if verdict in VERDICTS:
        shown = VERDICTS[verdict]
        return Cell(verdict, list(VERDICTS).index(verdict), shown.style, shown.symbol)
    if row["technique"] == BASELINE and row["status"] == TRAINED:
        return Cell("reference", len(VERDICTS))
    return Cell(str(row["status"]), "", "missing")


def _columns(comparison: pd.DataFrame, part: str, *, failures: bool) -> list[Column]:
    """Return all columns in their order; ``failures`` adds the number of finished trainings."""
    metric = metric_of(comparison)
    headline, selecting = (f"{of}_{metric.name}" for of in (part, "validation"))
    shown = [
        figure
        for figure in registry.single(Shown.REPORT)
        if figure.name not in {headline, selecting} and figure.only_judged_on in {"", part}
    ]
    if metric.name != DEFAULT:  # 'test' alone would be taken for the headline
        shown = [
            replace(figure, title=figure.text_heading(part))
            if figure.name in {f"{of}_{DEFAULT}" for of in SPLIT_PARTS}
            else figure
            for figure in shown
        ]
    if selecting != headline:
        found = registry.named(selecting)
        if not found.title.startswith("validation"):  # beside a column of the judged part
            found = replace(found, title=found.text_heading(part))
        shown.insert(0, found)
    figures = [_figure_column(figure, part) for figure in shown]
    figures = [_beside_baseline(column, comparison) for column in figures]
    trainings = Column(
        "trainings",
        "trainings",
        "finished, of those started; figures are over the finished ones",
        lambda row: f"{row['trainings'] - row['failed_trainings']} of {row['trainings']}",
    )
    published = Column(
        "published_accuracy",
        "published, %",
        "the accuracy that was published",
        lambda row: in_unit(row["published_accuracy"], ACCURACY),
    )
    verdict, *compared = _comparison_columns(comparison, part)
    return [verdict, *([trainings] if failures else []), *compared, *figures, published]


def _comparison_columns(comparison: pd.DataFrame, part: str) -> list[Column]:
    """Return the columns on the difference to the baseline, the verdict first."""
    metric, staged = metric_of(comparison), is_staged(comparison)
    interval = "95 % interval of the paired t test"
    if staged:
        interval = (
            "the interval that the verdict is read from: in 95 % of studies those of all "
            "techniques hold the true difference, at all looks"
        )
    headline = registry.named(f"{part}_{metric.name}")
    of_headline = _figure_column(headline, part)
    better = headline.better
    return [
        Column("verdict", "verdict", "the difference to the baseline in a word", str, Better.LOWER),
        Column(
            headline.name,
            f"{part} {metric.title}, {'%' if metric.unit == POINTS else metric.unit}",
            f"{metric.meaning}; of the network that the technique's own procedure yields: the "
            "last epoch's, or the best epoch's where early stopping restores it; mean ± standard "
            "deviation over seeds",
            of_headline.text,
            better,
        ),
        Column(
            "difference",
            f"difference, {metric.short_unit} [95 %]",
            f"{part} {metric.title} minus the baseline's, paired by seed, over the seeds that both "
            f"have: mean and {interval}, in {metric.unit}",
            difference_text,
            better,
        ),
        Column(
            "pairs",
            "seeds",
            "that the verdict rests on: those up to the look that decided, or so far",
            lambda row: f"{row['pairs']:.0f}",
            Better.LOWER,
        ),
        Column(
            "further_seeds",
            "more seeds",
            "how many would bring an undecided technique a verdict if mean and spread stayed as "
            "they are",
            lambda row: f"{row['further_seeds']:,.0f}",
            Better.LOWER,
        ),
        Column(
            "plain_low",
            "paired t [95 %]",
            "the 95 % interval of the paired t test of this technique alone, at its last look",
            lambda row: interval_text(row, "plain"),
            better,
        ),
        Column(
            "bootstrap_low",
            "bootstrap [95 %]",
            "the interval of the difference from resampling seeds and images together",
            lambda row: interval_text(row, "bootstrap"),
            better,
        ),
        Column(
            "verdict_over_images",
            "over images",
            "the verdict if the bootstrap interval shows the same, otherwise undecided: with the "
            "luck of the images allowed for, where the verdict itself is about these images",
            lambda row: str(row["verdict_over_images"]),
            Better.LOWER,
        ),
        Column(
            "p_adjusted",
            "p, Holm",
            "of the paired t test, corrected for the number of techniques",
            lambda row: "< 0.001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}",
            Better.LOWER,
        ),
        Column(
            "win_share",
            "wins, %",
            "the share of trainings that beat the baseline's of the same seed; ties count half",
            lambda row: in_unit(row["win_share"], SHARE, 0),
        ),
    ]


def _figure_column(figure: Figure, part: str) -> Column:
    """Return a figure's column with the title, meaning, unit and digits that it declares."""

    def text(row: Mapping[Any, Any]) -> str:
        sd = row.get(f"{figure.name}_sd") if figure.spread else None
        return with_spread(in_unit, row[figure.name], sd, figure.unit, figure.digits)

    heading, legend = figure.heading(part), figure.legend(part)
    if figure.better is not Better.NEITHER:
        legend += f"; {figure.better.value} is better"
    return Column(figure.name, heading, legend, text, figure.better)


def _beside_baseline(column: Column, comparison: pd.DataFrame) -> Column:
    """Return the column of seconds with multiples of the baseline's; others as they are."""
    if column.key != "seconds" or "seconds" not in comparison:
        return column
    reference = comparison.loc[comparison["technique"] == BASELINE, "seconds"].mean()
    if not reference > 0:
        return column

    def text(row: Mapping[Any, Any]) -> str:
        return f"{column.text(row)} ({row['seconds'] / reference:.1f} ×)"

    return replace(
        column,
        title=f"{column.title} (× baseline)",
        meaning=f"{column.meaning}; in brackets as a multiple of the baseline's",
        text=text,
    )


def has_figures(comparison: pd.DataFrame, column: str) -> bool:
    """Return whether any technique has a figure in a column."""
    return column in comparison and bool(comparison[column].notna().any())
