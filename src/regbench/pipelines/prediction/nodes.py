"""Nodes that label the unlabelled images.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regbench.errors import KEDRO_RUN, StudyError
from regbench.study.schema import Ingest

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
    from regbench.images.sources.base import ImageSource
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = ImageSource = Any


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
    return made.images, made.index, made.rejected


def choose_network(
    fingerprints: dict[str, Any],
    preparation: dict[str, str],
    protocol: dict[str, Any],
    data_fingerprint: dict[str, Any],
    settings: dict[str, Any],
    reporting: dict[str, Any],
    *results: Results,
) -> dict[str, Any]:
    """Return which network labels the images: see ``use.choice.choose``.

    Raises:
        StudyError: Nothing is trained, or the technique asked for is not trained or stale.
    """
    from regbench.use import choice

    stored = dict(zip(fingerprints, results, strict=True))
    return choice.choose(
        fingerprints, preparation, protocol, data_fingerprint, settings, reporting, stored
    )


def label_images(
    chosen: dict[str, Any],
    networks: dict[str, Callable[[], Any]],
    unlabeled: ndarray,
    unlabeled_index: DataFrame,
    classes: list[str],
) -> DataFrame:
    """Predict the label of every unlabelled image with the chosen network.

    Returns:
        A row per image: filename, label and confidence, the probability of the label.

    Raises:
        StudyError: The network's file is missing, takes images of another size, knows another
            number of classes, or holds other weights than the chosen ones.
    """
    from regbench.evaluation import label
    from regbench.use import choice

    network = choice.load_network(chosen, networks, unlabeled.shape[1:], len(classes))
    return label.label_images(network, unlabeled, unlabeled_index, classes)
