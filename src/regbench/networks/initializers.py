"""Initial kernels by name."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

Initializer = Literal["he", "glorot"]
Activation = Literal["relu", "elu", "gelu", "tanh"]


def initial_kernel(name: Initializer, seed: int) -> "keras.initializers.Initializer":
    """Return an initializer.

    Args:
        name: ``he``: normal of variance 2 / inputs, which keeps the variance through ReLU (He et
            al., Delving Deep into Rectifiers, 2015); ``glorot``: uniform of variance
            2 / (inputs + outputs) (Glorot and Bengio, 2010).
        seed: Gives the same kernel every time.
    """
    import keras

    if name == "he":
        return keras.initializers.HeNormal(seed)
    return keras.initializers.GlorotUniform(seed)
