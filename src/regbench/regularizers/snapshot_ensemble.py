"""Snapshot ensemble: the networks at the ends of a cyclic learning rate's cycles."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Int
from regbench.regularizers.base import Choice
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members

if TYPE_CHECKING:
    import keras


class SnapshotEnsemble(Ensemble):
    """Train one network in ``cycles``; keep it at the end of each, and average their probabilities.

    In each cycle the rate falls from the optimizer's learning rate to 0 over half a cosine, in
    place of ``protocol.schedule``. The cycles share the protocol's epochs: a cycle ends with an
    epoch, and the first are an epoch longer where the number does not divide them. The optimizer
    begins each cycle anew. The paper uses a larger learning rate than for a single network.
    """

    title = "snapshot ensemble"
    effect = "averages several networks for the cost of one training"
    source = "Huang et al., Snapshot Ensembles: Train 1, Get M for Free, 2017"
    helps = (
        "Where trainings are long enough that a cycle alone trains well, for the time of one "
        "training (Huang et al., Snapshot Ensembles, 2017)."
    )
    not_when = (
        "Where the epochs are few: each cycle is a short training; or time allows an ensemble of "
        "seeds, whose networks differ more (Fort et al., Deep Ensembles: A Loss Landscape "
        "Perspective, 2019)."
    )
    cost = "one training; weights and predictions times the number of cycles"
    aliases = ("snapshots", "cyclic_cosine", "CosineDecayRestarts", "CosineAnnealingWarmRestarts")
    shorthand = "cycles"
    on = {"pretrained": "means nothing where the network has phases: they have their own epochs"}
    search = {"cycles": Choice((2, 3, 5))}

    # As the paper's networks of 200 epochs.
    cycles: Annotated[Int, Field(ge=2, le=50)] = 5

    def clash(self, beside: Beside) -> str | None:
        """Return that a cycle may end before its rate has fallen, if it may."""
        if "early_stopping" in beside.others:
            return (
                "keeps the networks at the ends of cycles, which early_stopping cuts off: leave "
                "out one of them"
            )
        return None

    def networks(self) -> int:
        """Return the number of cycles."""
        return self.cycles

    def trainings(self) -> int:
        """Return 1: the cycles share the epochs of one."""
        return 1

    def length_problem(self, epochs: int, phases: Sequence[str]) -> str | None:
        """Return that there are phases, or more cycles than epochs."""
        if phases:
            return (
                f"means nothing for a network with phases ({', '.join(phases)}), which have epochs "
                "of their own"
            )
        if epochs < self.cycles:
            return (
                f"needs an epoch for each of its {self.cycles} cycles, and protocol.epochs is "
                f"{epochs}: set fewer cycles, or more epochs"
            )
        return None

    def train_members(self, members: Members) -> Combination:
        """Return the networks at the ends of the cycles."""
        done = 0
        networks: list[keras.Model] = []
        for number, epochs in enumerate(cycle_epochs(members.epochs, self.cycles), start=1):
            member = Member(
                members.seed_of(number),
                epochs=epochs,
                share_of_rate=share_in_cycle,
                begins_with=networks[-1] if networks else None,
                after=done,
            )
            networks.append(members.train(member))
            done += epochs
        return Combination(networks)


def cycle_epochs(epochs: int, cycles: int) -> list[int]:
    """Return the epochs of each cycle, of sum ``epochs``; the first may be 1 longer."""
    return [epochs // cycles + (number < epochs % cycles) for number in range(cycles)]


def share_in_cycle(step: int, steps: int) -> float:
    """Return the share of the learning rate in a step of a cycle (equation 2 of the paper).

    Args:
        step: From 0.
        steps: Of the cycle.
    """
    return (math.cos(math.pi * step / steps) + 1) / 2
