"""RB302: techniques are undecided, and what it would take to decide them."""

from regbench.comparison.verdicts import UNDECIDED
from regbench.doctor.base import Check, Finding
from regbench.doctor.commands import of_what_is_trained
from regbench.doctor.deciding import deciding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import names
from regbench.study.schema import BASELINE
from regbench.text.counted import number_of

_FOLDS = 5


def _find(evidence: Evidence) -> Finding | None:
    if "verdict" not in evidence.comparison:
        return None
    rows = evidence.comparison[evidence.comparison["verdict"] == UNDECIDED]
    if rows.empty:
        return None
    undecided = rows.to_dict("records")
    undecided.sort(key=lambda row: -evidence.metric.gain(row["difference"]))
    named = names([str(row["technique"]) for row in undecided])
    seen = f"{named} {'is' if len(undecided) == 1 else 'are'} undecided"
    is_baseline = evidence.comparison["technique"] == BASELINE
    [baseline] = evidence.comparison[is_baseline].to_dict("records")
    looks = evidence.protocol.get("looks") or []
    found = deciding(undecided, baseline, looks, evidence.side_by_side)
    if found is None:
        return _without_prospect(evidence, seen)
    return Finding(
        f"{seen}; {found.technique} would take about {number_of(found.further, 'more seed')}",
        evidence.command(
            found.changed, *of_what_is_trained(evidence.comparison), "--only-missing-outputs"
        ),
        found.minutes,
        "If mean and spread over seeds stay as they are.",
    )


def _without_prospect(evidence: Evidence, seen: str) -> Finding:
    return Finding(
        f"{seen}, and no affordable number of seeds would decide",
        evidence.command({"protocol.split.folds": _FOLDS}),
        evidence.minutes(),
        "With folds more images are judged. Or take it as it is: the differences are small against "
        "the noise of these images.",
    )


CHECK = Check(
    code="RB302",
    title="undecided",
    meaning="a technique's verdict is undecided",
    why="Undecided does not mean equal: there may be a difference that so few seeds do not show.",
    rank=65,
    find=_find,
)
