"""RB105: a training has diverged, or one seed is far below the others of its technique."""

import math

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import names, percent
from regbench.evaluation.results import FAILED

_DIVERGED = "finite"  # in the reason of a training whose loss stopped being so
_FAR = 0.05  # below the median, a share of 1, at least
_DEVIATIONS = 8.0  # and so many robust standard deviations
_CHANCE = 4.0  # and so many standard deviations of the luck of that many judged images
_LEAST_SEEDS = 3
_TO_SD = 1.4826  # from the median absolute deviation to the standard deviation of a normal


def _find(evidence: Evidence) -> Finding | None:
    diverged, low = [], []
    for technique, results in evidence.results.items():
        trainings = results.trainings
        if not trainings.empty and "reason" in trainings:
            failed = trainings[trainings["status"] == FAILED]
            reasons = failed["reason"].fillna("").astype(str)
            diverged += [
                f"{technique} seed {seed}"
                for seed in failed["seed"][reasons.str.contains(_DIVERGED)]
            ]
        accuracies = results.by_seed(f"{evidence.part}_accuracy").dropna()
        if len(accuracies) < _LEAST_SEEDS:
            continue
        middle = float(accuracies.median())
        spread = _TO_SD * float(np.median(np.abs(accuracies - middle)))
        luck = math.sqrt(middle * (1 - middle) / max(1, evidence.images_in(evidence.part)))
        least = max(_FAR, _DEVIATIONS * spread, _CHANCE * luck)
        far = accuracies[middle - accuracies > least]
        low += [
            f"{technique} seed {seed} has {percent(value)} where its median is {percent(middle)}"
            for seed, value in far.items()
        ]
    if not diverged and not low:
        return None
    seen = [f"the loss of {names(diverged)} stopped being finite"] if diverged else []
    seen += [names(low)] if low else []
    rate = float(evidence.protocol["optimizer"]["learning_rate"]) / 3
    return Finding(
        "; ".join(seen),
        evidence.command({"protocol.optimizer.learning_rate": f"{rate:.2g}"}),
        evidence.minutes(),
        "A mean over seeds hides it: look at the learning curves.",
    )


CHECK = Check(
    code="RB105",
    title="a training diverged or collapsed",
    meaning="a training's loss stopped being finite; or a seed's accuracy is more than 5 points, "
    "eight robust standard deviations and four of the luck of the judged images below its "
    "technique's median, of three seeds or more",
    why="Training is not stable: means and spreads over seeds are then those of two kinds of "
    "networks, and a lower learning rate is the usual cure.",
    rank=15,
    find=_find,
    in_pilot=True,
)
