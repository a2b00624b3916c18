"""The place ``layer``: where networks have layers of a regularizer, and what they are."""

from dataclasses import dataclass

# The methods that networks ask for layers.
LAYERS = (
    "input_layers",
    "layers_before_activation",
    "layers_after_activation",
    "layers_on_branch",
)


@dataclass(frozen=True)
class Position:
    """A place in a network where a regularizer may add layers.

    Attributes:
        number: Of the hidden layer, from 1; 0 at the input.
        shape: Of one image's values there: (values,) or (height, width, channels).
        seed: For random numbers; a different one for every regularizer and layer.
        depth: Of the residual block, l / L for block l of L; 0 outside of a branch.
    """

    number: int
    shape: tuple[int, ...]
    seed: int
    depth: float = 0.0

    @property
    def spatial(self) -> bool:
        """Whether the values are feature maps: height x width x channels."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class Traits:
    """What a regularizer may need to know of a network that is not built yet.

    Attributes:
        kind: Such as ``mlp``.
        image_shape: Height, width, channels; None as long as the images decide on it.
        asks: Those of ``LAYERS`` that networks of this kind ask for.
        batch_normalization: Whether it has batch normalization of its own, and by which setting,
            such as ``normalization: batch``; empty if it has none.
        normalized: Whether its kernels are followed by a normalization, of its own or of the
            technique; None if that is not known.
        feature_maps: Whether a technique's layers are given feature maps after an activation.
        weights_trained: Whether it begins with kernels that were trained before.
    """

    kind: str
    image_shape: tuple[int, int, int] | None = None
    asks: frozenset[str] = frozenset(LAYERS) - {"layers_on_branch"}
    batch_normalization: str = ""
    normalized: bool | None = None
    feature_maps: bool = True
    weights_trained: bool = False
