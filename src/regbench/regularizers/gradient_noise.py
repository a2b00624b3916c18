"""Gradient noise: Gaussian noise on the gradients, less and less of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.places.update import TrainedVariables, Update

if TYPE_CHECKING:
    import tensorflow as tf

    Gradients = list[tf.Tensor]


_PLACES = 1 << 16  # in the table, at which the numbers of a variable may begin
_ALIGNED = 16  # numbers between two places: TensorFlow reads such a part without copying it


class GradientNoise(Regularizer):
    """Add normal noise of variance ``variance`` / (1 + t)^``decay`` to all gradients of step t.

    The variance is one of the paper's three (0.01, 0.3 and 1), the decay its only one; t counts
    from 0. Gradients are clipped before, if the technique clips them.

    The numbers of a step are read from a table of more than a million, drawn for the training, for
    every variable from another random place: numbers drawn anew for all weights of a dense network
    would take longer than the rest of the step.
    """

    title = "gradient noise"
    effect = "shakes the weights out of narrow minima, at first the most"
    source = (
        "Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, 2015"
    )
    helps = (
        "In very deep and badly initialized networks that plain gradient descent hardly trains "
        "(Neelakantan et al., 2015, section 4.1: 20 dense layers on MNIST)."
    )
    not_when = (
        "In few layers and with a good initialization, as He's: it gained nothing there "
        "(Neelakantan et al., 2015, section 4.1). With Adam, whose steps are of the size of the "
        "rate whatever the gradient (Kingma and Ba, 2015), the paper's variance makes most of a "
        "step's direction noise: search smaller ones."
    )
    cost = "two passes over the gradients in a step; nothing once trained"
    aliases = ("GradientNoise", "grad_noise", "noisy_gradients", "langevin")
    shorthand = "variance"
    update_order = 20
    search = {"variance": Range(1e-8, 1e-1, log=True)}

    variance: Annotated[Float, Field(gt=0, le=1000)] = 0.01
    decay: Annotated[Float, Field(ge=0, le=1000)] = 0.55

    def update(self, variables: TrainedVariables) -> Update:
        """Return what adds the noise."""
        return _Noise(self, variables)


class _Noise(Update):
    """Adds noise to gradients; its state is the number of the step."""

    def __init__(self, settings: GradientNoise, variables: TrainedVariables) -> None:
        import tensorflow as tf

        self._settings, self._variables = settings, variables
        self._steps = tf.Variable(0.0)
        largest = max(int(variable.shape.num_elements()) for variable in variables)
        self._table = tf.Variable(tf.zeros(_PLACES * _ALIGNED + largest), trainable=False)

    def restart(self) -> None:
        """Begin with step 0, and with the table of the training's seed."""
        import tensorflow as tf

        seed = tf.stack([self._variables.clock.seed.read_value(), type(self._settings).stream()])
        self._table.assign(tf.random.stateless_normal(self._table.shape, seed))
        self._steps.assign(0.0)

    def gradients(self, compute: "Callable[[], Gradients]") -> "Gradients":
        """Return the gradients and noise."""
        import tensorflow as tf

        found = compute()
        settings = self._settings
        deviation = tf.sqrt(settings.variance / tf.pow(1.0 + self._steps, settings.decay))
        seed = self._variables.clock.random_seed(type(settings).stream())
        places = tf.random.stateless_uniform([len(found)], seed, 0, _PLACES, tf.int32) * _ALIGNED
        table = self._table.read_value()
        return [
            gradient + deviation * _read(table, places[number], gradient.shape)
            for number, gradient in enumerate(found)
        ]

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """Count the step."""
        self._steps.assign_add(1.0)

    def state(self) -> "list[tf.Variable]":
        """Return the number of the step: the table follows from the seed."""
        return [self._steps]


def _read(table: "tf.Tensor", place: "tf.Tensor", shape: "tf.TensorShape") -> "tf.Tensor":
    """Return the numbers of a table from a place on, as a tensor of some shape."""
    import tensorflow as tf

    return tf.reshape(tf.slice(table, [place], [shape.num_elements()]), shape)
