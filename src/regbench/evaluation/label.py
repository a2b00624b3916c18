"""Labelling images without labels with a trained network."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import keras


def label_images(
    network: "keras.Model", images: np.ndarray, image_index: pd.DataFrame, classes: list[str]
) -> pd.DataFrame:
    """Return the most probable class of each image.

    Args:
        network: Trained.
        images: N x H x W x C, uint8.
        image_index: A row per image with filename.
        classes: The labels in the order of the network's outputs.

    Returns:
        A row per image: filename, label and confidence (the label's probability, 0 to 1).
    """
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow

    probabilities = predict(network, images, np.arange(len(images)))
    return pd.DataFrame(
        {
            "filename": image_index["filename"].to_numpy(),
            "label": np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)],
            "confidence": probabilities.max(axis=1).round(6),
        }
    )
