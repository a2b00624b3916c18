"""Colour jitter: brightness, contrast, saturation and hue of train images changed at random."""

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from regbench.fields import Share
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class ColourJitter(Regularizer):
    """Change brightness, then contrast, saturation and hue; every image differently.

    The first three by factors drawn from 1 - s to 1 + s: brightness towards black, contrast towards
    the image's mean grey, saturation towards each pixel's grey, as Pillow does. Hue by a rotation
    in the plane of colours of YIQ, which keeps the grey, of up to that share of a full turn, either
    way. All are linear: together they are one matrix for each image, and its values are rounded
    and cut off once. On grey images, brightness and contrast alone.
    """

    title = "colour jitter"
    effect = "keeps the network from relying on light and colours"
    source = (
        "Howard, Some Improvements on Deep Convolutional Neural Network Based Image "
        "Classification, 2013"
    )
    helps = "For photos taken in other light, as of ImageNet (Howard, 2013)."
    not_when = (
        "Where the colour itself tells classes apart, as of ripe fruit: such changes take away "
        "what is asked for (Shorten and Khoshgoftaar, A Survey on Image Data Augmentation for "
        "Deep Learning, 2019)."
    )
    cost = (
        "one product of a small matrix with every pixel in a step; the trained network is the same"
    )
    aliases = (
        "ColorJitter",
        "RandomColorJitter",
        "RandomBrightness",
        "RandomContrast",
        "RandomSaturation",
        "RandomHue",
    )
    stage = Stage.COLOUR
    search = {
        "brightness": Range(0.05, 0.8),
        "contrast": Range(0.05, 0.8),
        "saturation": Range(0.05, 0.8),
        "hue": Range(0, 0.2),
    }

    # The paper's: factors from 0.5 to 1.5; it leaves the hue.
    brightness: Share = 0.5
    contrast: Share = 0.5
    saturation: Share = 0.5
    hue: Annotated[Share, Field(le=0.5, description="share of a full turn, either way")] = 0.0

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if not any((self.brightness, self.contrast, self.saturation, self.hue)):
            raise ValueError("all strengths are 0: set one, or leave it out")
        return self

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return that grey images have no colours, if that is what it is to change."""
        if image_shape[2] == 3:
            return None
        asked = [name for name in ("saturation", "hue") if name in self.model_fields_set]
        asked = [name for name in asked if getattr(self, name)]
        if asked:
            return (
                f"grey images have no colours: leave out {' and '.join(asked)}; brightness and "
                "contrast are changed nevertheless"
            )
        if self.brightness or self.contrast:
            return None
        return "brightness and contrast are 0, and grey images have no colours: set one of them"

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with other colours."""
        import tensorflow as tf

        from regbench.regularizers.computations.colours import jittered

        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        count = tf.shape(batch.images)[0]
        draws = tf.random.stateless_uniform((4, count), seed, minval=-1.0, maxval=1.0)
        changes = draws * tf.constant(strengths)[:, None]
        return batch._replace(images=jittered(batch.images, changes))
