"""Recall of each class."""

from regbench.evaluation import classification
from regbench.evaluation.figures.base import SHARE, Better, Figure, Shown, Trained


def _recall(trained: Trained) -> dict[str, float]:
    answers = trained.judged_probabilities.argmax(axis=1)
    classes = list(trained.classes)
    recalls = classification.recall_by_class(trained.judged_targets, answers, len(classes))
    return dict(zip(classes, recalls.tolist(), strict=True))


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
