"""RB302: techniques are undecided, and what it would take to decide them."""

import pandas as pd

from regbench.comparison.verdicts import UNDECIDED
from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import names, number_of
from regbench.study.looks import MAX_LAST_LOOK
from regbench.study.schema import BASELINE

_MOST_SEEDS = 1000  # that settings allow
_FOLDS = 5


def _find(evidence: Evidence) -> Finding | None:
    if "verdict" not in evidence.comparison:
        return None
    rows = evidence.comparison[evidence.comparison["verdict"] == UNDECIDED]
    if rows.empty:
        return None
    undecided = rows["technique"].tolist()
    further = rows.get("further_seeds", pd.Series(float("nan"), rows.index)).astype(float)
    known = further.dropna()
    seen = f"{names(undecided)} {'is' if len(undecided) == 1 else 'are'} undecided"
    if known.empty:
        return _without_prospect(evidence, seen)
    quickest = str(rows["technique"][known.index[int(known.to_numpy().argmin())]])
    more = int(known.min())
    wanted = int(rows.loc[rows["technique"] == quickest, "trainings"].iloc[0]) + more
    looks = evidence.protocol.get("looks")
    if looks and wanted <= looks[-1]:
        changed = {}  # looks that are still to come
    elif looks:
        wanted = max(wanted, looks[-1] + 1)
        changed = {"protocol.seeds.looks": " ".join(map(str, [*looks, wanted]))}
    else:
        changed = {"protocol.seeds": str(wanted)}
    if wanted > (MAX_LAST_LOOK if looks else _MOST_SEEDS):
        return _without_prospect(evidence, seen)
    pipelines = f"--pipelines={BASELINE},{quickest},reporting"
    return Finding(
        f"{seen}; {quickest} would take about {number_of(more, 'more seed')}",
        evidence.command(changed, pipelines, "--only-missing-outputs"),
        evidence.minutes([quickest, BASELINE], trainings=more),
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
    why="Undecided is no proof of equality: the study is too small for the difference that there "
    "is, if there is one.",
    rank=65,
    find=_find,
)
