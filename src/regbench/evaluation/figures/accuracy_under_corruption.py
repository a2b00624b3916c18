"""Accuracy on corrupted images."""

import numpy as np

from regbench.evaluation.figures.base import ACCURACY, Better, Figure, Shown, Trained
from regbench.evaluation.scores import accuracy


def _accuracies(trained: Trained) -> dict[str, float]:
    from regbench.evaluation.corruption import CORRUPTIONS  # noqa: PLC0415 - imports pandas
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow

    return {
        name: accuracy(
            predict(trained.network, images, np.arange(len(images))), trained.corrupted_targets
        )
        for name, images in zip(CORRUPTIONS, trained.corrupted_images, strict=True)
    }


ACCURACY_UNDER_CORRUPTION = Figure(
    name="accuracy_under_corruption",
    title="accuracy under corruption",
    meaning="accuracy on {part} images made worse in eight ways",
    unit=ACCURACY,
    compute=_accuracies,
    better=Better.HIGHER,
    setting="corruption",
    shown=Shown.REPORT | Shown.MLFLOW,
    position=210,
    source="kinds and order of strength: Mu and Gilmer, MNIST-C, 2019",
)

FIGURES = (ACCURACY_UNDER_CORRUPTION,)
