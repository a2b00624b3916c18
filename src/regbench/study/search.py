"""What is searched of a technique: its settings, each with its range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from regbench.errors import quoted
from regbench.fields import Settings
from regbench.regularizers.base import Choice, Range, Regularizer, Traits
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.ensemble import Ensemble
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.problems import Problem, nearest, problems_of
from regbench.study.schema import COCKTAIL, EVERY, Protocol, Study
from regbench.study.technique import Technique
from regbench.study.tuning import Tuning

_FORM = "must be {low: ..., high: ..., log: true or false}, a list of values, or null for none"


@dataclass(frozen=True)
class Searched:
    """A setting of a technique that is searched.

    Attributes:
        regularizer: Its key.
        setting: Its name; empty for the switch that turns the regularizer on.
        over: The range. It holds the technique's own value, if it can.
        own: The value that the technique has.
        whole: Whether only whole numbers are tried.
    """

    regularizer: str
    setting: str
    over: Range | Choice
    own: Any
    whole: bool = False

    @property
    def label(self) -> str:
        """Its name among the technique's settings, such as ``l2.factor``; of a switch ``l2``."""
        return f"{self.regularizer}.{self.setting}" if self.setting else self.regularizer


def beside_of(protocol: Protocol) -> Beside:
    """Return the protocol's settings that a regularizer may clash with."""
    return Beside(
        protocol.optimizer.name,
        getattr(protocol.optimizer, "weight_decay", 0.0),
        protocol.schedule.name,
        protocol.epochs,
    )


def space(
    name: str,
    technique: Technique,
    shared: Mapping[str, Settings],
    tuning: Tuning,
    beside: Beside,
) -> list[Searched]:
    """Return what is searched of a technique, in the order of keys; empty if nothing is.

    That is what its regularizers declare as ``search``, and what all techniques have alike
    (``nuisance``). A setting that the technique gives as a word, such as ``by: norm``, names its
    variant and stays; so does what is fitted on the validation images, which are to score it.
    Values of a choice that clash with other settings are left out.

    Args:
        name: Of the technique.
        technique: Its regularizers.
        shared: The settings that all techniques share, by key.
        tuning: Its ``search`` replaces ranges.
        beside: The protocol's settings.
    """
    values = {key: _by_name(key, full) for key, full in technique.in_full(shared).items()}
    values |= {key: dict(kind()) for key, kind in _nuisance() if key not in values}
    own = {
        key: REGULARIZERS[key].model_validate({**dict(shared.get(key, ())), **entry})
        for key, entry in values.items()
        if REGULARIZERS[key].shared_settings() in (None, REGULARIZERS[key])
    }
    found = []
    for key, regularizer in sorted(own.items()):
        if isinstance(regularizer, Ensemble) and regularizer.fits_on_validation:
            continue
        others = replace(beside, others={other: own[other] for other in own if other != key})
        for setting, over in ranges_of(regularizer, name, tuning).items():
            value = getattr(regularizer, setting)
            entry = getattr(technique, key, None)
            given = entry.model_fields_set if isinstance(entry, Regularizer) else ()
            is_variant = isinstance(value, str) and setting in given
            if over is None or (is_variant and setting not in _overridden(tuning, name, key)):
                continue
            held = _without_clashes(regularizer, setting, _holding(over, value), others)
            whole = type(regularizer).model_fields[setting].annotation is int
            found.append(Searched(key, setting, held, value, whole and isinstance(held, Range)))
    return found


def ranges_of(
    regularizer: Regularizer, technique: str, tuning: Tuning
) -> dict[str, Range | Choice | None]:
    """Return the ranges of a regularizer's settings: its own, or those of ``tuning.search``.

    Args:
        regularizer: With its settings.
        technique: Its name: it may have ranges of its own.
        tuning: How settings are searched.

    Returns:
        By setting; None: not searched.
    """
    return dict(regularizer.ranges()) | _overridden(tuning, technique, regularizer.key())


def with_values(
    technique: Technique,
    shared: Mapping[str, Settings],
    values: Mapping[str, Any],
    network: Traits | None = None,
) -> dict[str, Any]:
    """Return a technique's regularizers as plain values, with some values of searched settings.

    Those that have one are mappings of all their settings, so that they can stand on top of others.

    Args:
        technique: Its regularizers.
        shared: The settings that all techniques share, by key.
        values: By label; without any the technique stays as it is.
        network: What is known of it. Settings that mean nothing for it, such as the saturation of
            grey images, are left out: written down, they would be refused.
    """
    entries: dict[str, Any] = technique.model_dump(mode="json", exclude_defaults=True)
    full = technique.in_full(shared)
    for label, value in values.items():
        key, _, setting = label.partition(".")
        if not isinstance(entries.get(key), dict) or set(entries[key]) < set(_full(key, full)):
            entries[key] = _full(key, full)
        entries[key] = {**entries[key], setting: value}
    if network is None:
        return entries
    for key in {label.partition(".")[0] for label in values}:
        kind = REGULARIZERS[key]
        if kind.shared_settings() not in (None, kind):
            continue
        if kind.model_validate(entries[key]).misfit(network):
            given = getattr(technique, key, None)
            kept = set(given.model_fields_set) if isinstance(given, Regularizer) else set()
            kept |= {label.partition(".")[2] for label in values if label.startswith(f"{key}.")}
            entries[key] = {name: own for name, own in entries[key].items() if name in kept}
    return entries


