"""How much better the network knows what it was trained on than what it was not."""

from regbench.evaluation.figures.base import POINTS, USUAL, Better, Figure, Shown, Trained
from regbench.evaluation.scores import accuracy


def _gap(trained: Trained) -> float:
    of_train = accuracy(trained.probabilities["train"], trained.targets["train"])
    return of_train - accuracy(trained.judged_probabilities, trained.judged_targets)


FIGURES = (
    Figure(
        name="generalization_gap",
        title="gap",
        meaning="train accuracy minus {part} accuracy",
        unit=POINTS,
        compute=_gap,
        better=Better.NEITHER,  # a network that has learnt nothing has none
        shown=USUAL | Shown.TEXT | Shown.TRAININGS,
        position=60,
    ),
)
