"""RB205: a column or the file names look like groups of images, and the split tears them apart."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.images.suspected_groups import suspected_groups
from regbench.study.split import Split


def _find(evidence: Evidence) -> Finding | None:
    if Split.model_validate(evidence.protocol["split"]).is_grouped:
        return None
    found = suspected_groups(evidence.split_index)
    if not found:
        return None
    first = found[0]
    others = [f"{each.setting}={each.value}" for each in found[1:]]
    return Finding(
        first.seen,
        evidence.command({first.setting: first.value}),
        evidence.minutes(),
        f"Others that look so: {', '.join(others)}." if others else "",
    )


CHECK = Check(
    code="RB205",
    title="images that look like groups are torn apart by the split",
    meaning="a column of the label file, or the file names, look like groups (patients, scenes), "
    "some of these are in several parts, and protocol.split names no groups",
    why="Pictures of one patient or scene are alike: test accuracy then tells how well the network "
    "knows these, not how well it does with new ones.",
    rank=13,
    find=_find,
    of_images=True,
    in_pilot=True,
)
