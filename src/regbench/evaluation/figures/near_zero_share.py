"""Share of near-zero weights: how sparse the network is."""

import numpy as np

from regbench.evaluation.figures.base import SHARE, Figure, Trained

NEAR_ZERO = 1e-3


def _share(trained: Trained) -> float:
    """Return the share over the entries of all trained kernels together."""
    from regbench.networks.weights import trained_kernels  # noqa: PLC0415 - imports Keras

    kernels = np.concatenate([kernel.ravel() for kernel in trained_kernels(trained.network)])
    return float((np.abs(kernels) < NEAR_ZERO).mean())


FIGURES = (
    Figure(
        name="near_zero_share",
        title="near-zero",
        text_title="near-zero weights",
        meaning=f"the share of weights below {NEAR_ZERO:g} in size",
        unit=SHARE,
        digits=1,
        compute=_share,
        position=120,
    ),
)
