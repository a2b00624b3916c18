"""What a study has found, in a word, and the technique that its answer is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import pandas as pd

from regbench.comparison.compare import UNTRAINED, headline_of, metric_of
from regbench.comparison.looks import is_staged
from regbench.comparison.sequential.design import MIN_PAIRS
from regbench.comparison.statistics import MIN_SEEDS
from regbench.comparison.verdicts import BETTER, EQUIVALENT, JUDGED, UNDECIDED, WORSE
from regbench.metrics.base import Metric
from regbench.report.sentences import beating_largest_class
from regbench.study.schema import BASELINE

Row = dict[Any, Any]  # of the comparison


class Found(Enum):
    """What a study has found."""

    NOTHING = auto()  # nothing is trained, or all of it failed
    NO_BASELINE = auto()  # no difference can be formed
    BASELINE_ALONE = auto()
    UNLEARNED = auto()  # no technique beats always answering the largest class
    DESCRIPTIVE = auto()  # too few seeds for any verdict
    HELP = auto()  # at least one technique is better
    NONE_HELPS = auto()  # every technique is equivalent or worse
    NONE_SO_FAR = auto()  # so is each that has a verdict; others that were tried have none
    OPEN = auto()  # none is better, and at least one undecided


@dataclass(frozen=True)
class Outcome:
    """What a study has found, on one network.

    Attributes:
        found: In a word.
        metric: That decides.
        headline: Its column, such as ``test_accuracy``.
        lead: The technique that the answer is about: of those that help the best on validation; of
            undecided ones, or of those without a verdict, the one with the largest gain; None
            where there is none.
        compared: The rows with a difference to the baseline, the largest gain first.
        lacking: How many techniques that were tried have no verdict, while others have one.
        baseline: The baseline's row; None if it has no headline.
        unlearned_baseline: Whether the baseline, but not every technique, fails to beat always
            answering the largest class.
    """

    found: Found
    metric: Metric
    headline: str
    lead: Row | None = None
    compared: Sequence[Row] = ()
    lacking: int = 0
    baseline: Row | None = None
    unlearned_baseline: bool = False

    def of_verdict(self, verdict: str) -> list[Row]:
        """Return the rows with a verdict, the largest gain first."""
        return [row for row in self.compared if row.get("verdict") == verdict]

    @property
    def judged(self) -> list[Row]:
        """The rows with a verdict that rests on tests."""
        return [row for row in self.compared if row.get("verdict") in JUDGED]


def outcome_of(comparison: pd.DataFrame) -> Outcome:
    """Return what a study has found.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
    """
    headline, metric = headline_of(comparison), metric_of(comparison)
    if headline not in comparison or comparison[headline].isna().all():
        return Outcome(Found.NOTHING, metric, headline)
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    trained.sort(key=lambda row: -metric.gain(row[headline]))
    beating = beating_largest_class(comparison)
    baseline = next((row for row in trained if row["technique"] == BASELINE), None)
    if beating and not any(beating.values()):
        return Outcome(Found.UNLEARNED, metric, headline, baseline=baseline)
    if baseline is None:
        return Outcome(Found.NO_BASELINE, metric, headline, lead=trained[0])
    rows = [row for row in trained if pd.notna(row.get("difference"))]
    if not rows:
        return Outcome(Found.BASELINE_ALONE, metric, headline, baseline=baseline)
    rows.sort(key=lambda row: -metric.gain(row["difference"]))
    judged = sum(row.get("verdict") in JUDGED for row in rows)
    status = comparison.get("status", pd.Series("", comparison.index))
    tried = int(((comparison["technique"] != BASELINE) & (status != UNTRAINED)).sum())
    lacking = tried - judged if judged else 0
    found, lead = _found(rows, metric, lacking=lacking)
    return Outcome(
        found,
        metric,
        headline,
        lead,
        rows,
        lacking=lacking,
        baseline=baseline,
        unlearned_baseline=not beating.get(BASELINE, True),
    )


def seeds_of_a_verdict(comparison: pd.DataFrame) -> int:
    """Return the seeds that a verdict takes: with looks as many as the first look needs."""
    return MIN_PAIRS if is_staged(comparison) else MIN_SEEDS


def on_these_images_only(row: Row) -> bool:
    """Return whether a verdict is not shown for other images: the bootstrap interval differs."""
    over = row.get("verdict_over_images")
    return isinstance(over, str) and over != row.get("verdict")


def _found(rows: list[Row], metric: Metric, *, lacking: int) -> tuple[Found, Row | None]:
    """Return what rows with a difference show, and the one that the answer is about."""
    verdicts = [row.get("verdict") for row in rows]
    if BETTER in verdicts:
        better = [row for row in rows if row["verdict"] == BETTER]
        return Found.HELP, max(better, key=lambda row: _on_validation(row, metric))
    if UNDECIDED in verdicts:
        return Found.OPEN, rows[verdicts.index(UNDECIDED)]
    if lacking:
        return Found.NONE_SO_FAR, next((row for row in rows if row["verdict"] not in JUDGED), None)
    if EQUIVALENT in verdicts or WORSE in verdicts:
        return Found.NONE_HELPS, None
    return Found.DESCRIPTIVE, rows[0]


def _on_validation(row: Row, metric: Metric) -> float:
    """Return the gain on validation, which selects; that on the judged part where it lacks."""
    value = row.get(f"validation_{metric.name}")
    return float(metric.gain(row["difference"] if pd.isna(value) else value))
