"""The place ``kernel``: kernels computed from the variables that are trained, in a forward pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regbench.regularizers.places.beside import Beside

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Units:
    """The units of a hidden layer's kernel, as its matrix has them: incoming weights x units.

    Attributes:
        incoming: Weights of one unit.
        number: Of units.
        channels: Into how many equal, consecutive shares the units fall whose incoming weights are
            for inputs of their own: a depthwise convolution's channels; 1 of all other layers.
    """

    incoming: int
    number: int
    channels: int = 1


def constrained(beside: Beside) -> str | None:
    """Return that a regularizer beside one that computes kernels limits them in vain, if one does.

    Args:
        beside: The technique's other regularizers.
    """
    for key, other in beside.others.items():
        if other.does("constrain"):
            return f"it scales the kernels, which {key} limits: leave one of them out"
    return None


class Reparametrization:
    """How a kernel is computed, with its state; a new one per network and kernel."""

    def computed(self, kernel: "tf.Tensor", *, training: bool) -> "tf.Tensor":
        """Return the kernel that the layer computes with.

        Args:
            kernel: The variable's value, incoming weights x units, float32.
            training: Whether in a training step, which may change the state.
        """
        raise NotImplementedError

    def restart(self, kernel: "tf.Tensor") -> None:
        """Reset the state: a network is trained from a kernel on."""

    def state(self) -> "list[tf.Variable]":
        """Return the variables of its state, which a checkpoint holds."""
        return []
