"""Nodes that label the unlabelled images.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regbench.errors import KEDRO_RUN, StudyError
from regbench.study.schema import Ingest

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
    from regbench.images.sources.base import ImageSource
    from regbench.storage.stored_file import StoredFile
    from regbench.use.labels import LabelledParts
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = ImageSource = StoredFile = LabelledParts = Any

logger = logging.getLogger(__name__)


def ingest_unlabeled(
    unlabeled_images: ImageSource, ingest: dict[str, Any], data_fingerprint: dict[str, Any]
) -> tuple[ndarray, DataFrame, DataFrame]:
    """Read all unlabelled images into one array, in the size and colour of the labelled ones.

    Returns:
        Images (N x H x W x C, uint8), their index (filename) and the rejected ones (filename,
        reason).

    Raises:
        StudyError: The labelled images were prepared by a version that did not record their shape.
    """
    from regbench.images import ingest as ingestion

    if "shape" not in data_fingerprint:
        raise StudyError(
            f"the labelled images were prepared by an earlier version; {KEDRO_RUN} "
            "--pipelines=data prepares them again"
        )
    height, width, channels = data_fingerprint["shape"]
    with unlabeled_images as source:
        settings = Ingest.model_validate(ingest)
        made = ingestion.ingest_unlabeled(source, settings, (height, width, channels))
        if not len(made.images):
            logger.warning(
                "%s: no unlabelled images, the table of labels is empty; they are what lies in a "
                "folder called unlabeled, or in that of ingest.unlabeled_folder",
                source.display,
            )
    return made.images, made.index, made.rejected


def choose_network(
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    refit: dict[str, Any] | None,
    *results: Results,
) -> dict[str, Any]:
    """Return which network labels the images: see ``use.choice.choose``.

    Raises:
        StudyError: Nothing is trained, or the technique asked for is not trained or stale.
    """
    from regbench.use import choice

    stored = dict(zip(parameters["fingerprints"], results, strict=True))
    return choice.choose(parameters, data_fingerprint, stored, refit)


def calibrate_confidence(
    chosen: dict[str, Any],
    predictions: dict[str, Callable[[], DataFrame]],
    classes: list[str],
    split_index: DataFrame,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Return how confidence is calibrated on validation images: ``calibration.calibration_of``."""
    from regbench.evaluation.resampling import seeds_of
    from regbench.use import calibration

    found = calibration.calibration_of(
        chosen,
        predictions,
        classes,
        settings["error_rate"],
        resampled=bool(seeds_of(split_index)),
    )
    logger.info("%s", calibration.described(found))
    return found


def label_images(
    chosen: dict[str, Any],
    networks: dict[str, Callable[[], Any]],
    unlabeled: ndarray,
    unlabeled_index: DataFrame,
    classes: list[str],
    calibration: dict[str, Any],
    parts: StoredFile,
    command: str,
) -> LabelledParts:
    """Predict the label of every unlabelled image with the chosen network.

    Returns:
        A row per image: filename, label, confidence (the calibrated probability of the label) and
        sure; in parts, see ``use.labels.label_in_parts``.

    Raises:
        StudyError: The network's file is missing, takes images of another size, knows another
            number of classes, or holds other weights than the chosen ones.
    """
    from regbench.use import choice, labels

    network = choice.load_network(chosen, networks, unlabeled.shape[1:], len(classes), command)
    names = unlabeled_index["filename"]
    return labels.label_in_parts(network, unlabeled, names, classes, calibration, chosen, parts)
