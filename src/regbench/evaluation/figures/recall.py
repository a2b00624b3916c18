"""Recall of each class."""

import math

from regbench.evaluation import classification
from regbench.evaluation.figures.base import SHARE, Better, Figure, Shown, Trained


def _recall(trained: Trained) -> dict[str, float]:
    """Return the recall of each class that the judged part has images of."""
    answers = trained.judged_probabilities.argmax(axis=1)
    classes = list(trained.classes)
    recalls = classification.recall_by_class(trained.judged_targets, answers, len(classes))
    by_class = zip(classes, recalls.tolist(), strict=True)
    return {label: found for label, found in by_class if not math.isnan(found)}


FIGURES = (
    Figure(
        name="recall",
        title="recall",
        meaning="the share of a class's {part} images that was recognized",
        unit=SHARE,
        compute=_recall,
        better=Better.HIGHER,
        setting="class",
        shown=Shown(0),  # there may be a thousand classes; the report counts predictions
        position=200,
    ),
)
