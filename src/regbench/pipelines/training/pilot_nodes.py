"""Nodes of the pilot: the baseline, trained once with a tenth of the epochs, and what that tells.

Nothing of it is among the results of the study.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from regbench.pipelines.training import nodes
from regbench.study.schema import BASELINE, Protocol

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = Any


def train_pilot(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    corrupted_images: ndarray,
    corrupted_rows: list[int] | dict[str, list[int]],
    protocol: dict[str, Any],
    network: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    evaluation_fingerprint: str,
    checkpoints: Any,
    **prepared: Any,
) -> Results:
    """Train and evaluate the baseline with a tenth of the epochs.

    Returns:
        Its results, with ``planned_epochs`` of the whole training, ``evaluation_seconds``, and
        ``memory_bytes``, the most that the process had.
    """
    import time
    from dataclasses import replace

    from regbench.doctor import pilot

    rows = int((split_index["split"] == "train").sum())
    shorter, planned = pilot.shortened(protocol, network, rows)
    inputs = {
        **prepared,
        "images": images,
        "split_index": split_index,
        "classes": classes,
        "protocol": shorter,
        "network": pilot.shortened_network(network),
        "training": training,
        "seed": seed,
        "checkpoints": checkpoints,
    }
    measured_on = {
        "corrupted_images": corrupted_images,
        "corrupted_rows": corrupted_rows,
        "evaluation_fingerprint": evaluation_fingerprint,
    }
    trained = nodes.train_network(**inputs)
    started = time.perf_counter()
    results = nodes.results_of_one(trained, inputs, measured_on)
    told = results.trainings.assign(
        planned_epochs=planned,
        evaluation_seconds=time.perf_counter() - started,
        memory_bytes=pilot.most_memory(),
    )
    return replace(results, trainings=told)


def tell_of_pilot(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    duplicates: DataFrame,
    parameters: dict[str, Any],
    *results: Results,
) -> dict[str, Any]:
    """Return what the study will take, and what the doctor sees already.

    Returns:
        As ``pilot.estimate``, and ``findings``.
    """
    from regbench.comparison.compare import compare
    from regbench.doctor import pilot
    from regbench.doctor.evidence import Evidence
    from regbench.doctor.examine import examine
    from regbench.process.devices import training_processes
    from regbench.study.arms import Arm, arm_named, networks_in
    from regbench.study.reporting import Reporting

    arms = list(parameters["trainings"])
    networks = networks_in(arms)
    own = dict(zip((Arm(BASELINE, name).name for name in networks), results, strict=True))
    protocol = Protocol.model_validate(parameters["protocol"])
    told = pilot.estimate(
        dict(zip(networks, results, strict=True)),
        Counter(arm_named(arm).network for arm in arms),
        (protocol.looks or [len(protocol.seeds)])[0],
        len(protocol.seeds),
        training_processes(),
    )
    reporting = Reporting.model_validate(parameters["reporting"])
    evidence = Evidence(
        results=own,
        comparison=compare(own, {}, reporting.band, seeds=1, metric=reporting.metric),
        images=images,
        split_index=split_index,
        classes=classes,
        duplicates=duplicates,
        settings=parameters,
        side_by_side=training_processes(),
        whole_study=told["minutes"][0],
    )
    return {**told, "findings": examine(evidence, reporting.mute, pilot=True)}
