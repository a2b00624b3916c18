"""The joint search over regularizers: each on or off, and if on, with its own settings.

The space is conditional: settings of a regularizer that is off are not tried. Regularizers that
exclude one another are never on together. Which of them goes first is drawn anew for every trial,
so that none is preferred.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regbench.errors import StudyError
from regbench.regularizers.base import Choice, Range, Regularizer, Stage, Traits
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.registry import NUISANCE
from regbench.study.schema import COCKTAIL
from regbench.study.search import Searched, space, with_values
from regbench.study.technique import Technique
from regbench.study.together import clashes, several_of_one
from regbench.study.tuning import Tuning
from regbench.tuning import points
from regbench.tuning.points import Values

MOST_ON = 3  # of the points that are drawn, on average so many regularizers are on, or half of all
SWITCH = Range(0, 1)  # of the number of a switch
FIRST_DRAWN = 10  # so many points are drawn before TPE learns from them


@dataclass(frozen=True)
class Joint:
    """A conditional space of regularizers.

    Attributes:
        candidates: The regularizers that may be on, by key.
        searched: A switch for each of them (a ``Searched`` without setting), and all settings;
            those that all techniques have alike, too.
        network: What is known of it.
        beside: The protocol's settings.
        seed: Of the points that are drawn.
    """

    candidates: Mapping[str, Regularizer]
    searched: list[Searched]
    network: Traits
    beside: Beside
    seed: int

    @property
    def chance(self) -> float:
        """The chance that a regularizer is on where nothing is known: a switch below it is on.

        A switch is a number from 0 to 1, and not one of two words: with words, a sampler that knows
        nothing turns half of all regularizers on, which together learn nothing.
        """
        return min(0.5, MOST_ON / max(1, len(self.candidates)))

    def numbers(self, point: int, ask: Callable[[Searched], Any]) -> Values:
        """Return a point, by label: numbers of switches and values of settings.

        Args:
            point: Its number; it has an order of the regularizers of its own.
            ask: Returns the number of a switch or the value of a setting. It is not asked for the
                switch of a regularizer that is excluded, nor for settings of one that is off.
        """
        order = np.random.default_rng([self.seed, point]).permutation(list(self.candidates))
        # Normalizations first: others may need one.
        keys = sorted(map(str, order), key=lambda key: not self.candidates[key].normalizes)
        switches = {of.regularizer: of for of in self.searched if not of.setting}
        values: Values = {}
        on: list[str] = []
        for key in keys:
            if self.fault([*on, key]) is None:
                values[key] = ask(switches[key])
                on += [key] if values[key] < self.chance else []
        for of in self.searched:
            if of.setting and (of.regularizer in on or of.regularizer not in switches):
                values[of.label] = ask(of)
        return values

    def values(self, numbers: Values) -> Values:
        """Return the values of a point: numbers of switches become true or false."""
        return {
            label: value if "." in label else value < self.chance
            for label, value in numbers.items()
        }

    def drawn(self, point: int) -> Values:
        """Return the numbers of a quasi-random point, see ``points.quasi_random``."""
        flat = [of if of.setting else replace(of, over=SWITCH) for of in self.searched]
        of_all = points.quasi_random(flat, point - 1, self.seed)
        return self.numbers(point, lambda of: of_all[of.label])

    def start(self) -> Values:
        """Return the numbers of the technique as it is: of the one that it starts from."""

        def own(of: Searched) -> Any:
            if of.setting:
                return points.clipped(of, of.own)
            return self.chance / 2 if of.own else (1 + self.chance) / 2

        return self.numbers(0, own)

    def fault(self, keys: Iterable[str]) -> str | None:
        """Return why some candidates cannot be on together; None if they can."""
        return fault_together([self.candidates[key] for key in keys], self.network, self.beside)


def fault_together(
    regularizers: Iterable[Regularizer], network: Traits, beside: Beside
) -> str | None:
    """Return why regularizers cannot be in one cocktail; None if they can.

    What the rules of techniques say; and two ways to mix images are never in one.

    Args:
        regularizers: With their settings.
        network: What is known of it.
        beside: The protocol's settings.
    """
    made = list(regularizers)
    normalized = any(of.normalizes for of in made) or network.normalized
    network = replace(network, normalized=normalized)
    mixing = [of.key() for of in made if of.does("change_batch") and of.stage is Stage.MIXING]
    faults = several_of_one(map(type, made))
    faults += [f"{' and '.join(mixing)} both mix images"] if len(mixing) > 1 else []
    faults += [f"{key} {clash}" for key, clash in clashes(made, beside).items()]
    faults += [f"{of.key()}: {misfit}" for of in made if (misfit := of.misfit(network))]
    return faults[0] if faults else None


def joint_space(
    candidates: Technique,
    start: Technique,
    shared: Mapping[str, Any],
    tuning: Tuning,
    network: Traits,
    beside: Beside,
) -> Joint:
    """Return the space of a joint search.

    Args:
        candidates: All regularizers that may be on, from ``study.cocktail``; those that mean
            nothing for the network, now that more is known of it, are left out.
        start: The technique that it starts from.
        shared: The settings that all techniques share, by key.
        tuning: Its ``search`` replaces ranges.
        network: What is known of it.
        beside: The protocol's settings.
    """
    plain = {key: dict(settings) for key, settings in shared.items()}
    made = {of.key(): of for of in candidates.regularizers(plain)}
    with_normalization = replace(network, normalized=True)
    made = {
        key: of
        for key, of in made.items()
        if not (of.misfit(network) and of.misfit(with_normalization))
    }
    entries = candidates.entries()
    started = start.entries()
    searched = []
    for key in made:
        searched.append(Searched(key, "", Choice((False, True)), key in started))
        alone = Technique.model_validate({key: entries[key]})
        own = space(COCKTAIL, alone, shared, tuning, beside)
        own_fitting = (fitting(of, made[key], network) for of in own if of.regularizer == key)
        searched += [of for of in own_fitting if of is not None]
    every = space(COCKTAIL, start, shared, tuning, beside)
    searched += [of for of in every if of.regularizer in NUISANCE]
    return Joint(made, searched, network, beside, tuning.seeds[0])


def fitting(searched: Searched, regularizer: Regularizer, network: Traits) -> Searched | None:
    """Return a setting with the values that mean something for the network; None if few do.

    A square of a tenth of 4 pixels has none, for example.
    """
    kind, over = type(regularizer), searched.over
    settings = {name: getattr(regularizer, name) for name in regularizer.model_fields_set}
    network = replace(network, normalized=True)
    tried = over.values if isinstance(over, Choice) else (over.low, over.high)
    kept = [
        value
        for value in tried
        if kind.model_validate({**settings, searched.setting: value}).misfit(network) is None
    ]
    if isinstance(over, Choice):
        return replace(searched, over=Choice(tuple(kept))) if len(kept) > 1 else None
    return searched if len(kept) == 2 else None


def settings_of(
    joint: Joint, candidates: Technique, start: Technique, shared: Mapping[str, Any], values: Values
) -> dict[str, Any]:
    """Return the plain regularizers of a point's values; without values, those of the start.

    Raises:
        StudyError: They cannot be in one technique with these settings.
    """
    if not values:
        return start.model_dump(mode="json", exclude_defaults=True)
    entries = candidates.entries()
    on = {key: entries[key] for key in joint.candidates if values.get(key)}
    nuisance = {key: entry for key, entry in start.entries().items() if key not in entries}
    settings = {label: value for label, value in values.items() if "." in label}
    whole = Technique.model_validate({**on, **nuisance})
    found = with_values(whole, shared, settings, replace(joint.network, normalized=True))
    plain = {key: dict(own) for key, own in shared.items()}
    regularizers = Technique.model_validate(found).regularizers(plain)
    if fault := fault_together(regularizers, joint.network, joint.beside):
        raise StudyError(fault)
    return found
