"""Accuracy of a network after magnitude pruning."""

from collections.abc import Sequence

import keras
import numpy as np

from regbench.evaluation.scores import accuracy
from regbench.networks.inference import predict
from regbench.networks.weights import kernel_variables

SHARES = (0.5, 0.8, 0.9, 0.95)


def pruned_accuracy(
    network: keras.Model,
    images: np.ndarray,
    rows: np.ndarray,
    targets: np.ndarray,
    shares: Sequence[float] = SHARES,
) -> dict[float, float]:
    """Return a network's accuracy with its smallest weights set to 0, without training it again.

    Global magnitude pruning (Han et al., Learning both Weights and Connections for Efficient
    Neural Networks, 2015): the weights of all trained kernels are ranked together; biases, batch
    normalization and the fixed whitening are kept. The network's weights are restored.

    Args:
        network: Trained.
        images: N x H x W x C, uint8; may be memory-mapped.
        rows: The images to evaluate on, M ints.
        targets: Their classes, M ints.
        shares: Shares of weights to remove, from 0 to 1: exactly ``round(share * weights)``
            weights; of equal ones, those in earlier layers first.

    Returns:
        Accuracies by share.
    """
    kernels = kernel_variables(network)
    trained = [kernel.numpy() for kernel in kernels]
    ends = np.cumsum([kernel.size for kernel in trained])
    weights = np.concatenate([kernel.ravel() for kernel in trained])
    magnitudes = np.abs(weights)
    accuracies = {}
    try:
        for share in shares:
            kept = np.where(_smallest(magnitudes, round(share * len(weights))), 0, weights)
            for kernel, values in zip(kernels, np.split(kept, ends[:-1]), strict=True):
                kernel.assign(values.reshape(kernel.shape))
            accuracies[share] = accuracy(predict(network, images, rows), targets)
    finally:
        for kernel, values in zip(kernels, trained, strict=True):
            kernel.assign(values)
    return accuracies


def _smallest(magnitudes: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of the ``count`` smallest values; of equal ones, the first."""
    if count == 0:
        return np.zeros(len(magnitudes), dtype=bool)
    largest = np.partition(magnitudes, count - 1)[count - 1]
    smallest: np.ndarray = magnitudes < largest
    smallest[np.flatnonzero(magnitudes == largest)[: count - smallest.sum()]] = True
    return smallest
