"""What a search found, as one HTML page: three pictures and a table of the techniques."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from regbench.errors import KEDRO_RUN
from regbench.metrics.registry import METRICS
from regbench.report.numbers import MISSING
from regbench.report.page import page_environment, template_text
from regbench.report.plots import tuning
from regbench.report.svg import responsive
from regbench.text.visible import visible
from regbench.tuning.told import how_joint

_NEAR = 0.05  # share of a range, on its scale, that counts as its end: as the check RB304


def tuning_page(found: Mapping[str, Mapping[str, Any]], images: str) -> str:
    """Return the page of a search: HTML that loads nothing from outside.

    Args:
        found: From ``tuning.search.outcome``, by technique.
        images: Path or address of the images.
    """
    first = next(iter(found.values()))
    metric = METRICS[first["metric"]]
    unit = "%" if metric.factor == 100 else metric.short_unit
    rows = [_row(outcome) for outcome in found.values()]
    described = "; ".join(f"{row['technique']} {row['was']}, at best {row['best']}" for row in rows)
    pictures = [
        ("Score over each setting", tuning.strength_plot),
        ("Score over the budget", tuning.budget_plot),
        ("Importance of the settings", tuning.importance_plot),
    ]
    page = (
        page_environment("regbench.report")
        .get_template("tuning.html.j2")
        .render(
            style=template_text("regbench.report", "report.css"),
            images=images,
            score=f"validation {metric.title}{f', in {unit}' if unit else ''}",
            budget=_budget(first),
            sampler=first["sampler"],
            joint=[how_joint(outcome) for outcome in found.values() if "candidates" in outcome],
            pictures=[
                (
                    title,
                    responsive(f"tuning{number}", partial(plot, found), f"{title}: {described}."),
                )
                for number, (title, plot) in enumerate(pictures)
            ],
            importance=_importance(found),
            rows=rows,
            command=f"{KEDRO_RUN} --env=tuned",
        )
    )
    return visible(page.encode(errors="replace").decode())  # a file name may be no valid text


def at_edge(outcome: Mapping[str, Any]) -> list[str]:
    """Return the labels of the found settings that are within 5 % of an end of their range.

    A low end of 0 is 'off', and no edge; a choice of words has none.

    Args:
        outcome: From ``tuning.search.outcome``.
    """
    values = _best_values(outcome)
    return [
        of["setting"]
        for of in outcome["searched"]
        if "low" in of and of["setting"] in values and _is_at_edge(float(values[of["setting"]]), of)
    ]


def _is_at_edge(value: float, of: Mapping[str, Any]) -> bool:
    low, high = float(of["low"]), float(of["high"])
    away = (high / low) ** _NEAR if of["log"] else 0.0
    upper = high / away if of["log"] else high - _NEAR * (high - low)
    lower = low * away if of["log"] else low + _NEAR * (high - low)
    return value >= upper or (low > 0 and value <= lower)


def _best_values(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best trial's values by label; none if it is the technique as it was."""
    if outcome["best"] is None:
        return {}
    [best] = [t for t in outcome["trials"] if t["point"] == outcome["best"]["point"]]
    return dict(best["values"])


def _row(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of a technique's row."""
    metric = METRICS[outcome["metric"]]
    states = Counter(trial["state"] for trial in outcome["trials"])
    reasons = Counter(
        of["reason"] for of in (*outcome["trials"], outcome) if of.get("reason") is not None
    )
    values, best = _best_values(outcome), outcome["best"]

    def score(value: float | None) -> str:
        return MISSING if value is None else f"{metric.factor * value:.{metric.digits}f}"

    return {
        "technique": outcome["technique"],
        "was": score(outcome["own_score"]),
        "best": score(best and best["score"]),
        "epochs": f"{outcome['epochs']:,}",
        "trials": f"{len(outcome['trials']):,}",
        "pruned": str(states["pruned"]),
        "failed": str(states["failed"]),
        "reasons": "; ".join(
            f"{reason} ({times} x)" if times > 1 else reason for reason, times in reasons.items()
        ),
        "found": ", ".join(f"{label} {_value(value)}" for label, value in values.items())
        or ("as it was" if best else "nothing"),
        "edge": ", ".join(at_edge(outcome)) or ("no" if values else MISSING),
    }


def _importance(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the importance of each technique's settings in words, of those that have it."""
    return [
        {
            "technique": name,
            "importance": ", ".join(
                f"{tuning.short_name(setting, name)} {100 * share:.0f} %"
                for setting, share in sorted(of["importance"].items(), key=lambda of: -of[1])
            ),
        }
        for name, of in found.items()
        if of["importance"]
    ]


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _budget(outcome: Mapping[str, Any]) -> str:
    if outcome["rule"] == "epochs":
        return f"{outcome['budget']} epochs for every technique"
    return f"{outcome['budget']} trials for each searched setting"
