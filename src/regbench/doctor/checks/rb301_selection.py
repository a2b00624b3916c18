"""RB301: the figure by which the winner was chosen flatters it."""

import numpy as np
import pandas as pd

from regbench.comparison import tables
from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent, points
from regbench.metrics.base import POINTS
from regbench.study.schema import BASELINE

_MANY = 3  # techniques besides the baseline
_SURE = 2.0  # standard errors
_TEST = {"train": 0.7, "validation": 0.15, "test": 0.15}


def _find(evidence: Evidence) -> Finding | None:
    techniques = [name for name in evidence.trained if name != BASELINE]
    winner = tables.best_besides_baseline(evidence.comparison, evidence.trained)
    if len(techniques) < _MANY or winner is None or evidence.metric.unit != POINTS:
        return None
    if evidence.part == "validation":
        value = evidence.trained[winner].by_seed(evidence.headline).mean()
        shares = {f"protocol.split.{name}": share for name, share in _TEST.items()}
        return Finding(
            f"{winner} is the best of {len(techniques)} techniques by the same {percent(value)} "
            "that it would be quoted with, and there are no test images",
            evidence.command(shares),
            evidence.minutes(),
        )
    optimism, error = _optimism(evidence, winner)
    if not optimism > max(evidence.reporting.band, _SURE * error):
        return None
    test = evidence.trained[winner].by_seed(evidence.headline).mean()
    return Finding(
        f"{winner}, the best of {len(techniques)} on validation, is further above the baseline "
        f"there than on test, by {points(optimism)}: quote its test {evidence.metric.title}, "
        f"{percent(test)}",
        evidence.command({"protocol.split.folds": 5}),
        evidence.minutes(),
        "With folds every image is judged once, and the choice is less one of luck.",
    )


def _optimism(evidence: Evidence, winner: str) -> tuple[float, float]:
    """Return how much more the winner gains on validation than on test, and its standard error.

    The error is over seeds and over the images of both parts.
    """
    gains: dict[str, pd.Series] = {}
    variance = 0.0
    for part in ("validation", "test"):
        figures = [
            evidence.trained[name].by_seed(f"{part}_{evidence.metric.name}")
            for name in (winner, BASELINE)
            if name in evidence.trained
        ]
        if len(figures) < 2:
            return np.nan, np.nan
        gains[part] = (figures[0] - figures[1]).dropna()
        right = (
            evidence.by_image(winner, part)["right"] - evidence.by_image(BASELINE, part)["right"]
        )
        variance += float(right.var()) / max(1, len(right))
    by_seed = (gains["validation"] - gains["test"]).dropna()
    if len(by_seed) > 1:
        variance += float(by_seed.var()) / len(by_seed)
    return float(by_seed.mean()), float(np.sqrt(variance))


CHECK = Check(
    code="RB301",
    title="validation chose among many",
    meaning="three techniques or more are compared on the images that chose the winner, as there "
    "is no test part; or the winner gains more on validation than on test, by more than the band "
    "and two standard errors over seeds and images",
    why="The best of many on the images that chose it is better there than on new ones: its test "
    "figure is the one to quote.",
    rank=60,
    find=_find,
)
