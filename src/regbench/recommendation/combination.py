"""Combinations of a study's techniques: what they are made of, and whether they can be built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regbench.regularizers.registry import NUISANCE
from regbench.study.fingerprints import fingerprints_of_techniques
from regbench.study.fit import ensembles_in
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_study
from regbench.study.schema import BASELINE, BEST, Study

_NAME = "recommended"  # of a combination, while the study with it is checked


class CannotCombineError(Exception):
    """A combination cannot be built; the message says why."""


@dataclass(frozen=True)
class Combination:
    """Some regularizers, as a technique would have them.

    Attributes:
        name: That of the study's technique that is the same, or its regularizers joined by ``+``.
        regularizers: Plain settings by key, as the study's parameters have those of techniques.
        digest: Of all its settings, defaults included: combinations of one digest are the same.
        fingerprint: The components ``training`` and ``evaluation``, as of the study's techniques.
        techniques: The techniques that were put together, in order.
        networks: How many networks a training trains: those of an ensemble.
    """

    name: str
    regularizers: Mapping[str, Any]
    digest: str
    fingerprint: Mapping[str, Any]
    techniques: tuple[str, ...] = ()
    networks: int = 1

    @property
    def parts(self) -> list[str]:
        """The keys of what regularizes; a learning rate of its own does not."""
        return [key for key in self.regularizers if key not in NUISANCE]


class Builder:
    """Builds combinations of a study's techniques, each checked as one in configuration is."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """Take the study's parameters, as nodes have them."""
        self._entries: Mapping[str, Any] = parameters["techniques"]
        # What may name a technique that the checked study does not have.
        self._settings = {name: parameters[name] for name in Study.model_fields} | {
            "if_unfit": "stop",
            "reporting": {**parameters["reporting"], "published": {}, "failed": []},
            "alarms": {**parameters["alarms"], "technique": BEST},
            "prediction": {**parameters["prediction"], "technique": BEST},
            "tuning": {**parameters["tuning"], "search": {}},
        }
        self._techniques = {
            name: self._built(entry, () if name == BASELINE else (name,), name)
            for name, entry in self._entries.items()
        }
        self._names: dict[str, str] = {}
        for name, of in self._techniques.items():
            self._names.setdefault(of.digest, name)

    @property
    def baseline(self) -> Combination:
        """The baseline."""
        return self._techniques[BASELINE]

    @property
    def techniques(self) -> dict[str, Combination]:
        """The techniques without the baseline, by name; of equal ones the first."""
        return {
            name: of
            for name, of in self._techniques.items()
            if name != BASELINE and self._names[of.digest] == name
        }

    def combined(self, one: Combination, other: Combination) -> Combination:
        """Return a combination with what another adds.

        A learning rate of its own, which each may have, is that of ``one``: both were found apart.

        Raises:
            CannotCombineError: Two values for a regularizer; or the study with it is invalid.
        """
        merged = dict(one.regularizers)
        for key, entry in other.regularizers.items():
            if key not in NUISANCE and merged.setdefault(key, entry) != entry:
                raise CannotCombineError(f"two values for {key}")
        return self._built(merged, (*one.techniques, *other.techniques))

    def without(self, one: Combination, key: str) -> Combination:
        """Return a combination without one of its regularizers.

        Raises:
            CannotCombineError: The study with it is invalid.
        """
        left = {name: entry for name, entry in one.regularizers.items() if name != key}
        kept = {name for name in left if name not in NUISANCE}
        techniques = [name for name in one.techniques if kept & set(self._entries[name])]
        return self._built(left, tuple(techniques))

    def _built(
        self, regularizers: Mapping[str, Any], techniques: tuple[str, ...], name: str = ""
    ) -> Combination:
        entries = {BASELINE: self._entries[BASELINE], _NAME: dict(regularizers)}
        try:
            study = read_study({**self._settings, "techniques": entries})
        except InvalidStudy as error:
            wrong = [".".join(p.path[2:]) + " " + p.message for p in error.problems]
            raise CannotCombineError("; ".join(text.strip() for text in wrong)) from None
        fingerprint = fingerprints_of_techniques(study)[_NAME]
        found = str(fingerprint["training"]["technique"])
        own = study.as_parameters()["techniques"][_NAME]
        if not name:
            parts = [key for key in own if key not in NUISANCE]
            name = self._names.get(found) or "+".join(parts)
        shared = {key: dict(settings) for key, settings in study.shared.items()}
        made = study.techniques[_NAME].regularizers(shared)
        networks = max([each.trainings() for each in ensembles_in(made)], default=1)
        return Combination(name, own, found, fingerprint, techniques, networks)
