"""Bagging: networks trained on bootstrap samples of the train images."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Int
from regbench.regularizers.base import Choice
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members

if TYPE_CHECKING:
    import numpy as np


class Bagging(Ensemble):
    """Train each network on as many train images as there are, drawn with replacement.

    A sample has 63 % of the images, some of them several times. The answer is the mean of the
    networks' probabilities. Whatever is fitted on train images before, such as the normalization,
    is fitted on all of them.
    """

    title = "bagging"
    effect = "averages networks that saw different samples of the train images"
    source = "Breiman, Bagging Predictors, 1996"
    helps = (
        "Where small changes of the train images change the network a lot (Breiman, Bagging "
        "Predictors, 1996)."
    )
    not_when = (
        "Networks differ by their initial weights already: an ensemble of seeds lets each learn "
        "from all images (Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty "
        "Estimation Using Deep Ensembles, 2017)."
    )
    cost = "times its number: trainings, weights and predictions"
    aliases = ("bootstrap", "bootstrap_aggregating", "BaggingClassifier")
    shorthand = "members"
    search = {"members": Choice((5, 10, 25))}

    # "Most of the improvement" is had with 10, as the paper says.
    members: Annotated[Int, Field(ge=2, le=50)] = 10

    def networks(self) -> int:
        """Return the number of members."""
        return self.members

    def train_members(self, members: Members) -> Combination:
        """Return the networks, each trained on a bootstrap sample of its own."""
        images = len(members.targets)
        return Combination(
            [
                members.train(
                    Member(
                        members.seed_of(number),
                        rows=bootstrap(images, members.seed, number, self.stream()),
                    )
                )
                for number in range(1, self.members + 1)
            ]
        )


def bootstrap(images: int, seed: int, number: int, stream: int) -> "np.ndarray":
    """Return a bootstrap sample: ``images`` ints from 0, drawn with replacement.

    Args:
        images: Number of train images.
        seed: Of the training.
        number: Of the member.
        stream: Of random numbers.
    """
    import numpy as np

    return np.random.default_rng([seed, number, stream]).integers(0, images, images)
