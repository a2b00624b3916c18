"""Nodes that train and evaluate a network, and collect a technique's results.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

from typing import TYPE_CHECKING, Any

from regbench.errors import KEDRO_RUN, StudyError
from regbench.study import digests, fingerprints, fit
from regbench.study.arms import arm_named
from regbench.study.schema import Protocol
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import FailedTraining, Results
    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = FailedTraining = Results = StoredFile = Any

KerasModel = Any  # a keras.Model


def train_network(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    normalization: dict[str, Any],
    protocol: dict[str, Any],
    network: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    data_fingerprint: dict[str, Any],
    training_fingerprint: dict[str, str],
    checkpoints: StoredFile,
    **prepared: Any,
) -> tuple[KerasModel, DataFrame, dict[str, ndarray], dict[str, str]]:
    """Build and train the network of one technique and seed.

    Returns:
        The network (raw uint8 images in, class probabilities out); its history, a row per
        epoch; the weights of the epoch that was best on validation, if the network has others;
        and the fingerprint: digests of what the network was made from and of what was made.
        A long training keeps its state in a file of the folder ``checkpoints``, and goes on from
        there.
    """
    from regbench.evaluation.resampling import split_of_seed
    from regbench.networks import weights
    from regbench.training import tensorflow_setup
    from regbench.training.checkpoint import Checkpoint
    from regbench.training.ensembles import reported, train_technique
    from regbench.training.plan import plan_training

    tensorflow_setup.set_up_tensorflow()
    tensorflow_setup.forget_earlier_networks()
    shared = Protocol.model_validate(protocol)
    planned = plan_training(
        images, split_index, classes, normalization, prepared, shared, network, training, seed
    )
    is_tested = "test" in split_of_seed(split_index, seed)["split"].to_numpy()
    fit.check_split(planned.regularizers, is_tested)

    made_from = {part: data_fingerprint[part] for part in ("data", "split")} | training_fingerprint
    checkpoint = None
    if shared.checkpoint_minutes is not None:
        bound_to = digests.digest([made_from, seed])
        file = _checkpoint_file(checkpoints, training, seed)
        checkpoint = Checkpoint(file, bound_to, shared.checkpoint_minutes)
    model, history, best_epoch_weights = train_technique(
        planned.build,
        planned.images,
        shared,
        seed,
        planned.regularizers,
        on_epoch=reported(training["technique"], seed),
        phases_of=planned.phases_of,
        checkpoint=checkpoint,
    )
    made_from["weights"] = digests.digest_of_weights(weights.weights_of(model))
    made_from["best_epoch_weights"] = digests.digest_of_weights(best_epoch_weights)
    made_from["history"] = digests.digest_of_table(history)
    made_from = digests.sealed(made_from | fingerprints.description_of_machine())
    return model, history, best_epoch_weights, made_from


def evaluate_network(
    trained: KerasModel,
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    history: DataFrame,
    best_epoch_weights: dict[str, ndarray],
    corrupted_images: ndarray,
    corrupted_rows: list[int] | dict[str, list[int]],
    made_from: dict[str, str],
    evaluation_fingerprint: str,
    training: dict[str, Any],
    seed: int,
    checkpoints: StoredFile,
) -> tuple[DataFrame, dict[str, Any]]:
    """Evaluate a trained network; what is stored of it needs no checkpoint any more.

    Returns:
        Predictions for every validation and test image, and the training's metrics.

    Raises:
        StudyError: The network is not the one that its fingerprint is of: an earlier run was
            killed between writing the two.
    """
    from regbench.evaluation import evaluate
    from regbench.evaluation.corruption import corrupted_of_seed
    from regbench.evaluation.resampling import split_of_seed
    from regbench.evaluation.results import FailedTraining
    from regbench.networks import weights

    made_from = made_from | {"evaluation": evaluation_fingerprint}
    if isinstance(trained, FailedTraining):
        measured = evaluate.failed(trained.reason, split_index, classes, history)
        return _finished(measured, training, seed, made_from)
    name = training["technique"]
    if digests.digest_of_weights(weights.weights_of(trained)) != made_from["weights"]:
        raise StudyError(
            f"the network of {name}, seed {seed}, is not the one that its fingerprint describes; "
            f"{KEDRO_RUN} --pipelines={name} trains it again"
        )
    _checkpoint_file(checkpoints, training, seed).remove()
    measured = evaluate.evaluate(
        trained,
        images,
        split_of_seed(split_index, seed),
        classes,
        history,
        best_epoch_weights,
        *corrupted_of_seed(corrupted_images, corrupted_rows, seed),
    )
    return _finished(measured, training, seed, made_from)


_OF_BOTH = ("images", "split_index", "classes", "training", "seed", "checkpoints")


def results_of_one(
    made: tuple[KerasModel, DataFrame, dict[str, ndarray], dict[str, str]],
    inputs: dict[str, Any],
    measured_on: dict[str, Any],
) -> Results:
    """Evaluate one training that is no node of its own, and return its results.

    Args:
        made: What ``train_network``, or ``training_failed``, returned.
        inputs: What it was given.
        measured_on: What ``evaluate_network`` takes besides, such as the corrupted images.
    """
    from regbench.evaluation.results import collect

    trained, history, best_epoch_weights, made_from = made
    predictions, metrics = evaluate_network(
        trained=trained,
        history=history,
        best_epoch_weights=best_epoch_weights,
        made_from=made_from,
        **measured_on,
        **{name: inputs[name] for name in _OF_BOTH},
    )
    return collect([metrics], [history], [predictions])


def _checkpoint_file(checkpoints: StoredFile, training: dict[str, Any], seed: int) -> StoredFile:
    folder = arm_named(training["technique"]).folder
    return checkpoints.joinpath(f"{folder}/seed_{seed}_checkpoint.npz")


def _finished(
    measured: tuple[DataFrame, dict[str, Any]],
    training: dict[str, Any],
    seed: int,
    made_from: dict[str, str],
) -> tuple[DataFrame, dict[str, Any]]:
    """Report that a training is done; return its predictions, and metrics with a fingerprint."""
    from regbench.training import events

    predictions, metrics = measured
    events.report(
        events.TrainingDone(
            training["technique"],
            seed,
            metrics["epochs"],
            metrics["seconds"],
            metrics.get("validation_accuracy"),
            metrics.get("test_accuracy"),
            metrics.get("reason"),
        )
    )
    metrics = {"technique": training["technique"], "seed": seed, **metrics}
    made_from = {part: made_from[part] for part in made_from if part != "record"}  # its own seal
    made = {
        "predictions": digests.digest_of_table(predictions),
        "metrics": digests.digest_of_metrics(metrics),
    }
    return predictions, {**metrics, "fingerprint": made_from | made}


@on_failure_of(train_network)
def training_failed(
    reason: str, data_fingerprint: dict[str, Any], training_fingerprint: dict[str, str], **_: Any
) -> tuple[FailedTraining, DataFrame, dict[str, ndarray], dict[str, str]]:
    """Return the outputs of ``train_network`` for a training that failed."""
    import pandas as pd

    from regbench.evaluation.results import FailedTraining
    from regbench.training import course

    made_from = {part: data_fingerprint[part] for part in ("data", "split")} | training_fingerprint
    made_from = digests.sealed(made_from | {"weights": "", **fingerprints.description_of_machine()})
    columns = [*course.Epoch.columns(), "kept"]
    return FailedTraining(reason), pd.DataFrame(columns=columns), {}, made_from


@on_failure_of(evaluate_network)
def evaluation_failed(
    reason: str,
    split_index: DataFrame,
    classes: list[str],
    history: DataFrame,
    made_from: dict[str, str],
    evaluation_fingerprint: str,
    training: dict[str, Any],
    seed: int,
    **_: Any,
) -> tuple[DataFrame, dict[str, Any]]:
    """Return the outputs of ``evaluate_network`` for an evaluation that failed."""
    from regbench.evaluation import evaluate

    measured = evaluate.failed(reason, split_index, classes, history)
    return _finished(measured, training, seed, made_from | {"evaluation": evaluation_fingerprint})


def collect_results(*made: Any) -> Results:
    """Return the results of a technique, collected from its trainings.

    Args:
        made: The metrics of all trainings, then all histories, then all predictions.
    """
    from regbench.evaluation import results

    seeds = len(made) // 3
    return results.collect(made[:seeds], made[seeds : 2 * seeds], made[2 * seeds :])
