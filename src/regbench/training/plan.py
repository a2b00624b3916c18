"""What a training needs besides its protocol, made from plain settings and prepared data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pandas as pd

from regbench.evaluation.resampling import fitted_of_seed, split_of_seed
from regbench.networks.base import Phase, Plan
from regbench.networks.registry import network_of
from regbench.regularizers.base import Regularizer
from regbench.study import fit
from regbench.study.memory import Batch
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training.ensembles import Images
from regbench.training.precision import built_in
from regbench.training.train import split_part


@dataclass(frozen=True)
class PlannedTraining:
    """The arguments of ``train_technique`` that settings and prepared data give.

    Attributes:
        build: Returns an untrained network by its seed, with the regularizers' layers.
        images: To train on and to evaluate.
        regularizers: Those of the technique, with the data that they need.
        phases_of: Returns the phases of a network's training.
    """

    build: Callable[[int], keras.Model]
    images: Images
    regularizers: list[Regularizer]
    phases_of: Callable[[keras.Model], Sequence[Phase]]


def plan_training(
    images: np.ndarray,
    split_index: pd.DataFrame,
    classes: list[str],
    normalization: Mapping[str, Any],
    prepared: Mapping[str, Any],
    protocol: Protocol,
    network: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
) -> PlannedTraining:
    """Return what is trained with a seed; of a resampled study on the seed's own split.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: split, target.
        classes: The labels in the order of the network's outputs.
        normalization: Offset and scale per channel; or by seed.
        prepared: Further datasets of the data pipeline that the technique needs, by name.
        protocol: What all techniques share.
        network: Its settings as plain values.
        training: ``technique``, its name, and ``regularizers``, its plain settings.
        seed: Of the training.

    Raises:
        StudyError: Network, technique and images do not fit one another.
    """
    split_index = split_of_seed(split_index, seed)
    normalization = fitted_of_seed(normalization, seed)
    prepared = {name: fitted_of_seed(fitted, seed) for name, fitted in prepared.items()}
    train_part = split_part(split_index, "train")
    known = prepared | {"train_counts": np.bincount(train_part.targets, minlength=len(classes))}
    regularizers = Technique.model_validate(training["regularizers"]).regularizers(known)
    plan = Plan(images.shape[1:], len(classes), seed, normalization, regularizers)
    kind = network_of(network)
    fit.check_fit(
        fit.Planned(
            kind,
            {training["technique"]: training["regularizers"]},
            prepared,
            Batch(plan.image_shape, protocol.batch_size, protocol.precision),
            len(classes),
        )
    )

    def build(seed: int) -> keras.Model:
        with built_in(protocol.precision):
            return kind.built(replace(plan, seed=seed))

    to_train = Images(images, train_part, split_part(split_index, "validation"), len(classes))
    return PlannedTraining(build, to_train, regularizers, kind.phases)
