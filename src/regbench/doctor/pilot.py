"""What a pilot of a tenth of the epochs tells of the whole study: time and memory."""

import math
import resource
import sys
from collections.abc import Mapping
from typing import Any

from regbench.evaluation.results import Results
from regbench.optimization.schedules import Horizon
from regbench.study.schema import Protocol

_TENTH = 10
_EPOCHS = "epochs"


def shortened(
    protocol: Mapping[str, Any], network: Mapping[str, Any], rows: int
) -> tuple[dict[str, Any], int]:
    """Return a protocol with a tenth of the epochs, at least one, and how many a whole one has.

    A schedule that does not suit so few epochs is left out: the rate is constant then.

    Args:
        protocol: Plain values.
        network: Its settings; where they have phases, these have the epochs.
        rows: Number of train images.
    """
    whole = Protocol.model_validate(protocol)
    phases = [of[_EPOCHS] for of in _phases(network).values()]
    shorter = {**protocol, _EPOCHS: _tenth(whole.epochs), "checkpoint_minutes": None}
    steps = math.ceil(rows / whole.batch_size)
    lengths = [_tenth(epochs) for epochs in phases] or [_tenth(whole.epochs)]
    if any(whole.schedule.problem(Horizon(epochs, steps)) for epochs in lengths):
        shorter["schedule"] = {"name": "constant"}
    return shorter, sum(phases) or whole.epochs


def shortened_network(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's settings with a tenth of the epochs in each of its phases."""
    phases = {name: {**of, _EPOCHS: _tenth(of[_EPOCHS])} for name, of in _phases(network).items()}
    return {**network, **phases}


def most_memory() -> int:
    """Return the most bytes of memory that this process has had so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def estimate(
    pilots: Mapping[str, Results],
    techniques: Mapping[str, int],
    least: int,
    most: int,
    side_by_side: int,
) -> dict[str, Any]:
    """Return what a study will take, if every technique takes what the baseline does.

    The first epoch is longer than the others, as the step is compiled: it counts once.

    Args:
        pilots: The baseline's results on each network; of a single one under ''.
        techniques: How many train each of these networks, the baseline included.
        least: Seeds of each at the first look, or of all where there are no looks.
        most: Seeds of each at the last look.
        side_by_side: How many trainings run at once.

    Returns:
        ``networks``: for each its name, epochs trained and planned, seconds of a whole training
        and its evaluation, and memory in bytes; ``trainings`` and ``minutes``, the least and the
        most; ``side_by_side``; ``memory`` of so many at once, in bytes.
    """
    networks: list[dict[str, Any]] = []
    for name, results in pilots.items():
        [training] = results.trainings.to_dict("records")
        seconds = results.epochs["seconds"].to_numpy(dtype=float)
        first, later = seconds[0], seconds[1:].mean() if len(seconds) > 1 else seconds[0]
        planned = int(training["planned_epochs"])
        whole = first + (planned - 1) * later + float(training["evaluation_seconds"])
        networks.append(
            {
                "network": name,
                "epochs": len(seconds),
                "planned": planned,
                "seconds": float(whole),
                "memory": int(training["memory_bytes"]),
            }
        )
    seconds = sum(network["seconds"] * techniques[network["network"]] for network in networks)
    each = seconds / side_by_side / 60
    return {
        "networks": networks,
        "trainings": [sum(techniques.values()) * seeds for seeds in (least, most)],
        "minutes": [each * least, each * most],
        "side_by_side": side_by_side,
        "memory": side_by_side * max(network["memory"] for network in networks),
    }


def _tenth(epochs: int) -> int:
    return max(1, epochs // _TENTH)


def _phases(network: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the settings of a network's phases: those with epochs of their own."""
    return {
        name: dict(of)
        for name, of in network.items()
        if isinstance(of, Mapping) and isinstance(of.get(_EPOCHS), int)
    }
