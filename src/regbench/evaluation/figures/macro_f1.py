"""Macro F1: the mean over classes, so that small classes count as much as large ones."""

from regbench.evaluation import classification
from regbench.evaluation.figures.base import SHARE, Better, Figure, Trained


def _macro_f1(trained: Trained) -> float:
    answers = trained.judged_probabilities.argmax(axis=1)
    return classification.macro_f1(trained.judged_targets, answers)


FIGURES = (
    Figure(
        name="macro_f1",
        title="macro F1",
        meaning="the mean over classes of F1, the harmonic mean of precision and recall",
        unit=SHARE,
        compute=_macro_f1,
        better=Better.HIGHER,
        position=110,
    ),
)
