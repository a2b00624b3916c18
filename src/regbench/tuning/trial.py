"""One trial: a technique with some settings, trained and scored on validation images."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regbench.evaluation.epochs import diverged
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS
from regbench.networks.inference import predict
from regbench.study.schema import Protocol
from regbench.training import tensorflow_setup
from regbench.training.ensembles import Done, train_technique
from regbench.training.plan import plan_training
from regbench.tuning.search import FailedTrialError, Scored

OnEpoch = Callable[[int, float], None]  # number of the epoch and the metric on validation


@dataclass(frozen=True)
class Bench:
    """What all trials of a technique share.

    Attributes:
        technique: Its name.
        images: N x H x W x C, uint8: train and validation images, and no others.
        split_index: A row per image: split, target.
        classes: The labels in the order of the network's outputs.
        normalization: Fitted on train images.
        prepared: Further datasets that the technique needs, by name.
        protocol: What all techniques share, as plain values.
        network: Its settings.
        metric: That decides, a name of ``METRICS``.
    """

    technique: str
    images: np.ndarray
    split_index: pd.DataFrame
    classes: list[str]
    normalization: Mapping[str, Any]
    prepared: Mapping[str, Any]
    protocol: Mapping[str, Any]
    network: Mapping[str, Any]
    metric: str


def train_and_score(
    bench: Bench,
    regularizers: Mapping[str, Any],
    seed: int,
    on_epoch: OnEpoch = lambda number, value: None,
) -> Scored:
    """Train once and return the score on validation images.

    Args:
        bench: What all trials share.
        regularizers: The technique's, as plain settings.
        seed: Of the training.
        on_epoch: Called after every epoch of a technique that trains one network.

    Raises:
        FailedTrialError: The loss stopped being finite.
        StudyError: Network, technique and images do not fit one another.
    """
    tensorflow_setup.set_up_tensorflow()
    tensorflow_setup.forget_earlier_networks()
    started = time.perf_counter()
    protocol = Protocol.model_validate(bench.protocol)
    training = {"technique": bench.technique, "regularizers": regularizers}
    planned = plan_training(
        bench.images,
        bench.split_index,
        bench.classes,
        bench.normalization,
        bench.prepared,
        protocol,
        bench.network,
        training,
        seed,
    )

    def report(done: Done) -> None:
        if done.members == 1:
            on_epoch(done.number, done.epoch.validation[bench.metric])

    network, history, _ = train_technique(
        planned.build,
        planned.images,
        protocol,
        seed,
        planned.regularizers,
        on_epoch=report,
        phases_of=planned.phases_of,
    )
    if reason := diverged(history):
        raise FailedTrialError(reason)
    part = planned.images.validation
    answers = answers_of(predict(network, bench.images, part.rows), part.targets)
    score = METRICS[bench.metric].of(answers)
    return Scored(score, len(history), time.perf_counter() - started)
