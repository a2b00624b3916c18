"""The trainings of the learning curve and of the comparison of network sizes.

Both train a few techniques, several times each, on something that varies: the number of train
images, or the network. One such training is a *cell*: a technique, a network, a size and a draw.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from regbench.errors import quoted
from regbench.networks.base import Network
from regbench.study.problems import Problem, nearest
from regbench.study.scaling import ALL, LearningCurve, NetworkSize
from regbench.study.schema import BASELINE, BEST, Study

_WIDTH = re.compile(r"width_(\d+(?:_\d+)?)_percent")
_RANK = re.compile(BEST + r"(?:_([2-9]))?")


class Cell(NamedTuple):
    """A training of either comparison.

    Attributes:
        technique: Its name, or its rank: ``best`` is the best on validation.
        network: A key of ``sized_networks``.
        size: Number of train images, or ``all``.
        draw: The number of the subset, and the seed of the training.
    """

    technique: str
    network: str
    size: int | str
    draw: int


def rank_of(name: str) -> int | None:
    """Return the rank that a name of a technique stands for: 1 of ``best``; None for others."""
    found = _RANK.fullmatch(name)
    return int(found[1] or 1) if found else None


def names_of_curve(settings: LearningCurve) -> list[str]:
    """Return the techniques of the learning curve, the baseline first."""
    return list(dict.fromkeys([BASELINE, *settings.techniques]))


def results_needed(cells: Iterable[Cell], known: Iterable[str], arms: Sequence[str]) -> list[str]:
    """Return the arms whose results say which technique is best; none if all are named.

    Args:
        cells: The trainings.
        known: Names of techniques.
        arms: Names of all arms.
    """
    ranks = {cell.technique for cell in cells} - set(known)
    return list(arms) if any(rank_of(name) for name in ranks) else []


def title_of(network: str, reference: str) -> str:
    """Return a network's name in sentences, such as 'mlp at 25 % of its width'.

    Args:
        network: A key of ``sized_networks``.
        reference: The name of the study's network.
    """
    found = _WIDTH.fullmatch(network)
    return f"{reference} at {found[1].replace('_', '.')} % of its width" if found else network


def cells_of_curve(settings: LearningCurve, network: str) -> dict[str, Cell]:
    """Return the trainings of the learning curve by name, such as ``best.size_100.draw_1``.

    Args:
        settings: Which.
        network: The study's.
    """
    return {
        f"{name}.size_{size}.draw_{draw}": Cell(name, network, size, draw)
        for name in names_of_curve(settings)
        for size in settings.sizes
        for draw in range(1, settings.draws + 1)
    }


def cells_of_networks(settings: NetworkSize, networks: Iterable[str]) -> dict[str, Cell]:
    """Return the trainings of the networks by name, such as ``mlp.baseline.draw_1``.

    Args:
        settings: Which.
        networks: Keys of ``sized_networks``.
    """
    return {
        f"{network}.{name}.draw_{draw}": Cell(name, network, ALL, draw)
        for network in networks
        for name in dict.fromkeys([BASELINE, settings.technique])
        for draw in range(1, settings.draws + 1)
    }


def sized_networks(
    settings: NetworkSize, networks: Mapping[str, Network], reference: str
) -> dict[str, Network]:
    """Return the networks that are compared, the reference first.

    Args:
        settings: Which: named ones, or the reference at several widths.
        networks: Entries of the configuration by name.
        reference: The name of the study's network.

    Returns:
        By name; of the reference at a fraction of its width ``width_25_percent``. The reference
        alone if none is named and its kind has no width to change.
    """
    found = {reference: networks[reference]}
    if settings.networks is not None:
        return found | {name: networks[name] for name in settings.networks}
    for scale in settings.scales:
        scaled = networks[reference].scaled(scale)
        if scaled is not None and scaled not in found.values():
            found[f"width_{100 * scale:g}_percent".replace(".", "_")] = scaled
    return found


def scaling_problems(
    curve: LearningCurve | None,
    size: NetworkSize | None,
    techniques: Iterable[str],
    networks: Iterable[str],
) -> list[Problem]:
    """Return the problems of names that are no technique, no rank or no network.

    Args:
        curve: Settings of the learning curve; None if they are invalid themselves.
        size: Settings of the comparison of networks, or None.
        techniques: Names of the study's.
        networks: Names of the configuration's entries.
    """
    known, entries = [BEST, *techniques], list(networks)
    named = [("learning_curve", "techniques", name) for name in (curve.techniques if curve else ())]
    named += [("network_size", "technique", size.technique)] if size else []
    problems = [
        Problem(
            (group, key),
            f"{quoted(name)} is not a technique; allowed: {', '.join(known)}, and best_2 to "
            f"best_9, the next best on validation{nearest(name, known)}",
        )
        for group, key, name in named
        if name not in known and rank_of(name) is None
    ]
    return problems + [
        Problem(
            ("network_size", "networks"),
            f"{quoted(name)} is not an entry of networks; allowed: {', '.join(entries)}"
            f"{nearest(name, entries)}",
        )
        for name in (size.networks if size else None) or ()
        if name not in entries
    ]


def networks_and_cells(
    study: Study,
) -> tuple[dict[str, Network], dict[str, Cell], dict[str, Cell]]:
    """Return the networks of several sizes, and the trainings of both comparisons, by name."""
    reference = study.protocol.networks[0]
    networks = sized_networks(study.network_size, study.networks, reference)
    return (
        networks,
        cells_of_curve(study.learning_curve, reference),
        cells_of_networks(study.network_size, networks),
    )


def inputs_of_cells(study: Study) -> dict[str, Any]:
    """Return what the trainings of both comparisons take, as plain values.

    Returns:
        ``sized_networks``, entries by name; and ``cells``, the fields of each by comparison and
        name.
    """
    networks, curve, sizes = networks_and_cells(study)
    return {
        "sized_networks": {name: network.as_entry() for name, network in networks.items()},
        "cells": {
            "learning_curve": {name: list(cell) for name, cell in curve.items()},
            "network_size": {name: list(cell) for name, cell in sizes.items()},
        },
    }
