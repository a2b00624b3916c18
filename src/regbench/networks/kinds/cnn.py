"""A convolutional network: stages of 3 x 3 convolutions with pooling between them."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from regbench.fields import Int, Units
from regbench.networks.base import Network, Plan
from regbench.networks.initializers import Activation, Initializer, initial_kernel, of_logits
from regbench.regularizers.base import Traits

if TYPE_CHECKING:
    import keras

# Of the old averages, in a step. Keras' 0.99 needs hundreds of steps, and a small set has few.
MOMENTUM = 0.9


class Cnn(Network):
    """Stages of convolutions, global average pooling, and a dense head if wanted.

    A stage is ``convolutions_per_stage`` times a 3 x 3 convolution, batch normalization and the
    activation; then 2 x 2 max pooling, after the last stage the mean over the whole map. A
    convolution that is normalized has no bias: the normalization would take it away.

    A technique's layers stand before every activation, and after the pooling of every stage and
    the activation of the head.
    """

    title = "convolutional network"
    source = (
        "Simonyan and Zisserman, Very Deep Convolutional Networks, 2015, with batch normalization "
        "and global average pooling"
    )

    filters: Annotated[list[Units], Field(min_length=1, description="of each stage")]
    convolutions_per_stage: Annotated[Int, Field(ge=1, le=1000)] = 2
    normalization: Literal["batch", "none"] = "batch"
    initializer: Initializer = "he"
    activation: Activation = "relu"
    head_units: Annotated[Units | None, Field(description="of a dense layer; null: none")] = None

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return that it has batch normalization, if it has, and maps between its stages."""
        own = "normalization: batch" if self.normalization == "batch" else ""
        return Traits(
            self.kind(),
            image_shape,
            batch_normalization=own,
            normalized=bool(own),
            feature_maps=len(self.filters) > 1,
        )

    def problem(self, image_shape: tuple[int, int, int], classes: int) -> str | None:
        """Return that the images are too small for the pooling, if they are."""
        height, width, _ = image_shape
        needed = 2 ** (len(self.filters) - 1)
        if min(height, width) < needed:
            return (
                f"pools {len(self.filters) - 1} times by 2: images must be at least {needed} x "
                f"{needed} pixels, not {height} x {width}; list fewer filters, or set a larger "
                "ingest.size"
            )
        return super().problem(image_shape, classes)

    def parameters(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Return the number of kernel weights and biases."""
        inputs, total = image_shape[2], 0
        for filters in self.filters:
            for _ in range(self.convolutions_per_stage):
                total += 9 * inputs * filters + filters
                inputs = filters
        if self.head_units:
            total += (inputs + 1) * self.head_units
            inputs = self.head_units
        return total + (inputs + 1) * classes

    def kept_values(self, image_shape: tuple[int, int, int]) -> int:
        """Return how many values of an image training keeps to compute gradients."""
        height, width, channels = image_shape
        a_convolution = 2 if self.normalization == "batch" else 1  # normalized, and activated
        total = height * width * channels
        for stage, filters in enumerate(self.filters):
            if stage:
                height, width = height // 2, width // 2
                total += height * width * self.filters[stage - 1]  # pooled
            total += self.convolutions_per_stage * a_convolution * height * width * filters
        return total + self.filters[-1] + (self.head_units or 0)

    def scaled(self, factor: float) -> Self:
        """Return it with so many times the filters, and units of its head."""
        head = self.head_units and max(1, round(factor * self.head_units))
        filters = [max(1, round(factor * filters)) for filters in self.filters]
        return self.model_copy(update={"filters": filters, "head_units": head})

    def build(self, plan: Plan) -> "keras.Model":
        """Return a sequential model."""
        import keras

        layers = [*plan.first_layers(), *plan.input_layers(plan.image_shape)]
        height, width, _ = plan.image_shape
        number = 0
        for stage, filters in enumerate(self.filters, start=1):
            for _ in range(self.convolutions_per_stage):
                number += 1
                layers += self._convolution(plan, number, (height, width, filters))
            if stage < len(self.filters):
                height, width = height // 2, width // 2
                layers.append(keras.layers.MaxPooling2D(2, name=f"pooling_{stage}"))
                layers += plan.after_activation(number, (height, width, filters))
            else:
                layers.append(keras.layers.GlobalAveragePooling2D(name="global_pooling"))
                layers += plan.after_activation(number, (filters,))
        if self.head_units:
            number += 1
            initial = initial_kernel(self.initializer, plan.kernel_seed(number))
            layers += [
                keras.layers.Dense(self.head_units, kernel_initializer=initial, name="head"),
                *plan.before_activation(number, (self.head_units,)),
                keras.layers.Activation(self.activation, name=f"activation_{number}"),
                *plan.after_activation(number, (self.head_units,)),
            ]
        layers += plan.last_layers(of_logits(self.initializer))
        return keras.Sequential(layers, name="network")

    def _convolution(
        self, plan: Plan, number: int, shape: tuple[int, int, int]
    ) -> "list[keras.Layer]":
        """Return a convolution and what follows it up to its activation."""
        import keras

        normalized = self.normalization == "batch"
        layers = [
            keras.layers.Conv2D(
                shape[2],
                3,
                padding="same",
                use_bias=not normalized,
                kernel_initializer=initial_kernel(self.initializer, plan.kernel_seed(number)),
                name=f"convolution_{number}",
            )
        ]
        if normalized:
            name = f"batch_normalization_{number}"
            layers.append(keras.layers.BatchNormalization(momentum=MOMENTUM, name=name))
        return [
            *layers,
            *plan.before_activation(number, shape),
            keras.layers.Activation(self.activation, name=f"activation_{number}"),
        ]
