"""What the report cites of a comparison: key figures, statistics, the meaning of verdicts."""

from typing import Any

import pandas as pd

from regbench.comparison.compare import UNTRAINED, headline_of, metric_of, networks_of
from regbench.comparison.looks import decided_of, is_staged
from regbench.comparison.sequential.design import MIN_PAIRS
from regbench.comparison.statistics import MIN_SEEDS
from regbench.comparison.verdicts import JUDGED, STAGED_MEANINGS, UNDECIDED, VERDICTS
from regbench.report import numbers
from regbench.report.answer import undecided_with_needs
from regbench.report.html_table import has_figures
from regbench.report.outcome import Found, outcome_of
from regbench.study.schema import BASELINE

FACTS_OF_A_NETWORK = (
    *("Baseline", "Best on validation", "Best that helps"),
    *("Highest undecided", "Lowest undecided"),
)  # the others are of the whole study


def key_facts(comparison: pd.DataFrame, part: str) -> list[tuple[str, str, str]]:
    """Return the key figures below the verdict: name, figure and remark each."""
    headline, metric = headline_of(comparison), metric_of(comparison)
    selecting = f"validation_{metric.name}"
    rows = {row["technique"]: row for row in comparison.to_dict("records")}
    facts = []
    if has_figures(comparison, headline) and pd.notna(rows.get(BASELINE, {}).get(headline)):
        baseline = numbers.metric_value(rows[BASELINE][headline], metric)
        remark = f"{part} {metric.title} of your network without regularization"
        facts.append(("Baseline", baseline, remark))
    if has_figures(comparison, "largest_class"):
        value = numbers.metric_value(comparison["largest_class"].iloc[0], metric)
        facts.append((numbers.LARGEST_CLASS.capitalize(), value, f"{part} {metric.title}"))
    outcome = None if "network" in comparison else outcome_of(comparison)
    nothing_learned = outcome is not None and outcome.found is Found.UNLEARNED
    none_helps = outcome is not None and outcome.found in (Found.NONE_HELPS, Found.NONE_SO_FAR)
    lead = outcome.lead if outcome and outcome.found in (Found.HELP, Found.OPEN) else None
    if outcome and lead:
        title = f"{metric.best_word.capitalize()} undecided"
        title = "Best that helps" if outcome.found is Found.HELP else title
        figure = numbers.metric_value(lead[headline], metric)
        facts.append((title, figure, f"{part} {metric.title} of {lead['technique']}"))
    elif has_figures(comparison, selecting) and not (nothing_learned or none_helps):
        by_name = comparison.set_index("technique")[selecting].map(metric.gain).sort_index()
        best = rows[by_name.idxmax()]  # of equal ones the first by name: test selects nothing
        figure = numbers.metric_value(best[headline], metric)
        remark = f"{part} {metric.title} of {best['technique']}"
        facts.append(("Best on validation", figure, remark))
    tried = comparison[comparison["status"] != UNTRAINED]
    decided, compared = decided_of(tried)
    detectable = statistics_cited(comparison)["detectable"]
    judged = statistics_cited(comparison)["judged"]
    if detectable and (decided < judged or not judged):
        seeds = statistics_cited(comparison)["seeds"]
        remark = f"the smallest that {seeds} seeds find with a probability of 80 %, corrected for "
        remark += "all techniques"
        size = f"{detectable} {metric.short_unit}"
        facts.append(("Detectable difference", size, remark))
    if compared and (decided or is_staged(comparison)) and not nothing_learned:
        facts.append(("Decided", f"{decided} of {compared}", "techniques besides the baseline"))
    trainings, failed = (
        int(comparison["trainings"].sum()),
        int(comparison["failed_trainings"].sum()),
    )
    techniques = tried.loc[tried["technique"] != BASELINE, "technique"].nunique()
    of_techniques = f"{techniques} technique{'s' if techniques != 1 else ''} and the baseline"
    if "network" in comparison:
        networks = comparison["network"].nunique()
        each_on_all = len(comparison) == networks * comparison["technique"].nunique()
        of_techniques += f" on {networks} networks" + ("" if each_on_all else ", not each on all")
    if is_staged(comparison) and (saved := int(tried["saved_trainings"].fillna(0).sum())):
        of_techniques += f"; {saved} more were not needed"
    due = trainings + int(tried.get("missing_trainings", pd.Series(dtype=int)).sum())
    facts.append(("Trainings finished", f"{trainings - failed} of {due}", of_techniques))
    return facts


def statistics_cited(comparison: pd.DataFrame) -> dict[str, Any]:
    """Return what the section on the method cites; differences in points or nats."""
    study, metric = comparison.attrs, metric_of(comparison)

    def written(difference: float) -> str:
        return f"{metric.factor * difference:.{metric.digits}f}"

    seeds = int((comparison["trainings"] - comparison["failed_trainings"]).max())
    by_technique = comparison.get("detectable_difference", pd.Series(dtype=float)).dropna()
    detectable = study.get("detectable_difference", by_technique.median())
    ends = [by_technique.min(), by_technique.max()] if len(by_technique) else []
    return {
        "seeds": study.get("seeds", seeds),
        "judged": int(comparison.get("verdict", pd.Series(dtype=str)).isin(JUDGED).sum()),
        "band": f"{metric.factor * study['band']:g}" if "band" in study else None,
        "detectable": "" if pd.isna(detectable) else written(detectable),
        "detectable_range": [written(end) for end in ends],
        "min_seeds": MIN_SEEDS,
        "staged": is_staged(comparison),
        "undecided": [
            undecided
            for own in networks_of(comparison).values()
            if "verdict" in own  # of a network that is not trained there is none
            for undecided in undecided_with_needs(
                own[own["verdict"] == UNDECIDED].to_dict("records"), own
            )
        ],
    }


def verdict_meanings(comparison: pd.DataFrame) -> dict[str, str]:
    """Return the meaning of each verdict, with this study's band and number of seeds."""
    band = comparison.attrs.get("band")
    metric = metric_of(comparison)
    width = "the band of practical equivalence"
    if band is not None:
        width = f"±{metric.factor * band:g} {metric.short_unit}"
    sides = ("above", "below") if metric.higher_is_better else ("below", "above")
    meanings = {name: verdict.meaning for name, verdict in VERDICTS.items()}
    if is_staged(comparison):
        meanings |= STAGED_MEANINGS
    return {
        name: meaning.replace("{band}", width)
        .replace("{seeds}", str(MIN_PAIRS if is_staged(comparison) else MIN_SEEDS))
        .replace("{better}", sides[0])
        .replace("{worse}", sides[1])
        for name, meaning in meanings.items()
    }
