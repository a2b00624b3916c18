"""Which of a study's techniques form a factorial design of two: without, one, other, both."""

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from regbench.fields import Settings
from regbench.regularizers.registry import NUISANCE, REGULARIZERS
from regbench.study.arms import by_network
from regbench.study.technique import Technique

_Signature = frozenset[tuple[str, str]]  # regularizers, each with its settings as JSON


class Factorial(NamedTuple):
    """Names of four techniques: ``both`` has what ``one`` and ``other`` add to ``base``."""

    base: str
    one: str
    other: str
    both: str


def factorials_in(
    techniques: Mapping[str, Technique], shared: Mapping[str, Settings]
) -> list[Factorial]:
    """Return the factorial designs of two among some techniques, found by their regularizers.

    Names count for nothing: what counts is that settings are equal, defaults included. The base is
    the baseline, or a technique that has no regularizer either: at most a learning rate of its own,
    which the other three must have, too. Of techniques that are the same the first counts.

    Args:
        techniques: By name, in the order of the study.
        shared: The settings that all techniques share, by key.

    Returns:
        In the order of the techniques.
    """
    named: dict[_Signature, str] = {}
    for name, technique in techniques.items():
        named.setdefault(_signature(technique.in_full(shared)), name)
    found = []
    for base in [signature for signature in named if _keys(signature) <= NUISANCE]:
        adding = {of - base: name for of, name in named.items() if of > base}
        for one, other in itertools.combinations(adding, 2):
            if _keys(one).isdisjoint(_keys(other)) and (both := named.get(base | one | other)):
                found.append(Factorial(named[base], adding[one], adding[other], both))
    return found


def factorials_of_arms(
    arms: Iterable[str], techniques: Mapping[str, Technique], shared: Mapping[str, Settings]
) -> list[Factorial]:
    """Return the factorial designs on any network of a study.

    Args:
        arms: Names of all arms: which technique trains which network.
        techniques: As of ``factorials_in``.
        shared: As of ``factorials_in``.
    """
    trained = by_network(dict.fromkeys(arms)).values()
    found = [
        factorials_in({name: of for name, of in techniques.items() if name in own}, shared)
        for own in trained
    ]
    return list(dict.fromkeys(itertools.chain.from_iterable(found)))


def _signature(full: Mapping[str, Any]) -> _Signature:
    """Return what makes a technique, from ``in_full``; a learning rate that changes nothing not."""
    return frozenset(
        (key, json.dumps(settings, sort_keys=True))
        for key, settings in full.items()
        if key not in NUISANCE or settings != REGULARIZERS[key]().in_full()
    )


def _keys(signature: _Signature) -> set[str]:
    return {key for key, _ in signature}
