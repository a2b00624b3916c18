"""Cost of a prediction: multiply-adds, and time per image."""

import time

from regbench.evaluation.figures.base import MILLIONS, MILLISECONDS, Better, Figure, Trained

_IMAGES = 256  # that are timed, at most
_REPEATS = 3


def _multiply_adds(trained: Trained) -> int | None:
    from regbench.networks.multiply_adds import multiply_adds  # noqa: PLC0415 - imports Keras

    return multiply_adds(trained.network)


def _seconds(trained: Trained) -> float:
    """Return the seconds that an image takes, the least of several measurements."""
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow

    rows = trained.rows[trained.judged][:_IMAGES]
    measured = []
    for _ in range(1 + _REPEATS):  # the first may compile
        started = time.perf_counter()
        predict(trained.network, trained.images, rows)
        measured.append(time.perf_counter() - started)
    return min(measured[1:]) / len(rows)


FIGURES = (
    Figure(
        name="multiply_adds",
        title="multiply-adds",
        meaning="in millions, of a prediction: multiplications of a weight with a value, in dense "
        "and convolution layers",
        unit=MILLIONS,
        digits=2,
        compute=_multiply_adds,
        better=Better.LOWER,
        position=180,
    ),
    Figure(
        name="inference_seconds",
        title="inference",
        text_title="inference time",
        meaning="time for an image, of up to 256 together, as this machine was busy then",
        unit=MILLISECONDS,
        digits=3,
        compute=_seconds,
        better=Better.LOWER,
        position=190,
    ),
)
