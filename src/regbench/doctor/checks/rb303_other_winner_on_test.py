"""RB303: validation and test name different winners."""

import numpy as np

from regbench.comparison.compare import best_technique
from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import points
from regbench.metrics.base import POINTS

_SURE = 2.0  # standard errors over seeds


def _find(evidence: Evidence) -> Finding | None:
    metric = evidence.metric
    if evidence.part != "test" or metric.unit != POINTS:
        return None
    figures = {
        name: results.by_seed(evidence.headline).dropna()
        for name, results in evidence.trained.items()
    }
    means = {
        name: metric.gain(float(values.mean())) for name, values in figures.items() if len(values)
    }
    chosen = best_technique(evidence.trained, metric.name)
    if chosen not in means:
        return None
    best = max(sorted(means), key=lambda name: means[name])
    differences = (figures[best] - figures[chosen]).dropna().map(metric.gain)
    if best == chosen or differences.empty:
        return None
    mean = float(differences.mean())
    error = float(differences.std() / np.sqrt(len(differences))) if len(differences) > 1 else 0.0
    if not mean > max(evidence.reporting.band, _SURE * error):
        return None
    return Finding(
        f"validation chooses {chosen}, and on test {best} is better than that by {points(mean)}, "
        f"over {len(differences)} seeds",
        evidence.command({"protocol.split.folds": 5}),
        evidence.minutes(),
        f"{chosen} is still the one that was chosen fairly; with folds both parts change.",
    )


CHECK = Check(
    code="RB303",
    title="validation and test name different winners",
    meaning="the best technique on validation is worse on test than another by more than the band "
    "and two standard errors over seeds",
    why="Which technique is best depends on the few images that choose; or the two parts are not "
    "alike.",
    rank=58,
    find=_find,
)
