"""Elastic net: an L1 and an L2 penalty on the kernels together."""

from typing import TYPE_CHECKING

from regbench.fields import Factor
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.l1 import L1
from regbench.regularizers.l2 import L2
from regbench.regularizers.places.beside import Beside

if TYPE_CHECKING:
    import tensorflow as tf


class ElasticNet(Regularizer):
    """Add ``l1`` times the sum of a hidden kernel's absolute values and ``l2`` times its squares'.

    The paper chooses both by cross-validation; the defaults are those of `l1` and
    `l2` alone in the published study.
    """

    title = "elastic net"
    effect = "draws small weights to zero, and keeps the others small"
    source = "Zou and Hastie, Regularization and Variable Selection via the Elastic Net, 2005"
    helps = (
        "Where inputs go together, as neighbouring pixels do, and few groups of them matter: it "
        "keeps or drops them together, where an L1 penalty keeps one of each (Zou and Hastie, "
        "2005)."
    )
    not_when = (
        "On kernels that batch normalization follows, where the size of weights only sets the "
        "effective learning rate (van Laarhoven, L2 Regularization versus Batch and Weight "
        "Normalization, 2017)."
    )
    cost = "two sums over the hidden kernels in a step; nothing once trained"
    aliases = ("L1L2", "L1L2Regularizer", "l1_l2", "elasticnet", "kernel_regularizer")
    on = {
        "mlp": "on every kernel but the logits'",
        "cnn": "on every kernel but the logits'; not on biases and normalization",
        "resnet": "on every kernel but the logits'; not on normalization",
        "pretrained": "on every kernel but the logits', depthwise ones too; on frozen ones it "
        "changes nothing",
        "own": "on every kernel but the last layer's; not on biases and normalization",
    }
    search = {"l1": Range(1e-6, 1e-3, log=True), "l2": Range(1e-6, 1e-2, log=True)}

    l1: Factor = 1e-4
    l2: Factor = 1e-4

    def clash(self, beside: Beside) -> str | None:
        """Return that it has the other penalty already, if the technique has `l1` or `l2`."""
        if twice := [key for key in ("l1", "l2") if key in beside.others]:
            return f"has the penalty of {' and '.join(twice)} already: set its own {twice[0]}"
        return None

    def penalty(self, kernel: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return ``l1`` x sum |w| + ``l2`` x sum w^2."""
        # As two terms: TensorFlow adds the gradients of all terms in one pass over the kernel.
        return L1(factor=self.l1).penalty(kernel, seed) + L2(factor=self.l2).penalty(kernel, seed)
