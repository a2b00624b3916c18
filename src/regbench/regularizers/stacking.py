"""Stacking: a logistic regression on the probabilities of several networks."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.errors import StudyError
from regbench.fields import Float, Int
from regbench.regularizers.base import Choice, Range
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members

if TYPE_CHECKING:
    import numpy as np

# The logit of a class that the regression never saw, beside those of a softmax around 0.
_NEVER_SEEN = -30.0


class Stacking(Ensemble):
    """Train networks of several seeds; combine their probabilities by logistic regression.

    The regression is scikit-learn's, fitted on the validation images, and becomes the network's
    last layer. ``c`` is its inverse strength of the L2 penalty. Validation figures are of images
    that it was fitted on: they flatter it, and only test images judge it.
    """

    title = "stacking"
    effect = "learns which network to trust for which class"
    source = "Wolpert, Stacked Generalization, 1992"
    helps = (
        "Where networks differ in what they are good at, and validation images are many (Ting and "
        "Witten, Issues in Stacked Generalization, 1999); of four ways to combine convolutional "
        "networks, one that learns from results did best (Ju et al., The Relative Performance of "
        "Ensemble Methods with Deep Convolutional Neural Networks for Image Classification, "
        "2018)."
    )
    not_when = (
        "Validation images are few, or all networks are alike but for their seeds: the mean has "
        "nothing to fit, and takes no validation images (Lakshminarayanan et al., Simple and "
        "Scalable Predictive Uncertainty Estimation Using Deep Ensembles, 2017)."
    )
    cost = "times its number: trainings, weights and predictions"
    aliases = ("stacked_generalization", "super_learner", "StackingClassifier")
    search = {"members": Choice((2, 3, 5, 10)), "c": Range(0.01, 100, log=True)}
    fits_on_validation = True
    libraries = ("scikit-learn",)

    # As many as of the ensemble of seeds, whose networks these are.
    members: Annotated[Int, Field(ge=2, le=50)] = 5
    c: Annotated[Float, Field(gt=0, le=1_000_000)] = 1.0  # scikit-learn's default

    def networks(self) -> int:
        """Return the number of members."""
        return self.members

    def train_members(self, members: Members) -> Combination:
        """Return the networks, and the regression as kernel and bias."""
        import numpy as np

        numbers = range(1, self.members + 1)
        networks = [members.train(Member(members.seed_of(number))) for number in numbers]
        found = [members.validation_probabilities(network) for network in networks]
        layer = regression(
            np.concatenate(found, axis=1), members.validation_targets, members.classes, self.c
        )
        return Combination(networks, logits=layer)


def regression(
    probabilities: "np.ndarray", targets: "np.ndarray", classes: int, c: float
) -> "tuple[np.ndarray, np.ndarray]":
    """Return a fitted logistic regression as kernel and bias of a layer of logits, float32.

    Args:
        probabilities: Of v images by all networks, v x D.
        targets: Classes of the images, v ints from 0.
        classes: Number of classes; one without any image has the logit -30.
        c: scikit-learn's ``C``.

    Returns:
        The kernel, D x classes, and the bias, one for each class.

    Raises:
        StudyError: All images are of one class.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(targets)
    if len(seen) < 2:
        raise StudyError(
            "stacking fits a regression on the validation images, and these are of one class; set "
            "a larger protocol.split.validation"
        )
    fitted = LogisticRegression(C=c, max_iter=10_000).fit(probabilities.astype(float), targets)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(seen) == 2:  # it then has a single logit: that of the second class, beside 0
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([[0.0], intercepts])
    kernel = np.zeros((probabilities.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, _NEVER_SEEN, dtype=np.float32)
    kernel[:, seen], bias[seen] = coefficients.T, intercepts
    return kernel, bias
