"""Normalization and ZCA whitening of pixels, fitted on the train images only.

The fitted constants become layers of the network, so inference takes raw pixels.
"""

from typing import TYPE_CHECKING

import numpy as np

from regbench.errors import StudyError
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Normalization

if TYPE_CHECKING:
    from regbench.regularizers.zca import Whitening


def fit_normalization(
    images: np.ndarray, train_rows: np.ndarray, settings: Normalization
) -> dict[str, list[float]]:
    """Return each channel's offset and scale, fitted on the train images.

    Args:
        images: N x H x W x C, uint8.
        train_rows: The indices of the train images, int.
        settings: The method: ``min_max`` maps the smallest value to 0 and the largest to 1;
            ``mean_std`` to mean 0 and standard deviation 1.

    Returns:
        ``offset`` and ``scale``, C values each: normalized = (image - offset) / scale.

    Raises:
        StudyError: A channel has the same value in every pixel of every train image.
    """
    channels = images.shape[-1]
    # A histogram of the 256 values gives all statistics exactly, in one pass.
    counts = np.zeros((channels, 256), dtype=np.int64)
    for chunk in in_chunks(images, train_rows):
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    levels = np.arange(256)
    if settings.method == "min_max":
        low = (counts > 0).argmax(axis=1)
        offset, scale = low, 255 - (counts[:, ::-1] > 0).argmax(axis=1) - low
    else:
        pixels = counts.sum(axis=1)
        offset = counts @ levels / pixels
        scale = np.sqrt((counts * (levels - offset[:, None]) ** 2).sum(axis=1) / pixels)
    if not scale.all():
        raise StudyError("the train images are blank: every pixel of a channel has the same value")
    return {"offset": offset.astype(float).tolist(), "scale": scale.astype(float).tolist()}


def normalize(images: np.ndarray, normalization: dict[str, list[float]]) -> np.ndarray:
    """Return (images - offset) / scale per channel, float32, of the same shape.

    Args:
        images: N x H x W x C, uint8.
        normalization: ``offset`` and ``scale`` from ``fit_normalization``.
    """
    offset = np.asarray(normalization["offset"], dtype=np.float32)
    scale = np.asarray(normalization["scale"], dtype=np.float32)
    normalized: np.ndarray = (images.astype(np.float32) - offset) / scale
    return normalized


def fit_zca(
    images: np.ndarray,
    train_rows: np.ndarray,
    normalization: dict[str, list[float]],
    settings: "Whitening",
) -> dict[str, np.ndarray]:
    """Return the mean and matrix of ZCA whitening, fitted on the normalized train images.

    Of all whitening transforms ZCA changes the images least (in squared distance):
    W = U (S + epsilon)^(-1/2) U' with the eigenvectors U and eigenvalues S of the pixels'
    covariance over the normalized train images (Bell and Sejnowski, 1997; Krizhevsky, 2009).

    Args:
        images: N x H x W x C, uint8.
        train_rows: The indices of the train images, int.
        normalization: ``offset`` and ``scale`` from ``fit_normalization``.
        settings: ``epsilon``, added to the eigenvalues.

    Returns:
        ``mean`` (D) and ``matrix`` (D x D, symmetric), float32, D = H * W * C:
        whitened = (normalized - mean) @ matrix.

    Raises:
        StudyError: The images are too large to whiten.
    """
    values = int(np.prod(images.shape[1:]))
    if values > settings.MAX_VALUES:
        raise StudyError(
            f"ZCA whitening takes at most {settings.MAX_VALUES} values an image, these have "
            f"{values}: make ingest.size smaller or set the techniques with zca to null"
        )
    total = np.zeros(values)
    products = np.zeros((values, values))
    for chunk in in_chunks(images, train_rows):
        flat = normalize(chunk, normalization).reshape(len(chunk), values).astype(np.float64)
        total += flat.sum(axis=0)
        products += flat.T @ flat
    mean = total / len(train_rows)
    covariance = products / len(train_rows) - np.outer(mean, mean)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(np.maximum(eigenvalues, 0) + settings.epsilon)
    matrix = (vectors / roots) @ vectors.T
    return {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}


def whiten(normalized: np.ndarray, zca: dict[str, np.ndarray]) -> np.ndarray:
    """Return the ZCA-whitened images, float32, of the same shape.

    Args:
        normalized: N x H x W x C, float32, from ``normalize``.
        zca: ``mean`` and ``matrix`` from ``fit_zca``.
    """
    flat = normalized.reshape(len(normalized), -1)
    whitened: np.ndarray = (flat - zca["mean"]) @ zca["matrix"]
    return whitened.reshape(normalized.shape)
