"""Published claims on the page: their table, and which of them survive in a sentence."""

from typing import Any

import pandas as pd

from regbench.comparison.published_claims import INCOMPARABLE
from regbench.report.numbers import listed


def claims_shown(claims: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return a row per published claim; a missing text is empty, a missing figure NaN."""
    texts = ["claim", "why_not", "verdict", "fair_verdict", "outcome"]
    figures = ["published_accuracy", "published_difference", "accuracy", "fair_accuracy"]
    figures += ["difference", "fair_difference", "decidable_with_one_seed"]
    complete = claims.reindex(columns=list(dict.fromkeys([*claims, *texts, *figures])))
    complete = complete.astype(dict.fromkeys(texts, object))
    return complete.fillna(dict.fromkeys(texts, "")).to_dict("records")


def claims_sentence(claims: pd.DataFrame | None) -> str:
    """Return which published claims survive, by outcome; '' if none can be compared.

    Args:
        claims: From ``claims_table``; None without publication.
    """
    if claims is None or "outcome" not in claims:
        return ""
    by_outcome: dict[str, list[str]] = {}
    for technique, outcome in zip(claims["technique"], claims["outcome"], strict=True):
        if isinstance(outcome, str) and outcome not in {"", INCOMPARABLE}:
            by_outcome.setdefault(outcome, []).append(str(technique))
    claimed = sum(map(len, by_outcome.values()))
    if not claimed:
        return ""
    said = [f"{outcome}: {listed(names)}" for outcome, names in by_outcome.items()]
    what = "claims can be compared" if claimed > 1 else "claim can be compared"
    return f"{claimed} {what}; {'; '.join(said)}."
