"""Whether the same study done by RegBench and by the plain script comes to the same accuracies."""

import argparse
import json
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from benchmarks.harness import DIGITS, timed
from benchmarks.speed import settings
from benchmarks.speed.figures import Figure, Outcome, Side
from benchmarks.speed.study import plain_script, run_of_study
from regbench.comparison.statistics import LEVEL, holm

DIFFER = "techniques whose mean accuracies differ (Welch's t, Holm, 5 %)"


def measure_agreement(given: argparse.Namespace, _: int) -> Outcome:
    """Compare validation accuracies over seeds; once, whatever the rounds."""
    names = settings.techniques(given.techniques)
    seeds, epochs = given.seeds or 10, given.epochs or 10
    root, written = given.work / "agreement", given.work / "agreement.json"
    timed(run_of_study(DIGITS, root, names, seeds, epochs))
    timed(plain_script(DIGITS, written, names, seeds, epochs))
    theirs: dict[str, list[float]] = {name: [] for name in names}
    for run in json.loads(written.read_text("utf-8")):
        theirs[run["technique"]].append(run["accuracy"])
    mine = {
        name: [
            json.loads(file.read_text("utf-8"))["validation_accuracy"]
            for file in sorted((root / "07_model_output" / name).glob("seed_*/metrics.json"))
        ]
        for name in names
    }
    outcome = compare({name: (mine[name], theirs[name]) for name in names})
    outcome.notes.append(
        f"{seeds} seeds, {epochs} epochs, {DIGITS.name}, the last 30 % validate; ranges are "
        "Welch's 95 % intervals, of which 5 % miss the truth: so p values are corrected for the "
        "number of techniques."
    )
    return outcome


def compare(accuracies: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Outcome:
    """Compare RegBench's and the plain script's accuracies of every technique."""
    outcome, p_values = Outcome([], []), []
    for technique, (mine, theirs) in accuracies.items():
        test = stats.ttest_ind(mine, theirs, equal_var=False)
        interval = test.confidence_interval(1 - LEVEL)
        points = [100 * float(v) for v in (np.mean(mine) - np.mean(theirs), *interval)]
        p_values.append(float(test.pvalue))
        for who, values in (("RegBench", mine), ("plain Keras script", theirs)):
            outcome.sides.append(
                Side(f"{technique}: {who}", "%", [100 * value for value in values])
            )
        what = f"{technique}: difference of mean accuracies, points"
        outcome.figures.append(Figure(what, points[0], low=points[1], high=points[2]))
    differ = sum(bool(adjusted < LEVEL) for adjusted in holm(p_values))
    outcome.figures.append(Figure(DIFFER, differ, 0))
    return outcome
