"""The contract of a check: its declaration, and the finding that it returns.

A file of ``checks`` declares one as ``CHECK``; its name begins with the code in small letters. All
files of the folder are read; there is no list to add it to. The report, the terminal, the history,
``08_reporting/doctor.json`` and ``docs/checks.md`` are derived from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from regbench.doctor.evidence import Evidence


class Suspect(NamedTuple):
    """An image that a finding names.

    Attributes:
        filename: As in the split index.
        label: The one that it was given.
        other: The label that it is found to have more likely.
    """

    filename: str
    label: str
    other: str


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        seen: What was seen, in a clause with its figures.
        command: The next command.
        minutes: What it takes: 0 where nothing is trained; None where nothing is timed yet.
        remark: What else to do or to know; may be empty.
        suspects: Images to look at, the clearest case first.
        rank: In place of the check's, where this finding matters more or less than usual.
        action: What the command does, in a few words; may be empty.
    """

    seen: str
    command: str
    minutes: float | None
    remark: str = ""
    suspects: tuple[Suspect, ...] = field(default=())
    rank: int | None = None
    action: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check's declaration.

    Attributes:
        code: Such as ``RB101``; it never changes its meaning.
        title: What the finding says, in a few words.
        meaning: When it is raised, for the docs: a sentence.
        why: Why it matters: a sentence.
        rank: Which finding is shown first: the smallest.
        find: Returns the finding, or None if there is nothing to say.
        of_images: Whether it needs the prepared images only, and no training.
        in_pilot: Whether a training of a tenth of the epochs shows it, too.
        explains: Codes of checks that follow from the same trouble: of a network that has this
            finding, they say nothing.
    """

    code: str
    title: str
    meaning: str
    why: str
    rank: int
    find: "Callable[[Evidence], Finding | None]"
    of_images: bool = False
    in_pilot: bool = False
    explains: tuple[str, ...] = ()
