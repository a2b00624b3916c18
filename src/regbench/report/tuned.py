"""The report's section on what tuning brought."""

from collections.abc import Mapping
from typing import Any

from regbench.comparison.tuned import what_tuning_brought
from regbench.comparison.verdicts import VERDICTS
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.regularizers.registry import NUISANCE
from regbench.report.numbers import difference_text
from regbench.report.plots.tuning import strength_plot
from regbench.report.svg import Picture, enumerated, responsive
from regbench.study.reporting import Reporting
from regbench.study.tuning import Tuning


def tuned_shown(
    results: Mapping[str, Results],
    settings: Mapping[str, Any],
    search_found: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any] | None:
    """Return what the template of the section shows; None in a study that no search wrote.

    Args:
        results: By technique, trainings that are up to date.
        settings: The study's, plain values.
        search_found: From ``tuning.search.outcome``, by technique; None if its file is gone.

    Returns:
        ``budget`` and ``sampler`` of the search, in words; ``rows`` with texts: technique, fixed
        and tuned (the judged part's metric), difference, verdict with its symbol and style, seeds;
        ``picture`` of the score over each strength, or None.
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
    return {
        "budget": tuning.budget.in_words,
        "sampler": tuning.sampler,
        "rows": rows,
        "picture": _strengths(search_found or {}),
    }


def _strengths(found: Mapping[str, Mapping[str, Any]]) -> Picture | None:
    """Draw the score over each setting of the techniques' own; without learning rates."""
    own = {
        name: {**outcome, "searched": strengths}
        for name, outcome in found.items()
        if (strengths := [of for of in outcome["searched"] if _is_strength(of["setting"])])
    }
    if not own:
        return None
    settings = [of["setting"] for outcome in own.values() for of in outcome["searched"]]
    alternative = (
        "The score of every trial of the search on validation images, over each setting; the "
        f"technique as it was is marked: {enumerated(list(dict.fromkeys(settings)))}."
    )
    return responsive(
        "strengths",
        lambda width: strength_plot(own, width),
        alternative,
    )


def _is_strength(label: str) -> bool:
    """Return whether a searched setting is a regularizer's, no switch and no learning rate."""
    key, _, setting = label.partition(".")
    return bool(setting) and key not in NUISANCE
