"""What is trained in a phase, and the compiled functions that do it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from regbench.networks.kernels import Kernel
from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.update import Clock, Update
from regbench.training.computed_kernels import ComputedKernels
from regbench.training.optimizers import Applied
from regbench.training.precision import LossScale


@dataclass
class PhaseStep:
    """What is trained while some layers are frozen, and how.

    Attributes:
        frozen: Names of layers that are not trained.
        variables: The trained weights.
        kernels: Those of them that regularizers act on.
        optimizer: Of the variables.
        updates: Of the technique's regularizers, in the order in which they change gradients.
        loss_scale: Of a network that computes in float16.
        computed: The kernels that regularizers compute from the variables.
        teacher: Returns the logits that the network learns from; None if there is none.
        train: The compiled function of images, targets and learning rates.
        statistics: The compiled function from images to the statistics of batch normalization.
    """

    frozen: frozenset[str]
    variables: list[tf.Variable]
    kernels: list[Kernel]
    optimizer: Applied
    updates: list[Update]
    loss_scale: LossScale | None
    computed: ComputedKernels
    teacher: keras.Model | None
    train: Callable[..., tf.Tensor] = field(init=False)
    statistics: Callable[..., list[tf.Tensor]] = field(init=False)

    def averages(self) -> list[tf.Variable]:
        """Return the averaged weights to evaluate, one per variable; empty if none is kept."""
        return next((list(a) for u in self.updates if (a := u.averages())), [])

    def penalties(self, acting: Sequence[Regularizer], clock: Clock) -> list[tf.Tensor]:
        """Return each hidden kernel's penalty, if any of these regularizers has penalties.

        Args:
            acting: Those that have.
            clock: Gives each of them, and each kernel, random numbers of their own.
        """
        if not acting:
            return []
        seeds = [clock.random_seed(regularizer.stream()) for regularizer in acting]
        fold = tf.random.experimental.stateless_fold_in
        return [
            sum(
                regularizer.penalty(kernel.as_matrix(), fold(seed, number))
                for regularizer, seed in zip(acting, seeds, strict=True)
            )
            for number, kernel in enumerate(self.kernels)
        ]

    def constrain(self, acting: Sequence[Regularizer]) -> None:
        """Set the hidden kernels to what regularizers constrain them to, one after another."""
        for regularizer in acting:
            for kernel in self.kernels:
                kernel.assign_matrix(regularizer.constrain(kernel.as_matrix()))

    def check_averages(self, acting: Sequence[Regularizer]) -> None:
        """Check that the updates average weights if their regularizers say so.

        Settings are checked by what is declared: a technique can average weights once.

        Args:
            acting: The regularizers of ``updates``.

        Raises:
            TypeError: One does not.
        """
        for regularizer, update in zip(acting, self.updates, strict=True):
            if bool(update.averages()) != regularizer.averages_weights:
                raise TypeError(
                    f"{type(regularizer).__module__}: averages_weights is to say whether its "
                    "update has averages"
                )
