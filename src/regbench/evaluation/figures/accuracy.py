"""Accuracy of the finished network, by split part."""

from functools import partial

from regbench.evaluation.figures.base import ACCURACY, USUAL, Better, Figure, Shown, Trained
from regbench.evaluation.scores import accuracy


def _accuracy(trained: Trained, part: str) -> float | None:
    if part not in trained.rows:
        return None
    return accuracy(trained.probabilities[part], trained.targets[part])


TRAIN_ACCURACY = Figure(
    name="train_accuracy",
    title="train accuracy",
    meaning="the share of train images that the finished network recognizes, without augmentation",
    unit=ACCURACY,
    compute=partial(_accuracy, part="train"),
    better=Better.HIGHER,
    shown=USUAL & ~Shown.REPORT | Shown.TRAININGS,  # the report has it in the plot of gaps
    position=30,
)
VALIDATION_ACCURACY = Figure(
    name="validation_accuracy",
    title="validation",
    text_title="validation accuracy",
    meaning="accuracy on the validation images, which select; mean ± standard deviation",
    unit=ACCURACY,
    compute=partial(_accuracy, part="validation"),
    better=Better.HIGHER,
    shown=USUAL | Shown.TEXT | Shown.TRAININGS,
    spread=True,
    position=10,
)
TEST_ACCURACY = Figure(
    name="test_accuracy",
    title="test",
    text_title="test accuracy",
    meaning="accuracy on the test images, which report; mean ± standard deviation",
    unit=ACCURACY,
    compute=partial(_accuracy, part="test"),
    better=Better.HIGHER,
    shown=USUAL | Shown.TEXT | Shown.TRAININGS,
    spread=True,
    position=20,
)

FIGURES = (TRAIN_ACCURACY, VALIDATION_ACCURACY, TEST_ACCURACY)
