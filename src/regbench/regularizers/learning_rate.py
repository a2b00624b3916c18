"""A learning rate of the technique's own, relative to the protocol's."""

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from regbench.fields import Factor
from regbench.regularizers.base import Choice, Range, Regularizer
from regbench.regularizers.places.beside import Beside


class LearningRate(Regularizer):
    """Train with ``factor`` times the protocol's learning rate, or by another schedule.

    A factor, and no rate: where a network has phases with rates of their own, all of them change.
    ``schedule: cosine`` falls to 0 over the training, or the phase; ``constant`` stays. It is no
    technique to compare, but what each needs to be at its best (a nuisance setting): the baseline
    may have it, too.
    """

    title = "learning rate of its own"
    effect = "lets a technique train at the learning rate that suits it"
    source = (
        "Li et al., Towards Explaining the Regularization Effect of Initial Large Learning Rate, "
        "2019"
    )
    helps = (
        "In fair comparisons: the best rate depends on the technique, and a ranking at one rate "
        "may be another at the best of each (Choi et al., On Empirical Comparisons of "
        "Optimizers for Deep Learning, 2019). A large one at first generalizes better (Li et al., "
        "2019)."
    )
    not_when = (
        "Where only some techniques have one: the others are not at their best then (Choi et al., "
        "2019)."
    )
    cost = "nothing"
    aliases = ("lr", "base_lr", "initial_learning_rate", "learning_rate_factor")
    nuisance = True
    search = {
        "factor": Range(0.1, 10, log=True),
        "schedule": Choice(("protocol", "constant", "cosine")),
    }

    factor: Annotated[Factor, Field(description="of the protocol's rate")] = 1.0
    schedule: Literal["protocol", "constant", "cosine"] = "protocol"

    def clash(self, beside: Beside) -> str | None:
        """Return what a schedule of its own would undo, if it would."""
        if self.schedule == "protocol":
            return None
        if "snapshot_ensemble" in beside.others:
            return "leaves snapshot_ensemble without its cycles; set schedule: protocol"
        if beside.schedule == "plateau":
            return (
                f"has schedule {self.schedule}, and under protocol.schedule plateau the rate falls "
                "all the same; set schedule: protocol"
            )
        return None

    def change_rate(
        self, schedule: Callable[[int, int], float], step: int, epochs: int, steps_an_epoch: int
    ) -> float:
        """Return the share of its own schedule, or of the protocol's; ``factor`` comes last."""
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * step / (epochs * steps_an_epoch))) / 2
        return schedule(step, epochs)

    def factor_of_rate(self) -> float:
        """Return ``factor``."""
        return self.factor
