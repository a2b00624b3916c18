"""Generalization gap: train accuracy minus the judged part's."""

from regbench.evaluation.figures.base import POINTS, USUAL, Better, Figure, Shown, Trained
from regbench.evaluation.scores import accuracy


def _gap(trained: Trained) -> float:
    train_accuracy = accuracy(trained.probabilities["train"], trained.targets["train"])
    return train_accuracy - accuracy(trained.judged_probabilities, trained.judged_targets)


FIGURES = (
    Figure(
        name="generalization_gap",
        title="gap",
        meaning="train accuracy minus {part} accuracy",
        unit=POINTS,
        compute=_gap,
        better=Better.NEITHER,  # an untrained network has no gap
        shown=USUAL | Shown.TEXT | Shown.TRAININGS,
        position=60,
    ),
)
