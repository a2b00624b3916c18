"""Nodes that label the unlabelled images.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regbench.errors import KEDRO_RUN, StudyError
from regbench.study import digests
from regbench.study import fingerprints as fingerprint
from regbench.study.arms import Arm, arm_named
from regbench.study.schema import BEST, Ingest

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
    from regbench.images.sources.base import ImageSource
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = ImageSource = Any

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
    """Choose the up-to-date training whose metric is best on validation.

    Returns:
        ``technique``, ``network`` (in a study of several), ``seed`` and ``weights``, the digest of
        the network's weights.

    Raises:
        StudyError: Nothing is trained, or the technique asked for is not trained or stale.
    """
    from regbench.comparison import compare

    stored = dict(zip(fingerprints, results, strict=True))
    current = fingerprint.current_fingerprints(data_fingerprint, preparation, fingerprints)
    by_technique, stale = compare.set_aside_stale(stored, current, protocol["seeds"])
    metric = reporting["metric"]
    wanted, on_network = settings["technique"], settings.get("network", BEST)
    considered = {
        name: of_one
        for name, of_one in by_technique.items()
        if wanted in (BEST, arm_named(name).technique)
        and (on_network == BEST or arm_named(name).network in ("", on_network))
    }
    technique: str | None
    if wanted != BEST and len(considered) == 1:
        (technique,) = considered
    else:
        technique = compare.best_technique(considered, metric)
        if technique is None:
            lacks = "up to date" if stale else "trained yet"
            raise StudyError(f"no technique is {lacks}; {KEDRO_RUN} trains them all")
    seed = compare.best_seed(by_technique[technique], metric)
    if seed is None:
        lacks = f"stale ({stale[technique]})" if technique in stale else "not trained"
        raise StudyError(f"{technique} is {lacks}; {KEDRO_RUN} --pipelines={technique} trains it")
    logger.info(
        "labelling with %s, seed %d: the best %s on validation",
        technique,
        seed,
        metric.replace("_", " "),
    )
    trainings = by_technique[technique].trainings.set_index("seed")
    weights = str(trainings.loc[seed, "fingerprint_weights"])
    arm = arm_named(technique)
    of_network = {"network": arm.network} if arm.network else {}
    return {"technique": arm.technique, **of_network, "seed": seed, "weights": weights}


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
    from regbench.networks.weights import weights_of

    arm = Arm(chosen["technique"], chosen.get("network", ""))
    name = f"{arm.folder}/seed_{chosen['seed']}"
    if name not in networks:
        raise StudyError(f"the network {name} is gone; {KEDRO_RUN} --pipelines={arm.name}")
    network = networks[name]()
    if network.input_shape[1:] != unlabeled.shape[1:]:
        raise StudyError(
            f"the network {name} takes images of {network.input_shape[1:]}, the unlabelled ones "
            f"are {unlabeled.shape[1:]}: train again after changing ingest"
        )
    if network.output_shape[-1] != len(classes):
        raise StudyError(
            f"the network {name} knows {network.output_shape[-1]} classes, the set has "
            f"{len(classes)}: train again"
        )
    if digests.digest_of_weights(weights_of(network)) != chosen["weights"]:
        raise StudyError(
            f"the network {name} is not the one that was evaluated; {KEDRO_RUN} "
            f"--pipelines={arm.name} trains it again"
        )
    return label.label_images(network, unlabeled, unlabeled_index, classes)
