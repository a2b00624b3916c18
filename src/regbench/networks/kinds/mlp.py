"""A fully connected network (multilayer perceptron)."""

import math
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field

from regbench.fields import Units
from regbench.networks.base import Network, Plan
from regbench.networks.initializers import Activation, Initializer, initial_kernel, of_logits
from regbench.regularizers.base import Traits

if TYPE_CHECKING:
    import keras


class Mlp(Network):
    """A dense layer and an activation per entry of ``hidden_units``."""

    title = "fully connected network"
    source = "Rumelhart et al., Learning Representations by Back-Propagating Errors, 1986"

    has_feature_maps = False

    hidden_units: Annotated[list[Units], Field(min_length=1)]
    activation: Activation
    initializer: Initializer = "glorot"

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return that it has neither normalization nor feature maps."""
        return Traits(self.kind(), image_shape, normalized=False, feature_maps=False)

    def scaled(self, factor: float) -> Self:
        """Return it with so many times the units in every layer."""
        units = [max(1, round(factor * units)) for units in self.hidden_units]
        return self.model_copy(update={"hidden_units": units})

    def build(self, plan: Plan) -> "keras.Model":
        """Return a sequential model: flat pixels, hidden layers, class probabilities."""
        import keras

        values = math.prod(plan.image_shape)
        layers = [
            *plan.first_layers(),
            keras.layers.Flatten(name="flatten"),
            *plan.input_layers((values,)),
        ]
        for number, units in enumerate(self.hidden_units, start=1):
            layers += [
                keras.layers.Dense(
                    units,
                    kernel_initializer=initial_kernel(self.initializer, plan.kernel_seed(number)),
                    name=f"hidden_{number}",
                ),
                *plan.before_activation(number, (units,)),
                keras.layers.Activation(self.activation, name=f"activation_{number}"),
                *plan.after_activation(number, (units,)),
            ]
        layers += plan.last_layers(of_logits(self.initializer))
        return keras.Sequential(
            layers, name="network"
        )  # all layers at once: each model.add rebuilds it
