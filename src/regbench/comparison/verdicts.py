"""The verdicts on a technique: names, meanings, and how they are shown."""

from dataclasses import dataclass

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
DESCRIPTIVE = "descriptive only"


@dataclass(frozen=True)
class Verdict:
    """A verdict's meaning and how it is shown.

    Attributes:
        meaning: A sentence without the name; "{band}" stands for the band of practical
            equivalence, "{seeds}" for the number of seeds that a verdict needs, "{better}" and
            "{worse}" for the side of 0, above or below, on which the metric is so.
        symbol: Before the name, so that colour is not the only sign.
        style: CSS class of the name in the report.
        marker: Of Matplotlib; an arrow points in the direction of the difference.
        colour: Of the marker: one of the report's colours.
        judged: Whether it is based on tests.
    """

    meaning: str
    symbol: str
    style: str
    marker: str
    colour: str
    judged: bool = True

    def marker_of(self, *, higher_is_better: bool) -> str:
        """Return the marker; an arrow points where the difference lies, left if less is better."""
        mirrored = {"<": ">", ">": "<"}
        return self.marker if higher_is_better else mirrored.get(self.marker, self.marker)


# In the order in which tables are sorted.
VERDICTS = {
    BETTER: Verdict(
        "not equivalent, the corrected p value is below 0.05 and the mean difference {better} 0",
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
        "not equivalent, the corrected p value is below 0.05 and the mean difference {worse} 0",
        symbol="◀",
        style="worse",
        marker="<",
        colour="worse",
    ),
}
# What differs where the study is judged at looks.
STAGED_MEANINGS = {
    BETTER: "the interval lies {better} 0, and not within {band}",
    EQUIVALENT: "the interval lies within {band}, even if it leaves out 0",
    UNDECIDED: "the interval holds 0 and reaches beyond {band}; that is no proof of equality",
    DESCRIPTIVE: "no look has been reached with {seeds} pairs of trainings, so nothing is judged",
    WORSE: "the interval lies {worse} 0, and not within {band}",
}
JUDGED = tuple(name for name, verdict in VERDICTS.items() if verdict.judged)
