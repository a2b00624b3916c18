"""Techniques that train some of a study's networks only: ``networks: [cnn]`` among their keys."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from regbench.errors import quoted
from regbench.fields import network_names
from regbench.study.problems import Problem, nearest
from regbench.study.schema import BASELINE

_KEY = "networks"


def without_networks(combined: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return every technique's regularizers, without the networks that it names.

    Args:
        combined: From ``combine_techniques``, by name.
    """
    return {
        name: {key: value for key, value in entry.items() if key != _KEY}
        for name, entry in combined.items()
    }


def networks_named(
    combined: Mapping[str, Mapping[str, Any]], networks: Any
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return the networks that techniques name, by technique, and all problems.

    Args:
        combined: From ``combine_techniques``, by name. A technique that names none, or null, trains
            all networks of the study.
        networks: The entries of ``networks``; what is wrong with them is reported with the study.
    """
    known = list(map(str, networks)) if isinstance(networks, Mapping) else []
    found: dict[str, list[str]] = {}
    problems = []
    for name, entry in combined.items():
        given = entry.get(_KEY)
        if given is None:
            continue
        path = ("techniques", name, _KEY)
        if name == BASELINE:
            wrong = "must train every network: the others are compared with it"
            problems.append(Problem(path, wrong))
            continue
        try:
            found[name] = network_names(given)
        except PydanticCustomError as error:
            problems.append(Problem(path, f"{error.message()}, not {quoted(given)}"))
            continue
        problems += [
            Problem(
                path,
                f"{quoted(network)} is not a network; allowed: {', '.join(known)}"
                f"{nearest(network, known)}",
            )
            for network in found[name]
            if network not in known
        ]
    return found, problems
