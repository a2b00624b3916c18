"""The verdicts on a technique: their names, what they mean and how they are drawn."""

from dataclasses import dataclass

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
DESCRIPTIVE = "descriptive only"


@dataclass(frozen=True)
class Verdict:
    """How a verdict is told.

    Attributes:
        meaning: A sentence without the name; "{band}" stands for the band of practical
            equivalence, "{seeds}" for how many seeds a verdict takes.
        symbol: Before the name, so that colour is not the only sign.
        style: Of the name on the page.
        marker: Matplotlib's; an arrow points to where the difference lies.
        colour: Of the marker: a name of the report's colours.
        judged: Whether it rests on tests.
    """

    meaning: str
    symbol: str
    style: str
    marker: str
    colour: str
    judged: bool = True


# In the order of sorting.
VERDICTS = {
    BETTER: Verdict(
        "not equivalent, the corrected p value is below 0.05 and the mean difference above 0",
        symbol="▶",
        style="better",
        marker=">",
        colour="better",
    ),
    EQUIVALENT: Verdict(
        "two one-sided tests, corrected alike, show the difference to lie within {band}, even if "
        "it is not zero",
        symbol="■",
        style="equivalent",
        marker="s",
        colour="accent",
    ),
    UNDECIDED: Verdict(
        "none of the others is shown; that is no proof of equality",
        symbol="○",
        style="undecided",
        marker="o",
        colour="muted",
    ),
    DESCRIPTIVE: Verdict(
        "fewer than {seeds} seeds, so that nothing is tested",
        symbol="◇",
        style="undecided",
        marker="D",
        colour="muted",
        judged=False,
    ),
    WORSE: Verdict(
        "not equivalent, the corrected p value is below 0.05 and the mean difference below 0",
        symbol="◀",
        style="worse",
        marker="<",
        colour="worse",
    ),
}
JUDGED = tuple(name for name, verdict in VERDICTS.items() if verdict.judged)
