"""Deep ensemble: networks of several seeds, whose probabilities are averaged."""

from typing import Annotated

from pydantic import Field

from regbench.fields import Int
from regbench.regularizers.base import Choice
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members


class SeedEnsemble(Ensemble):
    """Train ``members`` networks on all train images, each with initial weights of its own.

    The answer is the mean of their probabilities. The paper's adversarial training is left out.
    """

    title = "ensemble of seeds"
    effect = "averages out what depends on chance"
    source = (
        "Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation Using "
        "Deep Ensembles, 2017"
    )
    helps = (
        "Nearly always, in accuracy and calibration, and most under shifts of the data (Ovadia et "
        "al., Can You Trust Your Model's Uncertainty?, 2019)."
    )
    not_when = (
        "Where a prediction may not take several times as long; or one network of the ensemble's "
        "size would do as well (Abe et al., Deep Ensembles Work, But Are They Necessary?, 2022)."
    )
    cost = "times its number: trainings, weights and predictions"
    aliases = ("deep_ensemble", "ensemble", "voting", "VotingClassifier")
    shorthand = "members"
    search = {"members": Choice((2, 3, 5, 10))}

    members: Annotated[Int, Field(ge=2, le=50)] = 5

    def networks(self) -> int:
        """Return the number of members."""
        return self.members

    def train_members(self, members: Members) -> Combination:
        """Return the networks; the first is what the technique trains without this."""
        numbers = range(1, self.members + 1)
        return Combination([members.train(Member(members.seed_of(number))) for number in numbers])
