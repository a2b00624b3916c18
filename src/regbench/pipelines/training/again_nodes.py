"""The node that trains some trainings again, to be compared with what somebody states of them."""

from typing import TYPE_CHECKING, Any

from regbench.pipelines.training import nodes
from regbench.study.arms import arm_named
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Any


def train_again(
    drawn: list[dict[str, Any]],
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    corrupted_images: ndarray,
    corrupted_rows: list[int] | dict[str, list[int]],
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    checkpoints: Any,
    **prepared: Any,
) -> list[dict[str, Any]]:
    """Train and evaluate trainings of this study; nothing of them is among its results.

    Returns:
        For each that was drawn, ``arm``, ``seed`` and ``training``, its row of
        ``Results.trainings``.
    """
    from regbench.study.technique import Technique

    made = []
    measured_on = {"corrupted_images": corrupted_images, "corrupted_rows": corrupted_rows}
    for one in drawn:
        arm, seed = one["arm"], one["seed"]
        training = parameters["trainings"][arm]
        network = arm_named(arm).network
        needed = Technique.model_validate(training["regularizers"]).prepared()
        of_code = parameters["fingerprints"][arm]
        inputs = {
            **{name: prepared[name] for name in ("normalization", *needed)},
            "images": images,
            "split_index": split_index,
            "classes": classes,
            "protocol": parameters["protocol"],
            "network": parameters["networks"][network] if network else parameters["network"],
            "training": training,
            "seed": seed,
            "data_fingerprint": data_fingerprint,
            "training_fingerprint": of_code["training"],
            "checkpoints": checkpoints,
        }
        results = nodes.results_of_one(
            nodes.train_network(**inputs),
            inputs,
            measured_on | {"evaluation_fingerprint": of_code["evaluation"]},
        )
        (row,) = results.trainings.to_dict("records")
        made.append({"arm": arm, "seed": seed, "training": row})
    return made


@on_failure_of(train_again)
def again_failed(reason: str, drawn: list[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:
    """Return the output of ``train_again`` if one of the trainings failed."""
    return [{**one, "reason": reason} for one in drawn]
