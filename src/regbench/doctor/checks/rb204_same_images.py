"""RB204: the same or nearly the same pictures are in two split parts."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.images.duplicates import LEAK
from regbench.images.near_duplicates import NEAR
from regbench.text.counted import number_of

_FEW = 0.005  # of the judged images: below, verdicts hardly depend on them
_RANK_OF_FEW = 70


def _find(evidence: Evidence) -> Finding | None:
    found = evidence.duplicates
    if found.empty:
        return None
    findings = found["finding"].fillna("").astype(str)
    found = found[findings.str.contains(LEAK, regex=False)]
    trained = found["group"].isin(found["group"][found["split"] == "train"])
    elsewhere = found[trained & (found["split"] != "train")]
    if elsewhere.empty:
        return None
    near = elsewhere["finding"].astype(str).str.startswith(NEAR)
    judged = int((elsewhere["split"] == evidence.part).sum())
    share = judged / max(1, evidence.images_in(evidence.part))
    if near.all() and share < _FEW:
        return None  # strokes of digits are nearly alike by chance
    kinds = [
        f"{number_of(int(count), 'image')} of validation or test {'has' if count == 1 else 'have'} "
        f"{word} pixels as an image that is trained on"
        for word, count in (("the same", (~near).sum()), ("nearly the same", near.sum()))
        if count
    ]
    command = evidence.command({"ingest.duplicates": "drop"})
    minutes = evidence.minutes()
    if near.all():  # no setting leaves these out
        command, minutes = evidence.command({}, "--pipelines=data"), 0.0
    return Finding(
        f"{'; '.join(kinds)}: {percent(share)} of the {evidence.part} images",
        command,
        minutes,
        "03_primary/duplicate_images.csv lists them; near duplicates are kept in one part by "
        "protocol.split.group_column or group_pattern, or taken out of the set.",
        rank=_RANK_OF_FEW if share < _FEW else None,
    )


CHECK = Check(
    code="RB204",
    title="the same pictures are in two parts",
    meaning="validation or test images have the same pixels as an image that is trained on, or one "
    "judged image in 200 has nearly the same",
    why="The network has seen the answers: accuracy is too high, and what memorizes best wins.",
    rank=12,
    find=_find,
    of_images=True,
    in_pilot=True,
)
