"""Class weights: each image's loss weighted, so that small classes count as much as large ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import PrivateAttr

from regbench.regularizers.base import Regularizer

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


class ClassWeights(Regularizer):
    """Multiply an image's loss by n / (k n_c): n train images of k classes, n_c of its class.

    An image with mixed targets has the mean of its classes' weights, by their shares. The weights
    are those of scikit-learn's ``class_weight="balanced"``; their mean over train images is 1.
    """

    title = "class weights"
    effect = "makes every class count alike, however few images it has"
    source = "King and Zeng, Logistic Regression in Rare Events Data, 2001"
    helps = (
        "Where classes are uneven and are to count alike, as `reporting.metric: balanced_accuracy` "
        "has it (Cui et al., Class-Balanced Loss Based on Effective Number of Samples, 2019)."
    )
    not_when = (
        "In networks that come to fit every train image: the weights' effect then fades with the "
        "epochs, less so with an L2 penalty or batch normalization (Byrd and Lipton, What is the "
        "Effect of Importance Weighting in Deep Learning?, 2019)."
    )
    cost = "one product per image in a step; the trained network is the same"
    aliases = ("class_weight", "balanced", "pos_weight", "weighted_loss")
    shorthand = "weights"

    weights: Literal["balanced"] = "balanced"
    _counts: Any = PrivateAttr(default=None)

    def bound(self, prepared: Mapping[str, Any]) -> Self:
        """Return a copy that has the number of train images of each class."""
        bound = self.model_copy()
        bound._counts = prepared.get("train_counts")
        return bound

    def image_weights(self, targets: "tf.Tensor") -> "tf.Tensor":
        """Return the weights of the images' classes, B float32.

        Raises:
            ValueError: ``bound`` gave no numbers of train images.
        """
        import tensorflow as tf

        if self._counts is None:
            raise ValueError("class weights need the number of train images of each class")
        weights = tf.constant(balanced_weights(self._counts))
        if len(targets.shape) == 2:
            return tf.linalg.matvec(targets, weights)
        return tf.gather(weights, targets)


def balanced_weights(counts: "np.ndarray") -> "np.ndarray":
    """Return n / (k n_c) for each class, float32; 0 for a class without train images.

    Args:
        counts: Train images of each class, K ints; k of them are not 0.
    """
    import numpy as np

    counts = np.asarray(counts)
    present = counts > 0
    weights = np.zeros(len(counts), dtype=np.float32)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights
