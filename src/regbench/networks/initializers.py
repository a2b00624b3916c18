"""Initial kernels: by name, or normal of a given standard deviation."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from regbench.fields import Float

if TYPE_CHECKING:
    import keras

_NAMES = ("he", "glorot")
_LARGEST = 10.0


def _name_or_deviation(value: Any) -> Any:
    """Refuse anything else in one line: a union would give one for each of its types."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value not in _NAMES and not (is_number and 0 < value <= _LARGEST):
        raise PydanticCustomError(
            "initializer",
            f"must be {', '.join(_NAMES)} or a number above 0 and at most {_LARGEST:g}",
        )
    return value


Deviation = Annotated[Float, Field(gt=0, le=_LARGEST)]  # of a normal
Initializer = Annotated[Literal["he", "glorot"] | Deviation, BeforeValidator(_name_or_deviation)]
Activation = Literal["relu", "elu", "gelu", "tanh"]


def initial_kernel(name: Initializer, seed: int) -> "keras.initializers.Initializer":
    """Return an initializer.

    Args:
        name: ``he``: normal of variance 2 / inputs, which keeps the variance through ReLU (He et
            al., Delving Deep into Rectifiers, 2015); ``glorot``: uniform of variance
            2 / (inputs + outputs) (Glorot and Bengio, 2010); a number: normal of this standard
            deviation.
        seed: Gives the same kernel every time.
    """
    import keras

    if name == "he":
        return keras.initializers.HeNormal(seed)
    if name == "glorot":
        return keras.initializers.GlorotUniform(seed)
    return keras.initializers.RandomNormal(stddev=name, seed=seed)


def of_logits(initializer: Initializer) -> Initializer:
    """Return that of the logits, beside that of hidden layers: Glorot's, or the given deviation."""
    return "glorot" if isinstance(initializer, str) else initializer
