"""Whether the same study done by RegBench and by the plain script comes to the same accuracies."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.speed import settings
from benchmarks.speed.harness import Figure, Options, Outcome, Side, say
from benchmarks.speed.processes import kedro_run, timed
from benchmarks.speed.study import plain_script


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
    sides, figures, notes = [], [], []
    for technique in techniques:
        mine = _accuracies(root, technique)
        theirs = [run["accuracy"] for run in runs if run["technique"] == technique]
        difference, low, high = welch_interval(mine, theirs)
        sides += [
            Side(f"{technique}: RegBench", "validation accuracy", mine),
            Side(f"{technique}: plain Keras script", "validation accuracy", theirs),
        ]
        figures += [
            Figure(
                f"{technique}: difference of mean accuracies, points",
                100 * difference,
                low=100 * low,
                high=100 * high,
            ),
            Figure(
                f"{technique}: 0 lies in the 95 % interval of the difference (1: yes)",
                float(low <= 0 <= high),
                1.0,
                at_most=False,
            ),
        ]
        notes.append(f"{technique}: RegBench {_spread(mine)}, plain script {_spread(theirs)}.")
    notes.append(
        f"{options.agreement_seeds} seeds, {options.agreement_epochs} epochs, "
        f"{options.agreement_images.name}, the last 30 % validate; Welch's t interval. "
        "Of intervals like this, 5 % miss the truth."
    )
    return Outcome(sides, figures, notes)


def welch_interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """The difference of two means, and its 95 % interval with unequal variances."""
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    return float(np.mean(one) - np.mean(other)), float(interval.low), float(interval.high)


def _accuracies(root: Path, technique: str) -> list[float]:
    files = sorted((root / "07_model_output" / technique).glob("seed_*/metrics.json"))
    return [json.loads(file.read_text(encoding="utf-8"))["validation_accuracy"] for file in files]


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
