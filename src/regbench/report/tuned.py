"""The report's section on what tuning brought."""

from collections.abc import Mapping
from typing import Any

from regbench.comparison.tuned import what_tuning_brought
from regbench.comparison.verdicts import VERDICTS
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.report.numbers import difference_text
from regbench.study.schema import Reporting
from regbench.study.tuning import Tuning


def tuned_shown(
    results: Mapping[str, Results], settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what the template of the section shows; None in a study that no search wrote.

    Args:
        results: By technique, trainings that are up to date.
        settings: The study's, plain values.

    Returns:
        ``budget`` and ``sampler`` of the search, in words; ``rows`` with texts: technique, fixed
        and tuned (the judged part's metric), difference, verdict with its symbol and style, seeds.
    """
    if not settings.get("tuning", {}).get("fixed"):
        return None
    tuning = Tuning.model_validate(settings["tuning"])
    reporting = Reporting.model_validate(settings["reporting"])
    metric = METRICS[reporting.metric]
    found = what_tuning_brought(results, tuning.fixed, metric, reporting.band)
    rows = [
        {
            "technique": row["technique"],
            "fixed": f"{metric.factor * row['fixed_figure']:.{metric.digits}f}",
            "tuned": f"{metric.factor * row['tuned_figure']:.{metric.digits}f}",
            "difference": difference_text(row),
            "verdict": row["verdict"],
            "symbol": VERDICTS[row["verdict"]].symbol,
            "style": VERDICTS[row["verdict"]].style,
            "seeds": row["seeds"],
        }
        for row in found.to_dict("records")
    ]
    return {"budget": tuning.budget.in_words, "sampler": tuning.sampler, "rows": rows}
