"""The place ``update``: the weights that are trained, and how a regularizer changes their update.

A step with several updates goes in this order. Gradients: each update changes those of the one
before it, by ``update_order`` of their regularizers: first SAM (0) computes them, then clipping
(10), then noise (20). Then every ``before_step``, the optimizer, the constraints on kernels, and
every ``after_step``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    import tensorflow as tf

    Gradients = list[tf.Tensor]


@dataclass(frozen=True)
class Role:
    """What a trained variable is in its network.

    Attributes:
        kind: A kernel of a dense or convolution layer; a bias or the offset of a normalization; a
            normalization's scale; or something else.
        incoming: Of a kernel, the axes along which the incoming weights of one unit lie: 0 of
            inputs x units; height, width and inputs of a convolution; height and width of a
            depthwise one, where every channel has units of its own.
        of_logits: Whether it is of the layer that makes the logits.
    """

    kind: Literal["kernel", "bias", "scale", "other"]
    incoming: tuple[int, ...] = ()
    of_logits: bool = False


@dataclass(frozen=True)
class Clock:
    """How far a training is, as variables: what is compiled for one training serves the next.

    Attributes:
        seed: Of the training, int32.
        steps: Optimizer steps of the training that are done, int32.
        epochs: Of the phase if nothing ends it earlier, int32.
        steps_an_epoch: int32.
    """

    seed: "tf.Variable"
    steps: "tf.Variable"
    epochs: "tf.Variable"
    steps_an_epoch: "tf.Variable"

    @classmethod
    def new(cls, seed: int = 0, epochs: int = 1, steps_an_epoch: int = 1) -> Self:
        """Return a clock before the first step."""
        import tensorflow as tf

        values = (seed, 0, epochs, steps_an_epoch)
        return cls(*(tf.Variable(value, dtype=tf.int32) for value in values))

    def random_seed(self, stream: int) -> "tf.Tensor":
        """Return 2 ints; different for every step, training seed and stream."""
        import tensorflow as tf

        seed = tf.stack([self.seed.read_value(), self.steps.read_value()])
        return tf.random.experimental.stateless_fold_in(seed, stream) if stream else seed


class TrainedVariables(tuple["tf.Variable", ...]):
    """The trained variables of a network, with what each of them is.

    Attributes:
        roles: One per variable.
        clock: How far the training is.
    """

    roles: tuple[Role, ...]
    clock: Clock

    def __new__(
        cls, variables: "Iterable[tf.Variable]", roles: Iterable[Role], clock: Clock
    ) -> Self:
        """Return the variables.

        Raises:
            ValueError: There are more or fewer roles than variables.
        """
        made = super().__new__(cls, variables)
        made.roles, made.clock = tuple(roles), clock
        if len(made.roles) != len(made):
            raise ValueError(f"{len(made)} variables have {len(made.roles)} roles")
        return made

    def kernels(self) -> "list[tf.Variable]":
        """Return those that are kernels, the logits' included."""
        return [v for v, role in zip(self, self.roles, strict=True) if role.kind == "kernel"]


class Update:
    """How a regularizer changes the update of weights, with its state; a new one per network."""

    def gradients(self, compute: "Callable[[], Gradients]") -> "Gradients":
        """Return the gradients to apply, one per variable, float32.

        Args:
            compute: Returns the gradients of the loss at the current weights. It may be called
                again, at other weights: only the first call of a step counts for the epoch's
                figures and for the moving statistics of batch normalization.
        """
        return compute()

    def before_step(self, learning_rate: "tf.Tensor") -> None:
        """Act on the weights before the optimizer changes them; gradients are computed already.

        Args:
            learning_rate: Of the optimizer, a float32 scalar.
        """
        del learning_rate  # a statement: TensorFlow warns of a body that is a docstring alone

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """Act after the optimizer has changed the weights, and constraints those of kernels.

        Also after a step that is left out, as float16 overflowed in its gradients: the weights are
        as they were, and the step counts.

        Args:
            learning_rate: Of the optimizer, a float32 scalar.
        """
        del learning_rate  # a statement: TensorFlow warns of a body that is a docstring alone

    def averages(self) -> "Sequence[tf.Variable]":
        """Return the averaged weights to evaluate and keep; empty for the last step's weights.

        One per variable, always or never: its regularizer has ``averages_weights``. The moving
        statistics of batch normalization are computed anew for the averaged weights.
        """
        return ()

    def restart(self) -> None:
        """Reset the state: the same network is trained anew, with another seed."""

    def state(self) -> "list[tf.Variable]":
        """Return the variables of its state, which a checkpoint holds.

        By default those among its attributes, also in lists, tuples and dictionaries, but for the
        trained variables themselves. An update that keeps its state elsewhere overrides it.
        """
        import tensorflow as tf

        found: list[tf.Variable] = []
        waiting: list[Any] = list(vars(self).values())
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, tf.Variable):
                found.append(value)
            elif isinstance(value, TrainedVariables):
                continue
            elif isinstance(value, list | tuple):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
        return found


def copies(variables: "Sequence[tf.Variable]") -> "list[tf.Variable]":
    """Return new variables with the values of others, not trained themselves."""
    import tensorflow as tf

    return [tf.Variable(variable, trainable=False) for variable in variables]


def assign_all(targets: "Sequence[tf.Variable]", values: Sequence[Any]) -> None:
    """Give variables other values, one each."""
    for target, value in zip(targets, values, strict=True):
        target.assign(value)
