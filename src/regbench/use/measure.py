"""A network's own figure on images that it has not seen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regbench.evaluation.resampling import seeds_of
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS
from regbench.networks.inference import predict
from regbench.training.train import split_part

if TYPE_CHECKING:
    import keras


def figure_on_test(
    network: "keras.Model",
    images: np.ndarray,
    split_index: pd.DataFrame,
    planned: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return a refitted network's figure on the test images; None if it has seen some of them.

    Args:
        network: Raw uint8 images in, class probabilities out.
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: split, target. With a split for each seed, every network of
            the refit has test images of its own.
        planned: From ``refit.plan``.

    Returns:
        ``metric``, ``value`` in its stored unit, and ``images``, the number of test images.
    """
    if "test" in planned["parts"] or seeds_of(split_index):
        return None
    part = split_part(split_index, "test")
    if not len(part.rows):
        return None
    metric = planned["expected"]["metric"]
    answers = answers_of(predict(network, images, part.rows), part.targets)
    return {"metric": metric, "value": METRICS[metric].of(answers), "images": len(part.rows)}
