"""The stepwise combination: forward selection and backward elimination of techniques.

It starts from the best technique that is better than the baseline. Then it adds the candidate that
is best among those that are better with what there is so far (of those within the band of the best
the simplest), and drops a regularizer without which
the combination is equivalent or better. It ends where nothing more is better. Every step is a
decided comparison on validation images, paired by seed; undecided candidates are not taken.

All of it is computed anew from the trainings that there are: which trainings are needed next is a
result of it, too. So it goes on from stored trainings, and two processes find the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

from regbench.comparison.verdicts import BETTER, EQUIVALENT, WORSE
from regbench.recommendation.combination import Builder, CannotCombineError, Combination
from regbench.recommendation.judging import BySeed, Judged, Rules, judged

FIRST, ADD, DROP = "first", "add", "drop"  # what a step is for
_TAKEN = {FIRST: (BETTER,), ADD: (BETTER,), DROP: (EQUIVALENT, BETTER)}


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        kind: ``first``, ``add`` or ``drop``.
        reference: What the candidates are compared with.
        candidates: By what is added or dropped, in the order in which they are trained.
        judged: Where each stands, by the same.
        chosen: Of the candidates; None if none is taken, or none yet.
    """

    kind: str
    reference: Combination
    candidates: Mapping[str, Combination]
    judged: Mapping[str, Judged]
    chosen: str | None = None

    def needs(self) -> Iterator[tuple[Combination, int]]:
        """Yield the trainings that the next verdicts need; a candidate's together."""
        if self.chosen is not None:
            return
        lacks = {name: of.lacks for name, of in self.judged.items() if of.lacks}
        for seed in sorted({seed for seeds in lacks.values() for seed in seeds}):
            yield self.reference, seed
        for name, seeds in lacks.items():
            for seed in seeds:
                yield self.candidates[name], seed


@dataclass
class Progress:
    """How far the stepwise combination has come.

    Attributes:
        steps: In order.
        combination: The best so far.
        left_out: Combinations that cannot be built, and why, by name.
        not_tried: Techniques that were not tried on top of others, as ``candidates`` are tried at
            most, or as they are worse than the baseline alone; those that failed are not among
            them.
        is_finished: Whether no step is left: nothing more is better, as far as trainings can show.
    """

    combination: Combination
    steps: list[Step] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    not_tried: list[str] = field(default_factory=list)
    is_finished: bool = False


class Stepwise:
    """The stepwise combination of a study's techniques."""

    def __init__(
        self,
        builder: Builder,
        values: Callable[[Combination], BySeed],
        rules: Callable[[], Rules],
        max_techniques: int,
        candidates: int,
    ) -> None:
        """Take what it works on.

        Args:
            builder: Of combinations.
            values: Returns the metric on validation images of a combination's trainings.
            rules: Returns those by which verdicts are given; the metric's step is known with the
                first training.
            max_techniques: How many techniques are put together at most.
            candidates: How many are tried in a step at most.
        """
        self._builder, self._values, self._rules = builder, values, rules
        self._max_techniques, self._most = max_techniques, candidates

    def progress(self, *, is_over: bool = False) -> Progress:
        """Return how far the trainings that there are lead.

        Args:
            is_over: Whether no more trainings are made: a step is then taken from those of its
                candidates that are judged.
        """
        progress = Progress(self._builder.baseline)
        singles = self._builder.techniques
        first = self._step(FIRST, progress.combination, singles, is_over=is_over)
        progress.steps.append(first)
        if first.chosen is None:
            progress.is_finished = not is_over and not any(first.needs())
            return progress
        progress.combination = first.candidates[first.chosen]
        ranked = self._ranked(first, progress)
        dropped, newest = set[str](), set[str]()
        while True:
            while step := self._removal(progress, newest, is_over=is_over):
                if step.chosen is None:
                    if any(step.needs()):
                        return progress
                    break
                progress.combination = step.candidates[step.chosen]
                dropped.add(step.chosen)
            step = self._addition(progress, ranked, dropped, is_over=is_over)
            if step is None or step.chosen is None:
                progress.is_finished = not is_over and (step is None or not any(step.needs()))
                return progress
            added = step.candidates[step.chosen]
            newest = set(added.parts) - set(progress.combination.parts)
            newest = newest if len(newest) == 1 else set()
            progress.combination = added

    def _ranked(self, first: Step, progress: Progress) -> list[Combination]:
        """Return the techniques that are tried on top of others, those that gain most first."""
        alone = {
            name: of.gain
            for name, of in first.judged.items()
            if of.verdict != WORSE and not isnan(of.gain) and name != first.chosen
        }
        order = sorted(alone, key=lambda name: -alone[name])
        kept = order[: self._most]
        others = set(first.candidates) - set(kept) - {first.chosen}
        progress.not_tried = [
            name
            for name, of in first.judged.items()
            if name in others and of.verdict and not isnan(of.gain)  # what failed is told as such
        ]
        return [first.candidates[name] for name in kept]

    def _addition(
        self, progress: Progress, ranked: Sequence[Combination], dropped: set[str], *, is_over: bool
    ) -> Step | None:
        """Take a step that adds a technique; None if there is nothing to add."""
        present = progress.combination
        if len(present.techniques) >= self._max_techniques:
            return None
        candidates: dict[str, Combination] = {}
        seen = {present.digest}
        for technique in ranked:
            if dropped & set(technique.parts):
                continue
            try:
                found = self._builder.combined(present, technique)
            except CannotCombineError as error:
                progress.left_out[f"{present.name} + {technique.name}"] = str(error)
                continue
            if found.digest not in seen:
                seen.add(found.digest)
                candidates[technique.name] = found
        if not candidates:
            return None
        step = self._step(ADD, present, candidates, is_over=is_over)
        progress.steps.append(step)
        return step

    def _removal(self, progress: Progress, newest: set[str], *, is_over: bool) -> Step | None:
        """Take a step that drops a regularizer; None if there is none to drop.

        What was added last, and alone, is not asked about: it has just been shown to help.
        """
        present = progress.combination
        candidates = {}
        for key in present.parts:
            if key in newest or len(present.parts) < 2:
                continue
            try:
                candidates[key] = self._builder.without(present, key)
            except CannotCombineError as error:
                progress.left_out[f"{present.name} without {key}"] = str(error)
        if not candidates:
            return None
        step = self._step(DROP, present, candidates, is_over=is_over)
        progress.steps.append(step)
        return step

    def _step(
        self,
        kind: str,
        reference: Combination,
        candidates: Mapping[str, Combination],
        *,
        is_over: bool,
    ) -> Step:
        values = {name: self._values(of) for name, of in candidates.items()}
        found = judged(values, self._values(reference), self._rules(), len(candidates))
        taken = {name: of for name, of in found.items() if of.verdict in _TAKEN[kind]}
        chosen = None
        if taken and (is_over or all(of.verdict is not None for of in found.values())):
            # Of those that are as good for all practical purposes, the simplest.
            least = max(of.gain for of in taken.values()) - self._rules().band
            near = [name for name, of in taken.items() if of.gain >= least]
            chosen = min(near, key=lambda name: (len(candidates[name].parts), -taken[name].gain))
        return Step(kind, reference, candidates, found, chosen)
