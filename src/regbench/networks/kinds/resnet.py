"""The residual network for small images of He et al., 2016."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Int, Units
from regbench.networks.base import Network, Plan
from regbench.networks.initializers import initial_kernel
from regbench.regularizers.base import LAYERS, Traits

if TYPE_CHECKING:
    import keras

_STAGES = 3
_MOMENTUM, _EPSILON = 0.9, 1e-5  # of the published batch normalization; Keras': 0.99, 0.001


class Resnet(Network):
    """A residual network of 6n + 2 layers: a convolution, three stages of n blocks, and a head.

    A block is twice a 3 x 3 convolution and batch normalization, with a ReLU between, added to the
    block's input, and a ReLU. The first block of the second and third stage halves height and
    width and doubles the filters; there the shortcut is the input's every second pixel, with zeros
    for the new filters (option A of the paper), or a 1 x 1 convolution (option B).

    A technique's layers stand before every ReLU, after the one inside of every block, as in
    Zagoruyko and Komodakis, Wide Residual Networks, 2016, and at the end of every branch.
    """

    title = "residual network"
    source = "He et al., Deep Residual Learning for Image Recognition, 2016, section 4.2"

    depth: Annotated[Int, Field(ge=8, le=1202, description="layers with weights, 6n + 2")] = 20
    filters: Annotated[Units, Field(description="of the first stage")] = 16
    shortcut: Literal["identity", "projection"] = "identity"

    @field_validator("depth")
    @classmethod
    def _whole_blocks(cls, depth: int) -> int:
        if depth % 6 != 2:
            near = ", ".join(str(6 * blocks + 2) for blocks in (depth // 6, depth // 6 + 1))
            raise PydanticCustomError("depth", f"must be 6n + 2, such as {near}")
        return depth

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return that it has batch normalization and residual branches."""
        return Traits(
            self.kind(),
            image_shape,
            frozenset(LAYERS),
            batch_normalization="batch normalization",
            normalized=True,
        )

    def problem(self, image_shape: tuple[int, int, int], classes: int) -> str | None:
        """Return that the images are too small to be halved twice, if they are."""
        height, width, _ = image_shape
        if min(height, width) < 4:
            return (
                f"halves height and width twice: images must be at least 4 x 4 pixels, not "
                f"{height} x {width}; set a larger ingest.size"
            )
        return super().problem(image_shape, classes)

    def parameters(self, image_shape: tuple[int, int, int], classes: int) -> int:
        """Return the number of kernel weights and biases."""
        inputs = self.filters
        total = 9 * image_shape[2] * inputs
        for filters, _ in self._blocks():
            total += 9 * (inputs + filters) * filters
            if inputs != filters and self.shortcut == "projection":
                total += inputs * filters
            inputs = filters
        return total + (inputs + 1) * classes

    def kept_values(self, image_shape: tuple[int, int, int]) -> int:
        """Return how many values of an image training keeps to compute gradients."""
        height, width, channels = image_shape
        total = height * width * (channels + 2 * self.filters)  # normalized, and activated
        for filters, stride in self._blocks():
            height, width = -(-height // stride), -(-width // stride)
            projected = stride > 1 and self.shortcut == "projection"
            total += (5 if projected else 4) * height * width * filters
        return total + self.filters * 2 ** (_STAGES - 1)

    def scaled(self, factor: float) -> Self:
        """Return it with so many times the filters."""
        return self.model_copy(update={"filters": max(1, round(factor * self.filters))})

    def build(self, plan: Plan) -> "keras.Model":
        """Return a functional model."""
        import keras

        image, normalization = plan.first_layers()
        values = normalization(image)
        for layer in plan.input_layers(plan.image_shape):
            values = layer(values)
        values = self._convolution(plan, 1, values, self.filters)
        values = _activated(plan, 1, values)
        blocks = self._blocks()
        for block, (filters, stride) in enumerate(blocks, start=1):
            depth = block / len(blocks)
            values = self._block(plan, 2 * block - 1, values, filters, stride, depth)
        values = keras.layers.GlobalAveragePooling2D(name="global_pooling")(values)
        for layer in plan.last_layers():
            values = layer(values)
        return keras.Model(image, values, name="network")

    def _blocks(self) -> list[tuple[int, int]]:
        """Return the filters and the stride of every block."""
        blocks = (self.depth - 2) // 6
        return [
            (self.filters * 2**stage, 2 if stage and not block else 1)
            for stage in range(_STAGES)
            for block in range(blocks)
        ]

    def _block(
        self,
        plan: Plan,
        number: int,
        values: "keras.KerasTensor",
        filters: int,
        stride: int,
        depth: float,
    ) -> "keras.KerasTensor":
        """Return a block's output.

        Args:
            plan: With the technique's layers.
            number: Of the convolution before it.
            values: Its input.
            filters: Of its convolutions.
            stride: Of the first one.
            depth: l / L for block l of L.
        """
        import keras

        inside = self._convolution(plan, number + 1, values, filters, stride)
        inside = _activated(plan, number + 1, inside)
        for layer in plan.after_activation(number + 1, tuple(inside.shape[1:])):
            inside = layer(inside)
        inside = self._convolution(plan, number + 2, inside, filters)
        for layer in plan.on_branch(number + 2, tuple(inside.shape[1:]), depth):
            inside = layer(inside)
        if stride > 1 and self.shortcut == "projection":
            name, seed = f"shortcut_{number + 2}", plan.kernel_seed(10_000 + number)
            values = _convolved(values, filters, 1, stride, name, seed)
        elif stride > 1:
            name = f"every_second_pixel_{number + 2}"
            values = keras.layers.MaxPooling2D(1, strides=stride, padding="same", name=name)(values)
            more = filters - values.shape[-1]
            values = keras.ops.pad(values, [[0, 0], [0, 0], [0, 0], [more // 2, more - more // 2]])
        values = keras.layers.Add(name=f"sum_{number + 2}")([values, inside])
        return _activated(plan, number + 2, values)

    def _convolution(
        self, plan: Plan, number: int, values: "keras.KerasTensor", filters: int, stride: int = 1
    ) -> "keras.KerasTensor":
        """Return the values after a 3 x 3 convolution and its normalization."""
        seed = plan.kernel_seed(number)
        return _convolved(values, filters, 3, stride, f"convolution_{number}", seed)


def _convolved(
    values: "keras.KerasTensor", filters: int, size: int, stride: int, name: str, seed: int
) -> "keras.KerasTensor":
    """Return the values after a convolution without bias and batch normalization."""
    import keras

    values = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=initial_kernel("he", seed),
        name=name,
    )(values)
    name = f"{name}_normalization"
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(values)


def _activated(plan: Plan, number: int, values: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the values after the technique's layers before a ReLU, and the ReLU."""
    import keras

    for layer in plan.before_activation(number, tuple(values.shape[1:])):
        values = layer(values)
    return keras.layers.Activation("relu", name=f"activation_{number}")(values)
