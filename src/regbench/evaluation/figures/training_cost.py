"""Cost of the training: epochs and seconds."""

from regbench.evaluation.figures.base import COUNT, SECONDS, USUAL, Better, Figure, Shown, Trained


def _epochs(trained: Trained) -> int:
    return len(trained.history)


def _seconds(trained: Trained) -> float:
    return float(trained.history["seconds"].sum())


FIGURES = (
    Figure(
        name="epochs",
        title="epochs",
        meaning="trained, mean over seeds",
        unit=COUNT,
        digits=1,
        compute=_epochs,
        shown=USUAL | Shown.TRAININGS,
        position=130,
    ),
    Figure(
        name="seconds",
        title="seconds",
        meaning="of training, mean over seeds",
        unit=SECONDS,
        digits=1,
        compute=_seconds,
        better=Better.LOWER,
        shown=USUAL | Shown.TEXT | Shown.TRAININGS,
        position=150,
    ),
)
