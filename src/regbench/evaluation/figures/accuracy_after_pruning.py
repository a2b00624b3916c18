"""Accuracy with the smallest weights set to zero."""

from regbench.evaluation.figures.base import ACCURACY, Better, Figure, Shown, Trained


def _accuracies(trained: Trained) -> dict[str, float]:
    from regbench.evaluation.pruning import pruned_accuracy  # noqa: PLC0415 - imports Keras

    accuracies = pruned_accuracy(
        trained.network, trained.images, trained.rows[trained.judged], trained.judged_targets
    )
    return {f"{share:g}": accuracy for share, accuracy in accuracies.items()}


ACCURACY_AFTER_PRUNING = Figure(
    name="accuracy_after_pruning",
    title="accuracy after pruning",
    meaning="{part} accuracy with the weights smallest in size set to zero, not trained again",
    unit=ACCURACY,
    compute=_accuracies,
    better=Better.HIGHER,
    setting="share of weights removed",
    shown=Shown.REPORT | Shown.MLFLOW,
    position=220,
    source="Han et al., Learning both Weights and Connections for Efficient Neural Networks, 2015",
)

FIGURES = (ACCURACY_AFTER_PRUNING,)
