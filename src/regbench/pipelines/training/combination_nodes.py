"""The node that trains combinations of techniques, for the recommendation.

They are trained and evaluated by the functions that train the study, to the same bits as a
technique of the configuration with the same regularizers. Nothing of them is among the results of
the study.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError, explanation
from regbench.pipelines.training import nodes
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
    from regbench.recommendation.combination import Combination
    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = StoredFile = Combination = Any

logger = logging.getLogger(__name__)


def train_combinations(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    normalization: dict[str, Any],
    corrupted_images: ndarray,
    corrupted_rows: list[int],
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
    plan: dict[str, str],
    folder: StoredFile,
    worker: int,
    **others: Any,
) -> dict[str, Any]:
    """Train what the stepwise combination needs, one after another, as long as time allows.

    Each training is kept as soon as it is made. Several workers share the trainings. One that is
    not done when time is up, as the machine is busier than it was, is stopped after its epoch.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image.
        classes: The labels in the order of the network's outputs.
        normalization: Fitted on train images.
        corrupted_images: For the evaluation.
        corrupted_rows: Which images these are.
        data_fingerprint: Of images and split.
        parameters: Of the study.
        plan: When the run began, and until when trainings are made.
        folder: Where they are kept.
        worker: Its number, from 1.
        others: What else the data pipeline has made for techniques, by name; and as
            ``results_<n>`` the results of the study's techniques, in their order.

    Returns:
        ``trainings``, how many this worker made.
    """
    from datetime import UTC, datetime

    from regbench.recommendation.attempts import Attempts
    from regbench.recommendation.plan import Plan
    from regbench.recommendation.work import TimeIsUpError, work
    from regbench.training.events import EpochDone, Event, watched_by

    results = [others[f"results_{number}"] for number in range(len(parameters["techniques"]))]
    at_hand = Plan(parameters, results, data_fingerprint, folder, plan["run"])
    until = datetime.fromisoformat(plan["until"])

    def left() -> float:
        return (until - datetime.now(UTC)).total_seconds()

    def stop_in_time(event: Event) -> None:
        # The last epoch is not worth stopping after.
        is_last = isinstance(event, EpochDone) and event.epoch >= event.epochs
        if left() <= 0 and isinstance(event, EpochDone) and not is_last:
            raise TimeIsUpError

    def train(combination: Combination, seed: int) -> None:
        made: dict[str, Any] = {"split_index": split_index, "classes": classes}
        inputs = {
            **made,
            **{name: others[name] for name in _prepared(combination)},
            "images": images,
            "normalization": normalization,
            "protocol": parameters["protocol"],
            "network": parameters["network"],
            "training": {
                "technique": combination.name,
                "regularizers": dict(combination.regularizers),
            },
            "seed": seed,
            "data_fingerprint": data_fingerprint,
            "training_fingerprint": combination.fingerprint["training"],
            "checkpoints": folder,
        }
        measured_on = {
            "corrupted_images": corrupted_images,
            "corrupted_rows": corrupted_rows,
            "evaluation_fingerprint": combination.fingerprint["evaluation"],
        }
        attempts = Attempts(at_hand.trainings.file(combination, seed, "attempts"), plan["run"])
        if reason := attempts.begin():
            result = _failed(reason, inputs, measured_on)
        else:
            try:
                with watched_by(stop_in_time):
                    result = _trained(inputs, measured_on)
            except TimeIsUpError:
                attempts.end()
                raise
        at_hand.trainings.save(combination, seed, result)
        attempts.end()

    made = work(
        at_hand.needs,
        at_hand.trainings,
        train,
        at_hand.prices,
        left,
        worker,
    )
    return {"trainings": made}


@on_failure_of(train_combinations)
def combinations_failed(reason: str, **_: Any) -> dict[str, Any]:
    """Return the output of ``train_combinations`` for a worker that failed; what is kept stays."""
    return {"trainings": 0, "reason": reason}


def _prepared(combination: Combination) -> list[str]:
    from regbench.study.technique import Technique

    return Technique.model_validate(combination.regularizers).prepared()


def _trained(inputs: dict[str, Any], measured_on: dict[str, Any]) -> Results:
    """Return a training; one that raises an error has failed, unless the disk is at fault.

    Raises:
        TimeIsUpError: It was stopped.
    """
    from regbench.recommendation.work import TimeIsUpError

    try:
        return nodes.results_of_one(nodes.train_network(**inputs), inputs, measured_on)
    except TimeIsUpError:
        raise
    except Exception as error:
        explained = explanation(error)
        if explained is not None and not isinstance(error, StudyError):
            raise
        reason = explained.message if explained else f"{type(error).__name__}: {error}"
        logger.error(
            "%s seed %d failed: %s", inputs["training"]["technique"], inputs["seed"], reason
        )
        return _failed(" ".join(reason.split()), inputs, measured_on)


def _failed(reason: str, inputs: dict[str, Any], measured_on: dict[str, Any]) -> Results:
    """Return the results of a training that failed."""
    return nodes.results_of_one(nodes.training_failed(reason, **inputs), inputs, measured_on)
