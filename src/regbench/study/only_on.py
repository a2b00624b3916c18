"""Techniques that train some of a study's networks only: ``networks: [cnn]`` among their keys."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from regbench.errors import quoted
from regbench.fields import network_names
from regbench.study.problems import Problem, nearest
from regbench.study.schema import BASELINE

_KEY = "networks"


def with_listed_networks(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return techniques with their ``networks`` as a sorted list; null is left out.

    So two techniques that are combined may name the same networks in two ways. What is no list of
    names stays as it is.

    Args:
        entries: The ``techniques`` of the configuration, by name.
    """
    found = {}
    for name, entry in entries.items():
        if isinstance(entry, Mapping) and _KEY in entry:
            given = entry[_KEY]
            names = given.split() if isinstance(given, str) else given
            if isinstance(names, list) and all(isinstance(network, str) for network in names):
                names = sorted(names)
            own = {} if names is None else {_KEY: names}
            found[name] = {key: value for key, value in entry.items() if key != _KEY} | own
        else:
            found[name] = entry
    return found


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
    entries: Mapping[str, Any], combined: Mapping[str, Mapping[str, Any]], networks: Any
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return the networks that techniques name, by technique, and all problems.

    Args:
        entries: From ``with_listed_networks``, by name.
        combined: The same from ``combine_techniques``: a technique that combines others is for
            the networks that they are for. One without any trains all networks of the study.
        networks: The entries of ``networks``; what is wrong with them is reported with the study.
    """
    known = list(map(str, networks)) if isinstance(networks, Mapping) else []
    found: dict[str, list[str]] = {}
    problems = []
    for name, entry in combined.items():
        if _KEY not in entry:
            continue
        given = entry[_KEY]
        try:
            found[name], wrong = network_names(given), []
        except PydanticCustomError as error:
            wrong = [f"{error.message()}, not {quoted(given)}"]
        else:
            wrong = [
                f"{quoted(network)} is not a network; allowed: {', '.join(known)}"
                f"{nearest(network, known)}"
                for network in found[name]
                if network not in known
            ]
        if name == BASELINE:
            wrong = ["must train every network: the others are compared with it"]
        if _KEY in entries[name]:  # others have it from those that they combine
            problems += [Problem(("techniques", name, _KEY), line) for line in wrong]
    return found, problems