def _full(key: str, full: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a regularizer by name, whether the technique has it or not."""
    return _by_name(key, full[key]) if key in full else dict(REGULARIZERS[key]())


def search_problems(study: Study) -> list[Problem]:
    """Return what is wrong with the ranges of ``tuning.search``."""
    return list(_problems(study, ("tuning", "search")))


def _problems(study: Study, path: tuple[str, ...]) -> Iterator[Problem]:
    for name, regularizers in study.tuning.search.items():
        joint = name == COCKTAIL and study.tuning.cocktail.search
        if name in study.left_out:
            continue  # of this study only: its ranges hold where it is trained
        if name != EVERY and name not in study.techniques and not joint:
            allowed = (EVERY, *study.techniques)
            wrong = f"{quoted(name)} is not a technique; allowed: {', '.join(allowed)}"
            yield Problem((*path, name), wrong + nearest(name, allowed))
            continue
        if not isinstance(regularizers, Mapping):
            yield Problem((*path, name), "must be a mapping of regularizers to settings")
            continue
        any_of_them = name == EVERY or joint
        has = set(REGULARIZERS) if any_of_them else set(study.techniques[name].entries())
        allowed = tuple(sorted(has | {key for key, _ in _nuisance()}))
        for key, settings in regularizers.items():
            if key not in allowed:
                wrong = f"{quoted(key)} is no regularizer of it; allowed: {', '.join(allowed)}"
                yield Problem((*path, name, str(key)), wrong + nearest(str(key), allowed))
            elif not isinstance(settings, Mapping):
                yield Problem((*path, name, key), "must be a mapping of settings to ranges")
            else:
                for setting, given in settings.items():
                    yield from _range_problems(key, setting, given, (*path, name, key, setting))


def _range_problems(key: str, setting: str, given: Any, path: tuple[str, ...]) -> Iterator[Problem]:
    kind = REGULARIZERS[key]
    if setting not in kind.model_fields:
        allowed = ", ".join(kind.model_fields) or "none"
        wrong = f"{quoted(setting)} is no setting of {key}; allowed: {allowed}"
        yield Problem(path, wrong + nearest(setting, kind.model_fields))
        return
    if given is None:
        return
    over = _read(given)
    if over is None:
        yield Problem(path, f"{_FORM}, not {quoted(given)}")
        return
    if isinstance(over, Range) and not over.low < over.high:
        yield Problem(path, f"low must be less than high, not {over.low:g} and {over.high:g}")
        return
    if isinstance(over, Range) and over.log and over.low <= 0:
        yield Problem(path, f"low must be greater than 0 where log is true, not {over.low:g}")
        return
    for value in over.values if isinstance(over, Choice) else (over.low, over.high):
        try:
            kind.model_validate({setting: value})
        except ValidationError as error:
            for problem in problems_of(error, ("techniques", "", key)):
                if problem.path[3:] == (setting,):
                    yield Problem(path, f"{value!r}: {problem.message}")


def _read(given: Any) -> Range | Choice | None:
    """Return the range that settings describe; None if they describe none."""
    if isinstance(given, list):
        plain = given and all(isinstance(value, str | int | float | bool) for value in given)
        return Choice(tuple(given)) if plain else None
    if not isinstance(given, Mapping) or not {"low", "high"} <= given.keys() <= {
        "low",
        "high",
        "log",
    }:
        return None
    ends = (given["low"], given["high"])
    log = given.get("log", False)
    if not isinstance(log, bool) or any(
        isinstance(end, bool) or not isinstance(end, int | float) for end in ends
    ):
        return None
    return Range(*ends, log=log)


def _overridden(tuning: Tuning, technique: str, key: str) -> dict[str, Range | Choice | None]:
    """Return the ranges that settings give for a regularizer's settings; None: not searched."""
    given = {
        **tuning.search.get(EVERY, {}).get(key, {}),
        **tuning.search.get(technique, {}).get(key, {}),
    }
    return {setting: None if of is None else _read(of) for setting, of in given.items()}


def _holding(over: Range | Choice, own: Any) -> Range | Choice:
    """Return the range, widened to hold the technique's own value if that is on its scale."""
    if isinstance(over, Choice):
        return over if own in over.values else Choice((*over.values, own))
    if not isinstance(own, int | float) or (over.log and own <= 0):
        return over
    return replace(over, low=min(over.low, own), high=max(over.high, own))


def _without_clashes(
    regularizer: Regularizer, setting: str, over: Range | Choice, beside: Beside
) -> Range | Choice:
    if isinstance(over, Range):
        return over
    settings = dict(regularizer)
    kind = type(regularizer)
    kept = [
        value
        for value in over.values
        if value == settings[setting]
        or kind.model_validate({**settings, setting: value}).clash(beside) is None
    ]
    return Choice(tuple(kept))


def _nuisance() -> Iterator[tuple[str, type[Regularizer]]]:
    return ((key, kind) for key, kind in REGULARIZERS.items() if kind.nuisance)


def _by_name(key: str, full: Any) -> dict[str, Any]:
    """Return all settings of a regularizer by name, from ``in_full``."""
    if full is True:
        return {}
    shorthand = REGULARIZERS[key].shorthand
    return dict(full) if isinstance(full, Mapping) else {str(shorthand): full}
