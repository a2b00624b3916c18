"""The images that a search may see."""

import tempfile

import numpy as np
import pandas as pd

from regbench.errors import StudyError
from regbench.evaluation.resampling import seeds_of
from regbench.storage.arrays import in_chunks


def without_test(images: np.ndarray, split_index: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the train and validation images in their order, and the split index of these.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image.

    Returns:
        An array on disk, in a file that is gone with it; and the rows, numbered anew.

    Raises:
        StudyError: There are no test images, or every seed has its own.
    """
    parts = split_index["split"].astype("str").to_numpy()
    if seeds_of(split_index):
        raise StudyError(
            "tuning takes a study with one split, as test images of one seed would be validation "
            "images of another; set protocol.split.resample: false and protocol.split.folds: null"
        )
    if "test" not in parts:
        raise StudyError(
            "tuning takes a study with test images: without them, settings would be judged by the "
            "validation images that chose them; set protocol.split.test above 0"
        )
    rows = np.flatnonzero(parts != "test")
    with tempfile.TemporaryFile() as file:
        taken = np.memmap(file, images.dtype, "w+", shape=(len(rows), *images.shape[1:]))
    done = 0
    for chunk in in_chunks(images, rows):
        taken[done : done + len(chunk)] = chunk
        done += len(chunk)
    return taken, split_index.iloc[rows].reset_index(drop=True)
