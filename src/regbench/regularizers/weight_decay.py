"""Decoupled weight decay: kernels shrink in every step, beside the gradient."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.update import TrainedVariables, Update

if TYPE_CHECKING:
    import tensorflow as tf


class WeightDecay(Regularizer):
    """Before every step, take the learning rate times ``factor`` of itself from every kernel.

    It is the decay of PyTorch's and Keras' AdamW, with any optimizer; the logits' kernel decays,
    too, biases and normalization do not. It follows the schedule of the learning rate. The paper's
    normalized 0.025 is 0.126 at its batches of 128, 50,000 images, 100 epochs and rate 0.001
    (appendix B.1), for which 0.1 stands. The same strength in other words: docs/weight-decay.md.
    """

    title = "decoupled weight decay"
    effect = "shrinks all kernels alike, whatever their gradients"
    source = "Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019"
    helps = (
        "With Adam in long trainings, where an L2 penalty is divided by the size of the gradients "
        "and weights with large ones are hardly penalized (Loshchilov and Hutter, 2019)."
    )
    not_when = (
        "In short trainings: over s steps at a mean rate r, weights shrink by exp(-s r factor), "
        "which for 240 steps at 0.0005 and a factor of 0.1 is 1 % (Loshchilov and Hutter, 2019, "
        "appendix B.1, take more of it for fewer steps)."
    )
    cost = "one product over the kernels in a step; nothing once trained"
    aliases = ("AdamW", "SGDW", "decay", "decoupled_weight_decay", "wd")
    shorthand = "factor"
    search = {"factor": Range(1e-2, 10, log=True)}

    factor: Annotated[Float, Field(gt=0, le=10_000)] = 0.1

    def clash(self, beside: Beside) -> str | None:
        """Return that the optimizer decays already, if it does."""
        if not beside.weight_decay:
            return None
        way_out = "take another optimizer" if beside.optimizer == "adamw" else "set that to 0"
        return (
            f"the optimizer decays already (protocol.optimizer: {beside.optimizer}, weight_decay: "
            f"{beside.weight_decay:g}), for every technique: {way_out}, or leave this out"
        )

    def update(self, variables: TrainedVariables) -> Update:
        """Return the decay of those that are kernels."""
        return _Decay(variables.kernels(), self.factor)


class _Decay(Update):
    """Shrinks kernels; has no state."""

    def __init__(self, kernels: "list[tf.Variable]", factor: float) -> None:
        self._kernels, self._factor = kernels, factor

    def before_step(self, learning_rate: "tf.Tensor") -> None:
        """Shrink the kernels."""
        for kernel in self._kernels:
            kernel.assign_sub(kernel * (self._factor * learning_rate))

    def state(self) -> "list[tf.Variable]":
        """Return nothing: the kernels are the network's."""
        return []
