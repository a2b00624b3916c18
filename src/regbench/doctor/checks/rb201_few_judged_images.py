"""RB201: the judged part has too few images for the band of practical equivalence."""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.evaluation.resampling import column_of, seeds_of
from regbench.metrics.base import POINTS, Answers

_FOLDS = 5


def _find(evidence: Evidence) -> Finding | None:
    index, metric = evidence.split_index, evidence.metric
    columns = [column_of(seed) for seed in seeds_of(index)] or ["split"]
    judged = np.any([(index[column] == evidence.part).to_numpy() for column in columns], axis=0)
    targets = index["target"].to_numpy()[judged]
    if metric.unit != POINTS or not len(targets):
        return None
    step = metric.step(Answers(targets, targets, np.ones(len(targets)), len(evidence.classes)))
    band = evidence.reporting.band
    if 2 * step <= band * (1 + 1e-9):
        return None
    return Finding(
        f"one of the {len(targets):,} {evidence.part} images is {100 * step:.2g} points of "
        f"{metric.title}, and the band of practical equivalence is {100 * band:g}",
        evidence.command({"protocol.split.folds": _FOLDS}),
        evidence.minutes(),
        f"With folds every image is judged, by another seed each {_FOLDS}th time; or collect more "
        "images.",
    )


CHECK = Check(
    code="RB201",
    title="too few judged images for the band",
    meaning="the band of practical equivalence is less than two judged images (where every seed "
    "has its own split: of those that any seed judges)",
    why="A difference of the size that matters is one image more or less: luck decides, and "
    "equivalence can hardly be shown.",
    rank=50,
    find=_find,
    of_images=True,
    in_pilot=True,
)
