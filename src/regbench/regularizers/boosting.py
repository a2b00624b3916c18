"""Boosting by SAMME: each network learns from what the earlier ones get wrong."""

import math
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from regbench.fields import Int
from regbench.regularizers.base import Choice
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members

if TYPE_CHECKING:
    import keras
    import numpy as np


class Boosting(Ensemble):
    """Train each network on train images drawn by weights, which grow where the last one errs.

    The weights are those of SAMME. They act by resampling: a network is trained on as many images
    as there are, drawn with replacement by weight (version R of Schwenk and Bengio, Boosting
    Neural Networks, 2000), so that every loss and batch is as without boosting. The answer is the
    mean of probabilities weighted by alpha, where the paper counts votes: a vote is no probability.

    It ends early with a network that gets all train images right, or that is no better than
    chance, which is left out; if the first is, it is the answer.
    """

    title = "boosting (SAMME)"
    effect = "lets each network attend to what the earlier ones get wrong"
    source = "Zhu et al., Multi-class AdaBoost, 2009"
    helps = (
        "Where one network is too weak for the train images, and labels are right (Schwenk and "
        "Bengio, Boosting Neural Networks, 2000)."
    )
    not_when = (
        "Where labels are wrong at times: it attends to those most (Dietterich, An Experimental "
        "Comparison of Three Methods for Constructing Ensembles of Decision Trees, 2000)."
    )
    cost = "times its number: trainings, weights and predictions; and predictions of train images"
    aliases = ("adaboost", "samme", "AdaBoostClassifier")
    shorthand = "members"
    search = {"members": Choice((5, 10, 25))}

    # As many as of bagging, which it is compared with.
    members: Annotated[Int, Field(ge=2, le=50)] = 10

    def networks(self) -> int:
        """Return the number of members."""
        return self.members

    def train_members(self, members: Members) -> Combination:
        """Return the networks, and their alphas as shares."""
        import numpy as np

        images = len(members.targets)
        weights = np.full(images, 1 / images)
        networks: list[keras.Model] = []
        alphas: list[float] = []
        for number in range(1, self.members + 1):
            drawn = np.random.default_rng([members.seed, number, self.stream()])
            rows = drawn.choice(images, images, p=weights)
            network = members.train(Member(members.seed_of(number), rows=rows))
            wrong = members.probabilities(network).argmax(axis=1) != members.targets
            round_ = samme(wrong, weights, members.classes)
            if round_ is None:
                if not networks:
                    return Combination([network])
                break
            networks.append(network)
            alphas.append(round_.alpha)
            if not wrong.any():
                break
            weights = round_.weights
        return Combination(networks, [alpha / sum(alphas) for alpha in alphas])


class Round(NamedTuple):
    """A round of SAMME.

    Attributes:
        alpha: The network's weight, above 0.
        weights: Of the images in the next round, n of sum 1.
    """

    alpha: float
    weights: "np.ndarray"


def samme(wrong: "np.ndarray", weights: "np.ndarray", classes: int) -> Round | None:
    """Return a network's alpha and the images' next weights; None if it is no better than chance.

    alpha = log((1 - err) / err) + log(classes - 1), err the weight of wrong images; these then
    weigh exp(alpha) times as much. With no wrong image err counts as the weight of half an image,
    1 / (2 n): alpha would be infinite.

    Args:
        wrong: Whether the network gets each image wrong, n.
        weights: Of the images, n of sum 1.
        classes: Number of classes.
    """
    import numpy as np

    error = float(weights[wrong].sum())
    if error > 1 - 1 / classes - 1e-9:  # the same answers again are at chance, but for rounding
        return None
    error = error or 1 / (2 * len(weights))
    alpha = math.log((1 - error) / error) + math.log(classes - 1)
    grown = weights * np.exp(alpha * wrong)
    return Round(alpha, grown / grown.sum())
