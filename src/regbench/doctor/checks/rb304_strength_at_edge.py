"""RB304: the winner's strength is at the edge of the range that is usually tried."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from regbench.comparison import tables
from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.schema import BASELINE, SHARED
from regbench.study.search import ranges_of
from regbench.study.technique import Technique
from regbench.study.tuning import Tuning

_NEAR = (
    0.05  # of a searched range: as far from an end as the best of twenty points may lie by chance
)


def _find(evidence: Evidence) -> Finding | None:
    winner = tables.best_besides_baseline(evidence.comparison, evidence.trained)
    entries = evidence.settings["techniques"].get(winner) if winner else None
    if not entries or not _is_above_baseline(evidence, str(winner)):
        return None
    shared = {key: kind.model_validate(evidence.settings[key]) for key, kind in SHARED.items()}
    technique = Technique.model_validate(entries)
    tuning = Tuning.model_validate(evidence.settings["tuning"])
    tried = "was searched" if winner in tuning.fixed else "is usually tried"
    near = _NEAR if winner in tuning.fixed else 0.0
    for key, values in technique.in_full(shared).items():
        kind = REGULARIZERS[key]
        ranges = ranges_of(kind.model_validate(values), str(winner), tuning)
        for setting, value, edge, further in strengths_at_edge(kind, values, ranges, near):
            path = key if setting == kind.shorthand else f"{key}.{setting}"
            return Finding(
                f"{winner}, the best on validation, has {key}.{setting} = {value:g}, and {edge:g} "
                f"is the end of the range that {tried}",
                evidence.command(
                    {f"techniques.{winner}.{path}": f"{further:g}"},
                    f"--pipelines={BASELINE},{winner},reporting",
                    "--only-missing-outputs",
                ),
                evidence.minutes([str(winner)]),
            )
    return None


def strengths_at_edge(
    kind: type[Regularizer],
    values: Any,
    ranges: Mapping[str, Any] | None = None,
    near: float = 0.0,
) -> Iterator[tuple[str, float, float, float]]:
    """Yield the settings that are at or beyond an end of their range, where one can go further.

    A low end of 0 is 'off', and no edge.

    Args:
        kind: The regularizer.
        values: Its settings by name, or its strength alone.
        ranges: Of its settings; by default those that it declares.
        near: What share of the range from an end, on its scale, counts as the end: the points of
            a search lie within.

    Yields:
        Setting, value, end of the range, and a value further on that the regularizer takes.
    """
    if kind.shorthand and not isinstance(values, Mapping):
        values = {kind.shorthand: values}
    for setting, searched in (kind.search if ranges is None else ranges).items():
        value = values.get(setting)
        if not isinstance(searched, Range) or not isinstance(value, int | float):
            continue
        width = searched.high - searched.low
        from_low, from_high = near * width, near * width
        if searched.log:
            away = (searched.high / searched.low) ** near
            from_low, from_high = searched.low * (away - 1), searched.high * (1 - 1 / away)
        if value >= (searched.high - from_high) * (1 - 1e-9):
            edge, tried = searched.high, [3 * value] if searched.log else [value + width / 2]
            tried += [value + (1 - value) / 2] if value < 1 else []
        elif searched.low > 0 and value <= (searched.low + from_low) * (1 + 1e-9):
            edge, tried = searched.low, [value / 3]
        else:
            continue
        for further in tried:
            try:
                kind.model_validate({**values, setting: further})
            except ValidationError:
                continue  # out of the regularizer's own range
            yield setting, float(value), edge, further
            break


def _is_above_baseline(evidence: Evidence, technique: str) -> bool:
    rows = evidence.comparison
    if "difference" not in rows:
        return False
    differences = rows.loc[rows["technique"] == technique, "difference"].astype(float)
    return bool((differences.map(evidence.metric.gain) > 0).any())


CHECK = Check(
    code="RB304",
    title="a strength at the edge of its range",
    meaning="the best technique on validation is above the baseline, and a strength of it is at or "
    "beyond an end of the range that docs/regularizers.md or tuning.search names for it; after a "
    "search, within 5 % of it",
    why="What is best at the edge may be better beyond it.",
    rank=62,
    find=_find,
)
