"""The page of what was measured: how steady each end is, and whether it means the same."""

from typing import Any

import numpy as np

from benchmarks.harness import as_line
from regbench.comparison.statistics import (
    LEVEL,
    PairedDifference,
    holm,
    judge,
    paired_difference,
)
from regbench.comparison.verdicts import BETTER, UNDECIDED, WORSE
from regbench.report.text_table import ReadableTable, as_markdown

# Name, title, factor to the unit shown, band of equivalence in the stored unit.
ENDS = (
    ("last", "last epoch", 100, 0.005),
    ("mean", "mean of the last 3 epochs", 100, 0.005),
    ("averaged", "averaged weights", 100, 0.005),
    ("cross_entropy", "cross-entropy", 1, 0.01),
)
_IMAGES = {"digits": 4800, "digits_constant": 4800, "cifar": 4000}  # that test
_NOTES = (
    "*Decided*, *better* and so on: paired t tests, corrected for the number of techniques (Holm), "
    "with all seeds at once; bands of 0.5 points and 0.01 nats.",
    "*Seeds needed*: for intervals as narrow as the last epoch's, as a share of its seeds: the "
    "geometric mean over techniques of the ratio of variances.",
    "*Other effect*: techniques whose mean difference is another than at the last epoch (paired t "
    "test, Holm, 5 %); *other sign*: those that one end calls better and the other worse.",
)

Values = dict[str, dict[str, np.ndarray]]  # by technique and end: a value per seed


def page(measured: dict[str, Any]) -> str:
    """Return the page of all measurements, in Markdown."""
    lines = []
    for name, entry in measured.items():
        values = by_technique(entry["trainings"])
        if len(values) < 2 or len(values["baseline"]["last"]) < 2:  # just begun
            continue
        found = {end: differences(values, end, band, _IMAGES[name]) for end, _, _, band in ENDS}
        lines.append(as_markdown(table_of_ends(name, values, found)))
        lines += [as_markdown(table_of_techniques(name, found)), as_line(entry), ""]
    return "\n".join([*lines, *(f"- {note}" for note in _NOTES), ""])


def by_technique(trainings: list[dict[str, Any]]) -> Values:
    """Return each end's values by technique, for the seeds that all techniques have."""
    seeds: dict[str, dict[int, dict[str, Any]]] = {}
    for training in trainings:
        seeds.setdefault(training["technique"], {})[training["seed"]] = training
    shared = sorted(set.intersection(*(set(of) for of in seeds.values())))
    return {
        technique: {end: np.array([of[seed][end] for seed in shared]) for end, *_ in ENDS}
        for technique, of in seeds.items()
    }


def differences(values: Values, end: str, band: float, images: int) -> dict[str, PairedDifference]:
    """Return each technique's paired difference to the baseline at an end, by technique."""
    step, higher_is_better = (1e-7, False) if end == "cross_entropy" else (None, True)
    base = values["baseline"][end]
    return {
        technique: paired_difference(
            of[end], base, band, images, step=step, higher_is_better=higher_is_better
        )
        for technique, of in values.items()
        if technique != "baseline"
    }


def table_of_ends(
    name: str, values: Values, found: dict[str, dict[str, PairedDifference]]
) -> ReadableTable:
    """Return a row per end: how steady it is, and whether it means the same."""
    rows = []
    for end, title, factor, _ in ENDS:
        sds = {technique: paired.sd for technique, paired in found[end].items()}
        ratios = [abs(paired.mean) / paired.sd for paired in found[end].values()]
        verdicts = {technique: one.verdict for technique, one in judge(found[end]).items()}
        usual = {technique: one.verdict for technique, one in judge(found["last"]).items()}
        seeds = np.exp(np.mean([2 * np.log(sds[of] / found["last"][of].sd) for of in sds]))
        in_nats = end == "cross_entropy"
        rows.append(
            [
                f"{title}, {'nats' if in_nats else 'points'}",
                f"{factor * values['baseline'][end].std(ddof=1):.3g}",
                f"{factor * np.median(list(sds.values())):.3g}",
                f"{np.median(ratios):.2g}",
                "–" if in_nats else f"{seeds:.2f}",
                f"{sum(verdict != UNDECIDED for verdict in verdicts.values())} of {len(verdicts)}",
                "–" if in_nats or end == "last" else str(moved(values, end, _IMAGES[name])),
                str(sum({verdicts[of], usual[of]} == {BETTER, WORSE} for of in verdicts)),
            ]
        )
    seeds = len(values["baseline"]["last"])
    columns = ["end", "baseline's sd", "sd of differences (median)", "mean / sd (median)",
               "seeds needed", "decided", "other effect", "other sign"]  # fmt: skip
    return ReadableTable(f"`{name}`, {seeds} seeds: ends", columns, rows, [])


def moved(values: Values, end: str, images: int) -> int:
    """Count the techniques whose mean difference is another at this end than at the last epoch."""
    shifts = {technique: of[end] - of["last"] for technique, of in values.items()}
    base = shifts.pop("baseline")
    p_values = [paired_difference(shift, base, 0, images).p_value for shift in shifts.values()]
    return int(np.sum(holm(p_values) < LEVEL))


def table_of_techniques(name: str, found: dict[str, dict[str, PairedDifference]]) -> ReadableTable:
    """Return a row per technique: its differences at every end, and the verdicts."""
    judged = {end: judge(of) for end, of in found.items()}
    rows = [
        [
            technique,
            *(
                f"{factor * of.mean:+.3g} ± {factor * of.sd:.2g} ({abs(of.mean) / of.sd:.1f}), "
                f"{judged[end][technique].verdict}"
                for end, _, factor, _ in ENDS
                for of in [found[end][technique]]
            ),
        ]
        for technique in found["last"]
    ]
    title = f"`{name}`: difference to the baseline ± sd over seeds (mean / sd), verdict"
    return ReadableTable(title, ["technique", *(title for _, title, *_ in ENDS)], rows, [])
