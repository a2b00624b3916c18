"""Combining techniques (``combine: [a, b]``), and checks of their names."""

from collections.abc import Mapping
from typing import Any

from regbench.errors import quoted
from regbench.regularizers.registry import NUISANCE
from regbench.study.arms import NAME, NAME_RULE
from regbench.study.problems import Problem, nearest
from regbench.study.schema import (
    BASELINE,
    RESERVED_NAMES,
)


def combine_techniques(
    entries: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Return every technique's settings, those of combined techniques included, and all problems.

    Args:
        entries: The ``techniques`` of the configuration, by name. A technique's own keys replace
            those of the techniques that it combines.
    """
    combined: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name, entry in entries.items():
        problems += _name_problems(name)
        if isinstance(entry, Mapping):
            combined[name] = _settings(name, (name,), entries, problems)
        else:
            wrong = f"must be a mapping of regularizers, not {quoted(entry)}"
            problems.append(Problem(("techniques", name), wrong))
    if BASELINE not in entries:
        wrong = f"{BASELINE!r} is missing: write '{BASELINE}: {{}}'"
        problems.append(Problem(("techniques",), wrong))
    elif not combined.get(BASELINE, {}).keys() <= {*NUISANCE, "networks"}:  # told in `only_on`
        wrong = "must have no regularizers: the others are compared with it"
        problems.append(Problem(("techniques", BASELINE), wrong))
    return combined, problems


def _settings(
    name: str, inside: tuple[str, ...], entries: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """Return the settings of a technique with those that it combines; add to ``problems``.

    Args:
        name: The technique.
        inside: The techniques that are being combined, to find cycles.
        entries: All techniques.
        problems: Gets every problem found.
    """
    own = dict(entries[name])
    combined = own.pop("combine", [])
    path = ("techniques", name, "combine")
    if not isinstance(combined, list):
        problems.append(Problem(path, f"must be a list of techniques, not {quoted(combined)}"))
        return own
    merged: dict[str, Any] = {}
    for other in combined:
        if other in inside:
            problems.append(Problem(path, f"{quoted(other)} contains itself"))
        elif (
            isinstance(other, str) and other in entries and not isinstance(entries[other], Mapping)
        ):
            continue  # its own problem
        elif not isinstance(other, str) or other not in entries:
            near = nearest(str(other), entries)
            wrong = f"{quoted(other)} is not a technique, or is set to null{near}"
            problems.append(Problem(path, wrong, leave_out=name))
        else:
            settings = _settings(other, (*inside, other), entries, problems)
            for key, value in settings.items():
                if key not in own and merged.get(key, value) != value:
                    wrong = f"two values for {key}; say in {name} which one holds"
                    problems.append(Problem(path, wrong))
                merged[key] = value
    return merged | own


def _name_problems(name: str) -> list[Problem]:
    """Return what is wrong with a name: it is also a folder, a pipeline and a namespace."""
    if not NAME.fullmatch(name):
        wrong = NAME_RULE
    elif name in RESERVED_NAMES:
        wrong = f"the name is reserved, like all of: {', '.join(sorted(RESERVED_NAMES))}"
    else:
        return []
    return [Problem(("techniques", name), wrong)]
