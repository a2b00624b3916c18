"""Whether the same study done by RegBench and by the plain script comes to the same accuracies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.speed import settings
from benchmarks.speed.harness import Figure, Options, Outcome, Side, say
from benchmarks.speed.processes import kedro_run, timed
from benchmarks.speed.study import plain_script
from regbench.comparison.statistics import LEVEL, holm

DIFFER = "techniques whose mean accuracies differ (Welch's t, Holm, 5 %)"


def measure_agreement(options: Options, rounds: int) -> Outcome:
    """Compare validation accuracies over seeds; once, whatever the rounds."""
    root = options.folder("agreement")
    techniques = list(options.agreement_techniques) or settings.techniques()
    say("  RegBench")
    timed(
        kedro_run(
            env="article",
            pipelines=techniques,
            images=options.agreement_images,
            data_root=root,
            protocol__seeds=options.agreement_seeds,
            protocol__epochs=options.agreement_epochs,
        )
    )
    say("  plain Keras script")
    written = root / "plain_keras.json"
    timed(
        plain_script(
            "plain_keras",
            images=options.agreement_images,
            json=written,
            techniques=",".join(techniques),
            seeds=options.agreement_seeds,
            epochs=options.agreement_epochs,
        )
    )
    runs = json.loads(written.read_text(encoding="utf-8"))
    outcome = compare(
        {
            technique: (
                _accuracies(root, technique),
                [run["accuracy"] for run in runs if run["technique"] == technique],
            )
            for technique in techniques
        }
    )
    outcome.notes.append(
        f"{options.agreement_seeds} seeds, {options.agreement_epochs} epochs, "
        f"{options.agreement_images.name}, the last 30 % validate; Welch's t interval. "
        "Of such intervals 5 % miss the truth, so p values are corrected for the number of "
        "techniques."
    )
    return outcome


def compare(accuracies: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Outcome:
    """Compare RegBench's and the plain script's accuracies of every technique."""
    outcome, p_values = Outcome([], []), []
    for technique, (mine, theirs) in accuracies.items():
        difference, low, high, p_value = welch(mine, theirs)
        p_values.append(p_value)
        outcome.sides += [
            Side(f"{technique}: RegBench", "validation accuracy", list(mine)),
            Side(f"{technique}: plain Keras script", "validation accuracy", list(theirs)),
        ]
        outcome.figures.append(
            Figure(
                f"{technique}: difference of mean accuracies, points",
                100 * difference,
                low=100 * low,
                high=100 * high,
            )
        )
        within = "within" if low <= 0 <= high else "OUTSIDE"
        outcome.notes.append(
            f"{technique}: RegBench {_spread(mine)}, plain script {_spread(theirs)}; "
            f"0 is {within} the 95 % interval of the difference."
        )
    differ = sum(bool(adjusted < LEVEL) for adjusted in holm(p_values))
    outcome.figures.append(Figure(DIFFER, differ, 0))
    return outcome


def welch(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float, float]:
    """The difference of two means, its 95 % interval with unequal variances, and p of none."""
    test = stats.ttest_ind(one, other, equal_var=False)
    interval = test.confidence_interval(1 - LEVEL)
    difference = float(np.mean(one) - np.mean(other))
    return difference, float(interval.low), float(interval.high), float(test.pvalue)


def _accuracies(root: Path, technique: str) -> list[float]:
    files = sorted((root / "07_model_output" / technique).glob("seed_*/metrics.json"))
    return [json.loads(file.read_text(encoding="utf-8"))["validation_accuracy"] for file in files]


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
