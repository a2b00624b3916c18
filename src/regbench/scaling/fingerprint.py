"""What a training of a learning curve, or of a network's size, was made from."""

from collections.abc import Mapping
from typing import Any

from regbench.networks.registry import network_of
from regbench.study.cells import Cell
from regbench.study.code import digest_of_code
from regbench.study.digests import digest
from regbench.study.fingerprints import digest_of_training, protocol_of_trainings
from regbench.study.scaling import ALL
from regbench.study.schema import SHARED, Normalization, Protocol
from regbench.study.technique import Technique

# The code that draws subsets and measures; that of the training itself is a component of its own.
_CODE = ("regbench.scaling.train", "regbench.metrics")


def fingerprint_of_cell(
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    cell: Cell,
    technique: str,
    length: str,
) -> dict[str, str]:
    """Return digests of all that the training follows from, by component.

    Args:
        parameters: Of the study, as nodes have them.
        data_fingerprint: Of its images and their split.
        cell: The training.
        technique: The name of its technique.
        length: ``steps`` or ``epochs``: ``learning_curve.length``.
    """
    network = network_of(parameters["sized_networks"][cell.network])
    settings = Technique.model_validate(parameters["techniques"][technique])
    shared = {key: kind.model_validate(parameters[key]) for key, kind in SHARED.items()}
    protocol = protocol_of_trainings(
        Protocol.model_validate(parameters["protocol"]),
        Normalization.model_validate(parameters["normalization"]),
        network,
    )
    of_subset = "" if cell.size == ALL else length  # all images are trained on as in the study
    return {
        **{part: str(data_fingerprint.get(part, "")) for part in ("data", "split")},
        "protocol": digest(protocol),
        "technique": digest([technique, settings.in_full(shared)]),
        "training": digest_of_training(settings, network),
        "cell": digest([cell.size, cell.draw, of_subset, digest_of_code(*_CODE)]),
    }
