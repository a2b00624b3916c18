"""Staged looks: a study that is judged after 5, 8, 12 ... seeds, and trains on what is undecided.

The seeds of the first look are trained as in a study without looks. Those between two looks are a
*stage* of their own: they are trained once the look before them has been taken, and only for arms
that need them. Without looks a study is one stage.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

MIN_FIRST_LOOK = 3
MAX_LAST_LOOK = 100
NOT_NEEDED_AFTER = "not_needed_after"  # what a look's spared training has as fingerprint


def looks_in(seeds: Any) -> Any:
    """Return the looks of a setting ``{looks: [5, 8]}``; None if it is another one.

    Words are taken for a list, as ``--params`` takes no lists: ``looks=5 8``.
    """
    if not isinstance(seeds, Mapping) or set(seeds) != {"looks"}:
        return None
    looks = seeds["looks"]
    if isinstance(looks, str):
        return [int(word) if word.isdecimal() else word for word in looks.split()]
    return looks


def last_of(looks: Any) -> int:
    """Return the number of seeds of a study with these looks; 1 if they are faulty."""
    return 1 if fault_of_looks(looks) else int(looks[-1])


def fault_of_looks(looks: Any) -> str:
    """Return what is wrong with looks as they are given; empty if nothing is."""
    if looks == []:
        return ""  # none
    is_list = isinstance(looks, list) and all(type(look) is int for look in looks)
    if not is_list or any(one >= other for one, other in pairwise(looks)):
        return "must be rising numbers of seeds, such as [5, 8, 12]"
    if len(looks) < 2:
        return "must be two looks or more; for a single one give the number of seeds alone"
    if looks[0] < MIN_FIRST_LOOK:
        return (
            f"must begin at {MIN_FIRST_LOOK} seeds or more: the spread of fewer differences says "
            "too little for a verdict"
        )
    if looks[-1] > MAX_LAST_LOOK:
        return f"must end at {MAX_LAST_LOOK} seeds or fewer"
    return ""


class Stage(NamedTuple):
    """The trainings of an arm between two looks.

    Attributes:
        after: The look before it, as a number of seeds; 0 for the first stage.
        seeds: Those of its trainings.
        until: The look that follows, as a number of seeds; of the last one it is the report's.
    """

    after: int
    seeds: list[int]
    until: int


def stages(seeds: Sequence[int], looks: Sequence[int]) -> list[Stage]:
    """Return the stages of a study.

    Args:
        seeds: All of them, in order.
        looks: The numbers of seeds after which the study is judged, rising to ``len(seeds)``;
            empty without looks.
    """
    ends = list(looks) or [len(seeds)]
    starts = [0, *ends[:-1]]
    return [
        Stage(start, list(seeds[start:end]), end) for start, end in zip(starts, ends, strict=True)
    ]


def look_name(look: int) -> str:
    """Return the name of a look: of its node's namespace and of its record."""
    return f"look_{look}"


def stage_namespace(arm: str, stage: Stage) -> str:
    """Return the namespace of an arm's stage: ``dropout``, then ``after_5.dropout``.

    What follows a look has a top-level namespace of its own: grouped by these, the study goes
    technique, look, stage, look ... and never back.
    """
    return f"after_{stage.after}.{arm}" if stage.after else arm


def arm_of_namespace(name: str) -> str:
    """Return the arm of a stage's namespace; other names are returned as they are."""
    first, _, arm = name.partition(".")
    return arm if first.startswith("after_") and first.removeprefix("after_").isdecimal() else name


def stage_results(arm: str, stage: Stage, last: Stage) -> str:
    """Return the name of an arm's results up to the end of a stage."""
    return f"{arm}_results" if stage == last else f"{arm}_results_to_{stage.until}"


def namespaces_of(looks: Sequence[int]) -> set[str]:
    """Return the top-level namespaces that looks and later stages take."""
    return {name for look in looks[:-1] for name in (look_name(look), f"after_{look}")}


def is_needed(record: Mapping[str, Any], arm: str, seed: int) -> bool:
    """Return whether a training is needed according to the look before its stage.

    Args:
        record: The look's: ``due`` is the number of seeds that each arm needs so far.
        arm: The training's.
        seed: The training's; seeds are 1, 2, 3 ... in a study with looks.
    """
    return seed <= int(record["due"].get(arm, 0))
