"""Augmentation: random geometric changes of the train images."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from regbench.fields import Float, Int, Settings
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf


class Augmentation(Regularizer):
    """Rotate, shift, zoom, shear and flip train images at random, differently in every step."""

    title = "augmentation"
    effect = "shows the network more images than there are"
    source = (
        "Simard et al., Best Practices for Convolutional Neural Networks Applied to Visual "
        "Document Analysis, 2003"
    )
    helps = (
        "Where the changes leave the class as it is: affine maps took a dense network's error on "
        "MNIST from 1.6 to 1.1 % (Simard et al., 2003)."
    )
    not_when = (
        "Where a change makes another class of an image, as a 6 turned by 180 degrees is a 9 "
        "(Shorten and Khoshgoftaar, A Survey on Image Data Augmentation for Deep Learning, 2019)."
    )
    cost = "every train image is resampled once in every epoch; the trained network is the same"
    aliases = (
        "RandomAffine",
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
        "RandomShear",
        "ImageDataGenerator",
        "data_augmentation",
        "affine",
    )
    search = {
        "rotation": Range(0, 30),
        "shift": Range(0, 0.2),
        "zoom": Range(0, 0.2),
        "shear": Range(0, 15),
    }
    prepared = ("augmentation",)
    stage = Stage.GEOMETRY

    rotation: Annotated[Float, Field(ge=0, le=180, description="degrees, either way")]
    shift: Annotated[Float, Field(ge=0, lt=1, description="share of height and width")]
    zoom: Annotated[Float, Field(ge=0, lt=1, description="share, in and out")]
    shear: Annotated[Float, Field(ge=0, lt=90, description="degrees, either way")]
    horizontal_flip: bool
    vertical_flip: bool
    fill: Literal["constant", "nearest", "reflect", "wrap"]
    fill_value: Annotated[Int, Field(ge=0, le=255, description="grey level for constant fill")]

    @classmethod
    def shared_settings(cls) -> type[Settings]:
        """Return its own settings: a technique may replace single values."""
        return cls

    @classmethod
    def stream(cls) -> int:
        """Return 0: a seed gives the same changes of images as in earlier versions."""
        return 0

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with every image resampled by a random affine map."""
        from regbench.regularizers.computations.affine_maps import augment

        return batch._replace(images=augment(batch.images, self, seed))
