"""The technique ``cocktail``: whichever of all regularizers are best together.

Kadra et al., Well-tuned Simple Nets Excel on Tabular Datasets, 2021. Here: which regularizers may
be in it, and what it starts from. How it is searched is in ``tuning.joint``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from regbench.errors import quoted
from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.ensemble import Ensemble
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.fingerprints import fingerprints_of_techniques
from regbench.study.problems import Problem, nearest
from regbench.study.schema import COCKTAIL, Study
from regbench.study.search import beside_of
from regbench.study.technique import Technique
from regbench.study.together import clashes

_PATH = ("tuning", "cocktail", "candidates")
_ALWAYS_PREPARED = {"augmentation"}  # datasets that the data pipeline makes in every study


def all_candidates(study: Study) -> Technique:
    """Return a technique with all regularizers that the cocktail may have, and no other meaning.

    Those that the study's own technique ``cocktail`` has, if there is one, have its settings; the
    others have their defaults.
    """
    own = _own_entries(study)
    keys = [key for key in _named(study) if _why_not(key, study) is None]
    entries = {key: own.get(key, _default_entry(REGULARIZERS[key])) for key in keys}
    return Technique.model_validate(entries).following(study.reporting.metric)


def searched_techniques(study: Study) -> dict[str, Technique]:
    """Return the techniques that are searched, by name: the study's, and ``cocktail`` if it is.

    The latter has all its candidates: what they need to be prepared, its search needs.
    """
    if not study.tuning.cocktail.search:
        return dict(study.techniques)
    return {**study.techniques, COCKTAIL: all_candidates(study)}


def cocktail_parameters(study: Study) -> dict[str, Any]:
    """Return what nodes need to know of the joint search; empty if there is none.

    Returns:
        ``cocktail``: ``candidates``, the plain settings of a technique with all of them, and
        ``fingerprint``, the components of the fingerprint of its trainings.
    """
    if not study.tuning.cocktail.search:
        return {}
    candidates = all_candidates(study)
    alone = study.model_copy(update={"techniques": {COCKTAIL: candidates}})
    fingerprint = next(iter(fingerprints_of_techniques(alone).values()))["training"]
    entries = candidates.model_dump(mode="json", exclude_defaults=True)
    return {"cocktail": {"candidates": entries, "fingerprint": fingerprint}}


def cocktail_problems(study: Study) -> list[Problem]:
    """Return what is wrong with ``tuning.cocktail.candidates``."""
    wanted = study.tuning.cocktail
    if not wanted.search:
        return []
    allowed = [key for key, kind in REGULARIZERS.items() if not kind.nuisance]
    problems = []
    if not isinstance(wanted.candidates, str):
        for key in wanted.candidates:
            if key not in allowed:
                wrong = f"{quoted(key)} is no regularizer; allowed: all, study, "
                wrong += ", ".join(allowed)
                problems.append(Problem(_PATH, wrong + nearest(key, allowed)))
            elif reason := _why_not(key, study):
                problems.append(Problem(_PATH, f"{key}: {reason}"))
    if not problems and not any(_why_not(key, study) is None for key in _named(study)):
        problems.append(Problem(_PATH, "names no regularizer that this study can have"))
    return problems


def _named(study: Study) -> list[str]:
    """Return the keys that the settings name as candidates, in the order of all regularizers."""
    candidates = study.tuning.cocktail.candidates
    if candidates == "all":
        named = {key for key, kind in REGULARIZERS.items() if not issubclass(kind, Ensemble)}
    elif candidates == "study":
        used = {key for technique in study.techniques.values() for key in technique.entries()}
        named = {key for key in used if not issubclass(REGULARIZERS[key], Ensemble)}
    else:
        named = set(candidates)
    named |= set(_own_entries(study))  # what it starts from
    return [key for key, kind in REGULARIZERS.items() if key in named and not kind.nuisance]


def _own_entries(study: Study) -> dict[str, Any]:
    """Return the entries of the study's technique of this name, if it has one."""
    own = study.techniques.get(COCKTAIL)
    return dict(own.entries()) if own else {}


def _default_entry(kind: type[Regularizer]) -> Any:
    return True if kind.inherits_study_settings() else {}


def _why_not(key: str, study: Study) -> str | None:
    """Return why a regularizer cannot be a candidate, as far as known; None if it can."""
    kind = REGULARIZERS[key]
    if issubclass(kind, Ensemble) and kind.fits_on_validation:
        return "is fitted on the validation images, which score the search"
    prepared = {name for technique in study.techniques.values() for name in technique.prepared()}
    if missing := set(kind.prepared) - prepared - _ALWAYS_PREPARED:
        return (
            f"needs what is prepared for techniques that have it ({', '.join(sorted(missing))}): "
            "give one to the study"
        )
    shared: Mapping[str, Any] = {name: dict(settings) for name, settings in study.shared.items()}
    entry = _own_entries(study).get(key, _default_entry(kind))
    [regularizer] = Technique.model_validate({key: entry}).regularizers(shared)
    if clash := clashes([regularizer], beside_of(study.protocol)).get(key):
        return clash
    network = study.network.traits(study.image_shape)
    # One that needs a normalization may have it from another regularizer.
    return regularizer.misfit(network) and regularizer.misfit(replace(network, normalized=True))
