"""Size of the network: its trained parameters, and bytes in memory."""

import numpy as np

from regbench.evaluation.figures.base import COUNT, MEGABYTES, Better, Figure, Trained


def _weights(trained: Trained) -> int:
    return int(sum(np.prod(variable.shape) for variable in trained.network.trainable_variables))


def _bytes(trained: Trained) -> int:
    return int(sum(weight.numpy().nbytes for weight in trained.network.weights))


FIGURES = (
    Figure(
        name="weights",
        title="parameters",
        meaning="numbers that are trained",
        unit=COUNT,
        digits=0,
        compute=_weights,
        better=Better.LOWER,
        position=160,
    ),
    Figure(
        name="weights_bytes",
        title="weights",
        text_title="weights in memory",
        meaning="of the trained network, four bytes a weight; its file is a little larger",
        unit=MEGABYTES,
        digits=1,
        compute=_bytes,
        better=Better.LOWER,
        position=170,
    ),
)
