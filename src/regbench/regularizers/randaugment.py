"""RandAugment: every train image changed by a few operations, drawn from fourteen."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from regbench.fields import Float, Int
from regbench.regularizers.base import Batch, Choice, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf

# What an operation does at magnitude 0, and how much more of it at 10; whether either way. The
# ranges are AutoAugment's, which the paper takes over (translations are 150 of 331 pixels there).
# As torchvision's and unlike the authors' code, magnitude 0 changes nothing: factors are 1 then.
_STRENGTHS = {
    "identity": (0.0, 0.0, False),
    "rotate": (0.0, 30.0, True),
    "shear_x": (0.0, 0.3, True),
    "shear_y": (0.0, 0.3, True),
    "translate_x": (0.0, 150 / 331, True),
    "translate_y": (0.0, 150 / 331, True),
    "autocontrast": (0.0, 0.0, False),
    "equalize": (0.0, 0.0, False),
    "posterize": (8.0, -4.0, False),
    "solarize": (256.0, -256.0, False),
    "brightness": (1.0, 0.9, True),
    "contrast": (1.0, 0.9, True),
    "colour": (1.0, 0.9, True),
    "sharpness": (1.0, 0.9, True),
}


class Randaugment(Regularizer):
    """Apply ``operations`` of these, drawn anew for every image, one after the other.

    Nothing, rotation, shear and translation in x and y, autocontrast, equalization, posterization,
    solarization, brightness, contrast, colour, sharpness; as Pillow's, with bilinear interpolation.
    Grey images have no ``colour``: it is not drawn.
    """

    title = "RandAugment"
    effect = "shows the network more images than there are, of many kinds"
    source = (
        "Cubuk et al., RandAugment: Practical Automated Data Augmentation with a Reduced Search "
        "Space, 2019"
    )
    helps = (
        "On photos, with large networks: a ResNet-50's error on ImageNet went from 23.7 to 22.4 % "
        "(Cubuk et al., 2019, Table 3)."
    )
    not_when = (
        "With a magnitude that is too large for the network and the set: the best one grows with "
        "both, and beyond it accuracy falls (Cubuk et al., 2019, section 4.1)."
    )
    cost = "about one resampling of the train images in an epoch; the trained network is the same"
    aliases = ("RandAugment", "AutoAugment", "TrivialAugmentWide")
    stage = Stage.COLOUR
    search = {"operations": Choice((1, 2, 3)), "magnitude": Range(1, 10)}

    # The paper's for ResNet-50 on ImageNet. torchvision counts to 30: its 9 is 3 here.
    operations: Annotated[Int, Field(ge=1, le=10, description="one after the other")] = 2
    magnitude: Annotated[Float, Field(gt=0, le=10, description="of 10")] = 9.0
    fill: Annotated[
        Literal["nearest", "reflect", "constant"],
        Field(description="what enters at the edges; constant is black"),
    ] = "nearest"

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with every image changed by operations of its own."""
        import tensorflow as tf

        from regbench.regularizers.computations.picture_operations import NUMBER, operate

        names = [name for name in NUMBER if name != "colour" or batch.images.shape[-1] == 3]
        numbers = tf.constant([NUMBER[name] for name in names])
        rest, more, signed = (
            tf.constant(values)
            for values in zip(*(_STRENGTHS[name] for name in names), strict=True)
        )
        count = tf.shape(batch.images)[0]
        draws = tf.random.stateless_uniform((2, self.operations, count), seed)
        images = batch.images
        for which, way in zip(tf.unstack(draws[0]), tf.unstack(draws[1]), strict=True):
            drawn = tf.cast(which * len(names), tf.int32)
            sign = tf.where(tf.gather(signed, drawn) & (way < 0.5), -1.0, 1.0)
            amounts = tf.gather(rest, drawn)
            amounts += sign * tf.gather(more, drawn) * (self.magnitude / 10)
            images = operate(images, tf.gather(numbers, drawn), amounts, self.fill)
        return batch._replace(images=images)
