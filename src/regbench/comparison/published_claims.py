"""Published claims about techniques, beside this study's figures and verdicts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.study.reporting import Publication
from regbench.study.schema import BASELINE

SURVIVES, FALLS, OPEN = "survives", "does not survive", "undecided"
SMALL = "too small to count"  # within the band: a small improvement may still be there
INCOMPARABLE = "cannot be compared"
UNTESTED, TOO_FEW = "not tested", "too few seeds"

# Normal quantile: without any true difference, 5 % of pairs of trainings differ by more than this
# many standard deviations of the difference.
_TWO_SIDED_5_PERCENT = 1.959964

_OWN = ("accuracy", "difference", "difference_low", "difference_high", "verdict")


def claims_table(
    published: Mapping[str, Publication],
    comparison: pd.DataFrame,
    fair_comparison: pd.DataFrame | None,
    headline: str,
) -> pd.DataFrame | None:
    """Return the table of published claims beside this study's figures.

    Args:
        published: By technique.
        comparison: From ``compare``, in the published protocol.
        fair_comparison: From ``compare``, on the same data in the fair protocol; may be None.
        headline: The figure that was published, such as ``validation_accuracy``.

    Returns:
        A row per published technique: technique, published_accuracy, published_difference (to
        the published baseline), claim, comparable, why_not; accuracy, difference,
        difference_low, difference_high and verdict of ours, and the same with ``fair_`` in the
        fair protocol; outcome (survives, does not survive, too small to count, undecided, too few
        seeds, not tested, or one of these for each protocol; cannot be compared);
        decidable_with_one_seed: whether a single pair of trainings can show a difference as large
        as the published one. Accuracies are shares of 1. None if nothing is published.
    """
    if not published:
        return None
    ours = comparison.assign(accuracy=comparison.get(headline)).set_index("technique")
    fair = _fair_figures(fair_comparison)
    reference = published[BASELINE].accuracy if BASELINE in published else None
    rows = []
    for technique, publication in published.items():
        own = _figures(ours, technique)
        beside = _figures(fair, technique)
        difference = None
        if reference is not None and technique != BASELINE:
            difference = publication.accuracy - reference
        rows.append(
            {
                "technique": technique,
                "published_accuracy": publication.accuracy,
                "published_difference": difference,
                "claim": publication.claim or "",
                "comparable": publication.not_comparable is None,
                "why_not": publication.not_comparable or "",
                **own,
                **{f"fair_{figure}": value for figure, value in beside.items()},
                "outcome": _outcome(publication, own["verdict"], beside["verdict"]),
                "decidable_with_one_seed": _decidable(difference, ours, technique),
            }
        )
    return pd.DataFrame(rows)


def _fair_figures(fair_comparison: pd.DataFrame | None) -> pd.DataFrame:
    if fair_comparison is None or "test_accuracy" not in fair_comparison:
        return pd.DataFrame()
    accuracy = fair_comparison["test_accuracy"]
    return fair_comparison.assign(accuracy=accuracy).set_index("technique")


def _figures(table: pd.DataFrame, technique: str) -> dict[str, Any]:
    return {
        figure: table.at[technique, figure]
        if technique in table.index and figure in table
        else None
        for figure in _OWN
    }


def _outcome(publication: Publication, ours: Any, fair: Any) -> str:
    """Return whether the claim holds in the published protocol and, if given, the fair one."""
    if publication.says is None:
        return INCOMPARABLE if publication.not_comparable else ""
    if publication.not_comparable:
        return INCOMPARABLE
    as_published = _survival(publication.says, ours)
    if fair is None or pd.isna(fair):
        return as_published
    in_fair = _survival(publication.says, fair)
    if as_published == in_fair:
        return as_published
    return f"{as_published} as published, {in_fair} in the fair protocol"


def _survival(says: str, verdict: Any) -> str:
    if verdict is None or pd.isna(verdict):
        return UNTESTED
    if verdict == DESCRIPTIVE:
        return TOO_FEW
    if verdict == UNDECIDED:
        return OPEN
    if verdict not in (BETTER, WORSE, EQUIVALENT):
        raise ValueError(f"unknown verdict {verdict!r}")
    if verdict == EQUIVALENT and says == "better":
        return SMALL
    return SURVIVES if (verdict == BETTER) == (says == "better") else FALLS


def _decidable(difference: float | None, ours: pd.DataFrame, technique: str) -> bool | None:
    """Return whether the published difference exceeds the spread of single pairs; None: unknown."""
    if difference is None or technique not in ours.index or "difference_sd" not in ours:
        return None
    deviation = float(ours["difference_sd"].loc[technique])
    return None if np.isnan(deviation) else abs(difference) > _TWO_SIDED_5_PERCENT * deviation
