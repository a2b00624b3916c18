"""RB106: accuracy jumps from epoch to epoch by more than the best technique gains."""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent, points
from regbench.study.schema import BASELINE

_FULL = 0.5  # the last learning rate by the highest: less is a rate that has decayed
_LAST = 3  # the share of epochs at the end: a third
_LEAST_EPOCHS = 4


def _find(evidence: Evidence) -> Finding | None:
    accuracies = evidence.curves(BASELINE, "validation_accuracy")
    rates = evidence.curves(BASELINE, "learning_rate")
    epochs = accuracies.shape[1]
    if epochs < _LEAST_EPOCHS or not rates.size or "difference" not in evidence.comparison:
        return None
    if (rates[:, -1] < _FULL * rates.max(axis=1)).any():
        return None
    steps = np.diff(accuracies[:, -max(_LEAST_EPOCHS, epochs // _LAST) :], axis=1)
    # Around a slow trend two neighbours differ by the noise of both.
    noise = float(np.sqrt(np.mean((steps - steps.mean()) ** 2) / 2))
    differences = evidence.comparison["difference"].dropna()
    if evidence.metric.name != "accuracy" or differences.empty:
        return None
    best = float(differences.max())
    if noise <= max(best, evidence.reporting.band):
        return None
    changed = {"protocol.schedule.name": "cosine"}
    return Finding(
        f"at the end the baseline's validation accuracy varies by {percent(noise)} (standard "
        f"deviation) from one epoch to the next, and the best technique is {points(best)} from the "
        f"baseline; the learning rate is still {rates[:, -1].mean():.2g}",
        evidence.command(changed),
        evidence.minutes(),
        "With a rate that falls to 0 the last epoch is no lucky or unlucky one.",
    )


CHECK = Check(
    code="RB106",
    title="noise from epoch to epoch is larger than the differences",
    meaning="under a learning rate that has not decayed, the baseline's validation accuracy varies "
    "from epoch to epoch by more than the best technique's gain and the band",
    why="Which epoch happens to be the last decides more than the technique: decaying the rate "
    "takes that noise away, as many more seeds would.",
    rank=45,
    find=_find,
)
