"""What a search found, in lines for the terminal."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from regbench.errors import KEDRO_RUN
from regbench.metrics.registry import METRICS


def lines(found: Mapping[str, Mapping[str, Any]], page: str) -> list[str]:
    """Return a line for each technique: its score as it was and at its best, and what is best.

    Args:
        found: From ``search.outcome``, by technique.
        page: The file or address of the page that shows them.
    """
    first = next(iter(found.values()))
    rule = (
        f"{first['budget']} epochs for every technique"
        if first["rule"] == "epochs"
        else f"{first['budget']} trials for each searched setting"
    )
    title = METRICS[first["metric"]].title
    told = [f"Tuned on validation images: {title}, as it was and at its best ({rule})"]
    told += [f"  {name}: {_of(outcome)}" for name, outcome in found.items()]
    return [
        *told,
        f"  {KEDRO_RUN} --env=tuned compares them on test images",
        f"pictures and table: {page}",
    ]


def _of(outcome: Mapping[str, Any]) -> str:
    """Return what a technique's search found."""
    states = Counter(trial["state"] for trial in outcome["trials"])
    ended = "".join(f", {states[state]} {state}" for state in ("pruned", "failed") if states[state])
    trials = f"{len(outcome['trials'])} trials{ended}"
    if outcome["best"] is None:
        return f"nothing found, {trials}"
    own = outcome["own_score"]
    was = "failed" if own is None else f"{own:.4f}"
    [best] = [t for t in outcome["trials"] if t["point"] == outcome["best"]["point"]]
    values = ", ".join(
        _value(label, of) for label, of in best["values"].items() if _is_on(label, of)
    )
    found = (
        f"{was} -> {outcome['best']['score']:.4f} with {values or 'its own settings'} ({trials})"
    )
    return f"{found}; {how_joint(outcome)}" if "candidates" in outcome else found


def how_joint(outcome: Mapping[str, Any]) -> str:
    """Return how a joint search was made: its space is larger than that of other techniques."""
    budget = outcome["budget"]
    amount = f"{budget} epochs" if outcome["rule"] == "epochs" else f"{budget} trials a setting"
    return (
        f"{len(outcome['candidates'])} regularizers searched together, "
        f"{len(outcome['searched'])} switches and settings, by {outcome['sampler']}, {amount}"
    )


def _is_on(label: str, value: Any) -> bool:
    """Return whether a value says something: the switch of what is off does not."""
    return "." in label or bool(value)


def _value(label: str, value: Any) -> str:
    return f"{label} {value}" if "." in label else label
