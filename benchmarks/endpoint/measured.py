"""A training as ``kedro run`` makes it, and the test figures of the ends that it might have."""

import math
import os
import time
from typing import Any

import numpy as np

from benchmarks.harness import ROOT

MEAN_OF = 3  # epochs
_STATISTICS = 16  # batches, of batch normalization for averaged weights
_NEEDED = (
    *("images", "split_index", "classes", "normalization", "augmentation"),
    *("params:protocol", "params:network", "params:trainings"),
)
_study: dict[str, Any] = {}


def prepare(env: str | None, settings: dict[str, Any]) -> None:
    """In a new process: set up TensorFlow on one core, and read what the data pipeline made.

    Args:
        env: Kedro's environment.
        settings: That the data pipeline was run with.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from regbench.training.tensorflow_setup import set_up_tensorflow

    set_up_tensorflow()
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=env, runtime_params=settings) as session:
        catalog = session.load_context().catalog
        _study.update({name: catalog.load(name) for name in _NEEDED})
        if any("zca" in of["regularizers"] for of in _study["params:trainings"].values()):
            _study["zca"] = catalog.load("zca")


def train_and_measure(until: float, training: tuple[str, int]) -> dict[str, Any] | None:
    """Train with one technique and seed; return test figures by name.

    Args:
        until: Nothing is begun after this moment (seconds since 1970), and None returned.
        training: Technique and seed.

    Returns:
        Technique, seed, epochs; accuracies of the network that RegBench keeps (``last``), mean of
        three epochs up to it (``mean``) and of the weights averaged up to it (``averaged``), shares
        of 1; and the first one's ``cross_entropy`` in nats.
    """
    if time.time() > until:
        return None
    from benchmarks.endpoint.watch import LastEpochs, Watch
    from regbench.metrics.base import answers_of
    from regbench.metrics.registry import METRICS
    from regbench.networks.base import Plan
    from regbench.networks.inference import predict
    from regbench.networks.registry import network_of
    from regbench.networks.weights import set_weights
    from regbench.study.schema import Protocol
    from regbench.study.technique import Technique
    from regbench.training.train import split_part, train

    technique, seed = training
    images, index = _study["images"], _study["split_index"]
    train_part, validation, test = (split_part(index, n) for n in ("train", "validation", "test"))
    entry = _study["params:trainings"][technique]["regularizers"]
    regularizers = Technique.model_validate(entry).regularizers(_study)
    protocol = Protocol.model_validate(_study["params:protocol"])
    classes, normalization = len(_study["classes"]), _study["normalization"]
    plan = Plan(images.shape[1:], classes, seed, normalization, regularizers)
    network = network_of(_study["params:network"]).built(plan)
    steps_an_epoch = math.ceil(len(train_part.rows) / protocol.batch_size)
    watched = [*regularizers, Watch(decay=1 - 1 / steps_an_epoch)]
    history, _ = train(network, images, train_part, validation, protocol, seed, watched)
    kept = int(history.loc[history["kept"], "epoch"].iloc[0])
    ends = LastEpochs.latest

    def figure(name: str) -> float:
        answers = answers_of(predict(network, images, test.rows), test.targets)
        return METRICS[name].of(answers)

    made = {"technique": technique, "seed": seed, "epochs": len(history)}
    made |= {"last": figure("accuracy"), "cross_entropy": figure("cross_entropy")}
    accuracies = []
    for epoch in range(max(kept - MEAN_OF, 0) + 1, kept + 1):
        set_weights(network, ends.weights[epoch])
        accuracies.append(figure("accuracy"))
    made["mean"] = float(np.mean(accuracies))
    for variable, value in zip(network.trainable_variables, ends.averaged[kept], strict=True):
        variable.assign(value)
    chosen = np.random.default_rng(seed).permutation(train_part.rows)
    settle_statistics(network, images, chosen, protocol.batch_size)
    return {**made, "averaged": figure("accuracy")}


def settle_statistics(network: Any, images: np.ndarray, rows: np.ndarray, batch_size: int) -> None:
    """Set batch normalization's statistics to their means over batches, for averaged weights.

    As of Izmailov et al., Averaging Weights Leads to Wider Optima, 2018.

    Args:
        network: A Keras model; one without batch normalization is left alone.
        images: N x H x W x C, uint8.
        rows: Train images in random order, M ints.
        batch_size: Images of a batch.
    """
    from regbench.training.variables import moving_statistics, normalizations

    shares = [1 - layer.momentum for layer in normalizations(network) for _ in range(2)]
    statistics = moving_statistics(network)
    if not statistics:
        return
    found = []
    for start in range(0, min(len(rows), _STATISTICS * batch_size), batch_size):
        for variable in statistics:
            variable.assign(np.zeros(variable.shape))  # then it moves by a share of the batch's own
        network(images[rows[start : start + batch_size]], training=True)
        found.append([v.numpy() / share for v, share in zip(statistics, shares, strict=True)])
    for variable, *values in zip(statistics, *found, strict=True):
        variable.assign(np.mean(values, axis=0))
