"""Training of a technique on a subset of the train images, or with another network."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from regbench.errors import StudyError
from regbench.evaluation.epochs import diverged
from regbench.evaluation.results import FAILED, TRAINED
from regbench.evaluation.split_parts import judged_part
from regbench.images.normalization import fit_normalization, fit_zca
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS
from regbench.networks.inference import predict
from regbench.regularizers.zca import Whitening
from regbench.scaling.subsets import repeats, subset_rows, with_subset
from regbench.study.cells import Cell, title_of
from regbench.study.schema import Normalization, Protocol
from regbench.training import events, tensorflow_setup
from regbench.training.ensembles import reported, train_technique
from regbench.training.plan import PlannedTraining, plan_training
from regbench.training.train import SplitPart, split_part


def train_cell(
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    parameters: Mapping[str, Any],
    cell: Cell,
    technique: str,
    size: int,
    length: str,
) -> dict[str, Any]:
    """Train once and return the figures of the validation and the judged part.

    What is fitted on train images is fitted on the subset.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: split, target.
        classes: The labels in the order of the network's outputs.
        parameters: Of the study, as nodes have them.
        cell: The training.
        technique: The name of its technique.
        size: The number of train images.
        length: ``steps``: as many optimizer steps as all train images take; or ``epochs``.

    Returns:
        ``status``; of a failed training the ``reason``; ``epochs``, ``steps``, ``seconds``; every
        metric as ``validation_<name>`` and, with a test part, ``test_<name>``; ``judged_images``
        and ``step``, the least amount by which one more right answer changes the study's metric.
    """
    tensorflow_setup.set_up_tensorflow()
    tensorflow_setup.forget_earlier_networks()
    network_title = title_of(cell.network, parameters["protocol"]["network"])
    title = f"{technique} on {size:,} images with {network_title}"
    try:
        planned, protocol = _planned(
            images, split_index, classes, parameters, cell, technique, size, length
        )
    except StudyError as error:  # technique, network and subset do not fit one another
        return _done(title, cell, {"status": FAILED, "reason": error.message})

    network, history, _ = train_technique(
        planned.build,
        planned.images,
        protocol,
        cell.draw,
        planned.regularizers,
        on_epoch=reported(title, cell.draw),
        phases_of=planned.phases_of,
    )
    made = {
        "epochs": len(history),
        "steps": len(history) * -(-len(planned.images.train.rows) // protocol.batch_size),
        "seconds": float(history["seconds"].sum()),
    }
    if reason := diverged(history):
        return _done(title, cell, made | {"status": FAILED, "reason": reason})
    judged = judged_part(set(split_index["split"]))
    for name in dict.fromkeys(["validation", judged]):
        part = split_part(split_index, name)
        answers = answers_of(predict(network, images, part.rows), part.targets)
        made |= {f"{name}_{metric}": METRICS[metric].of(answers) for metric in METRICS}
        if name == judged:
            step = METRICS[parameters["reporting"]["metric"]].step(answers)
            made |= {"judged_images": len(part.rows), "step": step}
    return _done(title, cell, {"status": TRAINED} | made)


def _planned(
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    parameters: Mapping[str, Any],
    cell: Cell,
    technique: str,
    size: int,
    length: str,
) -> tuple[PlannedTraining, Protocol]:
    """Return what is trained on the subset, and the protocol with its number of epochs.

    Raises:
        StudyError: Network, technique and images do not fit one another.
    """
    protocol = Protocol.model_validate(parameters["protocol"])
    rows = subset_rows(split_index, cell.draw, size)
    method = Normalization.model_validate(parameters["normalization"])
    normalization = fit_normalization(images, rows, method)
    regularizers = parameters["techniques"][technique]
    prepared: dict[str, Any] = {"augmentation": parameters["augmentation"]}
    if "zca" in regularizers:
        settings = Whitening.model_validate(parameters["zca"])
        prepared["zca"] = fit_zca(images, rows, normalization, settings)
    planned = plan_training(
        images,
        with_subset(split_index, rows),
        classes,
        normalization,
        prepared,
        protocol,
        parameters["sized_networks"][cell.network],
        {"technique": technique, "regularizers": regularizers},
        cell.draw,
    )
    if length == "epochs":
        return planned, protocol
    of_all = int((split_index["split"] == "train").sum())
    often, epochs = repeats(size, of_all, protocol.epochs, protocol.batch_size)
    part = planned.images.train
    part = SplitPart(np.tile(part.rows, often), np.tile(part.targets, often))
    planned = replace(planned, images=replace(planned.images, train=part))
    return planned, protocol.model_copy(update={"epochs": epochs})


def _done(title: str, cell: Cell, made: dict[str, Any]) -> dict[str, Any]:
    """Report that a training is done; return what it made."""
    events.report(
        events.TrainingDone(
            title,
            cell.draw,
            made.get("epochs", 0),
            made.get("seconds", 0.0),
            made.get("validation_accuracy"),
            made.get("test_accuracy"),
            made.get("reason"),
        )
    )
    return made
