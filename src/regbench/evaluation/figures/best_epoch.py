"""Figures of the epoch with the best validation accuracy: what early stopping could reach."""

from regbench.evaluation import epochs
from regbench.evaluation.figures.base import (
    ACCURACY,
    COUNT,
    USUAL,
    Better,
    Figure,
    Shown,
    Trained,
)
from regbench.evaluation.scores import accuracy


def _best_epoch(trained: Trained) -> int:
    return epochs.best_epoch(trained.history)


def _best_validation_accuracy(trained: Trained) -> float:
    return float(trained.history["validation_accuracy"].max())


def _best_epoch_test_accuracy(trained: Trained) -> float | None:
    """Return the test accuracy with the weights of the best epoch on validation."""
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow
    from regbench.networks.weights import set_weights, weights_of  # noqa: PLC0415

    if "test" not in trained.rows:
        return None
    if not trained.best_epoch_weights:  # the network has them
        return accuracy(trained.probabilities["test"], trained.targets["test"])
    own = weights_of(trained.network)
    try:
        set_weights(trained.network, dict(trained.best_epoch_weights))
        probabilities = predict(trained.network, trained.images, trained.rows["test"])
    finally:
        set_weights(trained.network, own)
    return accuracy(probabilities, trained.targets["test"])


FIGURES = (
    Figure(
        name="best_validation_accuracy",
        title="best epoch's validation",
        meaning="validation accuracy at the epoch with the best validation accuracy",
        unit=ACCURACY,
        compute=_best_validation_accuracy,
        better=Better.HIGHER,
        shown=USUAL,
        only_judged_on="validation",
        position=40,
    ),
    Figure(
        name="best_epoch_test_accuracy",
        title="best epoch's test",
        meaning="test accuracy at the epoch with the best validation accuracy",
        unit=ACCURACY,
        compute=_best_epoch_test_accuracy,
        better=Better.HIGHER,
        only_judged_on="test",
        position=50,
    ),
    Figure(
        name="best_epoch",
        title="best epoch",
        meaning="the number of the epoch with the best validation accuracy, the first of equals",
        unit=COUNT,
        digits=1,
        compute=_best_epoch,
        shown=USUAL & ~Shown.REPORT,
        position=140,
    ),
)
