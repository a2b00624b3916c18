"""Expected calibration error: the gap between confidence and accuracy."""

from regbench.evaluation import classification
from regbench.evaluation.figures.base import SHARE, Better, Figure, Trained


def _error(trained: Trained) -> float:
    probabilities = trained.judged_probabilities
    correct = probabilities.argmax(axis=1) == trained.judged_targets
    return classification.expected_calibration_error(probabilities.max(axis=1), correct)


FIGURES = (
    Figure(
        name="expected_calibration_error",
        title="ECE",
        text_title="calibration error",
        meaning="expected calibration error: how far confidence is from the share of right answers",
        unit=SHARE,
        digits=1,
        compute=_error,
        better=Better.LOWER,
        position=100,
        source="Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3; 15 bins",
    ),
)
