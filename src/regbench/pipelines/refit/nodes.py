"""Nodes that train a technique on more images, with several seeds, and average the networks.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError
from regbench.study import digests, fingerprints
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import FailedTraining, Results
    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = FailedTraining = Results = StoredFile = Any

KerasModel = Any  # a keras.Model

logger = logging.getLogger(__name__)


def plan_refit(
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    split_index: DataFrame,
    *results: Results,
) -> dict[str, Any]:
    """Return what is trained again, on what, for how long: see ``use.refit.plan``.

    Raises:
        StudyError: The technique is not trained or stale, or cannot be trained on these images.
    """
    from regbench.use import refit

    stored = dict(zip(parameters["fingerprints"], results, strict=True))
    planned = refit.plan(parameters, data_fingerprint, split_index, stored)
    logger.info(
        "refit: %s on %d images (%s), seeds %s",
        planned["arm"],
        planned["images"],
        " and ".join(planned["parts"]),
        ", ".join(map(str, planned["seeds"])),
    )
    return planned


def train_network(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    normalization: dict[str, Any],
    planned: dict[str, Any],
    parameters: dict[str, Any],
    seed: int,
    checkpoints: StoredFile,
    **prepared: Any,
) -> tuple[KerasModel, DataFrame, dict[str, str]]:
    """Train the network of one seed of a refit, by the study's own training.

    Returns:
        The network (raw uint8 images in, class probabilities out); its history without figures of
        validation, of which it may have been trained on the images; and its fingerprint.

    Raises:
        RuntimeError: The loss stopped being finite.
    """
    from dataclasses import replace

    from regbench.evaluation.epochs import diverged
    from regbench.evaluation.resampling import split_of_seed
    from regbench.networks import weights
    from regbench.training import tensorflow_setup
    from regbench.training.checkpoint import Checkpoint
    from regbench.training.ensembles import train_technique
    from regbench.training.plan import plan_training
    from regbench.training.train import split_part
    from regbench.use.refit_training import FixedLength, as_refit_split

    tensorflow_setup.set_up_tensorflow()
    tensorflow_setup.forget_earlier_networks()
    protocol = Protocol.model_validate(parameters["protocol"])
    training = parameters["trainings"][planned["arm"]]
    own = planned.get("network")
    network = parameters["networks"][own] if own else parameters["network"]
    needed = Technique.model_validate(training["regularizers"]).prepared()
    split = split_of_seed(split_index, seed)
    plan = plan_training(
        images,
        as_refit_split(split, planned["parts"]),
        classes,
        normalization,
        {name: prepared[name] for name in needed},
        protocol,
        network,
        training,
        seed,
    )
    # Looked at after every epoch, but nothing follows from it where they are trained on.
    looked_at = replace(plan.images, validation=split_part(split, "validation"))
    regularizers = plan.regularizers
    if planned["epochs"] is not None:
        regularizers = [each for each in regularizers if not each.does("stop")]
        regularizers.append(FixedLength(epochs=planned["epochs"]))
    made_from = {"refit": planned["made_from"]}
    checkpoint = None
    if protocol.checkpoint_minutes is not None:
        bound_to = digests.digest([made_from, seed])
        file = _checkpoint_file(checkpoints, seed)
        checkpoint = Checkpoint(file, bound_to, protocol.checkpoint_minutes)
    model, history, _ = train_technique(
        plan.build,
        looked_at,
        protocol,
        seed,
        regularizers,
        phases_of=plan.phases_of,
        checkpoint=checkpoint,
    )
    if reason := diverged(history):
        raise RuntimeError(reason)
    logger.info("refit: seed %d is trained, %d epochs", seed, len(history))
    made_from["weights"] = digests.digest_of_weights(weights.weights_of(model))
    seen = [name for name in history if not str(name).startswith("validation_")]
    made_from = digests.sealed(made_from | fingerprints.description_of_machine())
    return model, history[seen], made_from


@on_failure_of(train_network)
def training_failed(
    reason: str, planned: dict[str, Any], **_: Any
) -> tuple[FailedTraining, DataFrame, dict[str, str]]:
    """Return the outputs of ``train_network`` for a training that failed."""
    import pandas as pd

    from regbench.evaluation.results import FailedTraining

    made_from = digests.sealed({"refit": planned["made_from"], "weights": ""})
    return FailedTraining(reason), pd.DataFrame(columns=["epoch", "seconds"]), made_from


def _checkpoint_file(checkpoints: StoredFile, seed: int) -> StoredFile:
    return checkpoints.joinpath(f"refit/seed_{seed}_checkpoint.npz")


def combine_networks(
    planned: dict[str, Any], images: ndarray, split_index: DataFrame, *networks: KerasModel
) -> tuple[KerasModel, dict[str, Any], str]:
    """Return the network whose probabilities are the mean of all seeds', and what it promises.

    Returns:
        The network; its record, see ``use.refit.record``; and the same in Markdown.

    Raises:
        StudyError: The trainings of all seeds failed.
    """
    from regbench.evaluation.results import FailedTraining
    from regbench.networks.ensembles import averaged
    from regbench.networks.weights import weights_of
    from regbench.use import refit
    from regbench.use.measure import figure_on_test

    by_seed = dict(zip(planned["seeds"], networks, strict=True))
    failed = {
        seed: made.reason if isinstance(made, FailedTraining) else ""
        for seed, made in by_seed.items()
    }
    trained = [made for seed, made in by_seed.items() if not failed[seed]]
    for seed, reason in failed.items():
        if reason:
            logger.warning("refit: seed %d is left out, its training failed: %s", seed, reason)
    if not trained:
        raise StudyError(
            f"refit: the training of {planned['arm']} failed with every seed: "
            f"{'; '.join(dict.fromkeys(failed.values()))}; refit.technique names another technique"
        )
    network = (
        trained[0] if len(trained) == 1 else averaged(trained, [1 / len(trained)] * len(trained))
    )
    measured = figure_on_test(network, images, split_index, planned)
    weights = digests.digest_of_weights(weights_of(network))
    made = refit.record(planned, weights, failed, measured)
    text = refit.described(made)
    logger.info("refit: %s", text.split("\n\n")[2].replace("**", ""))
    return network, made, text
