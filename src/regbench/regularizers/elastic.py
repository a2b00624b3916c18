"""Elastic distortion: pixels of train images displaced by smooth random fields."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Range, Regularizer, Stage

if TYPE_CHECKING:
    import tensorflow as tf

_LEAST_SIDE = 8  # pixels: a field on fewer is hardly more than a shift


class Elastic(Regularizer):
    """Move every pixel by ``alpha`` times uniform noise from -1 to 1, smoothed by a Gaussian.

    ``alpha`` and ``sigma``, the Gaussian's standard deviation, are pixels of an image of 28 x 28.
    For another size, with s = sqrt(height x width) / 28, sigma is s times, and alpha s^2 times as
    much: noise smoothed s times as much is s times as small, and moves s times as far then.
    """

    title = "elastic distortion"
    effect = "shows the network shapes as other hands would draw them"
    source = (
        "Simard et al., Best Practices for Convolutional Neural Networks Applied to Visual "
        "Document Analysis, 2003"
    )
    helps = (
        "For handwriting: a dense network's error on MNIST was 0.7 %, with affine maps 1.1, and a "
        "convolutional one's 0.4 instead of 0.6 (Simard et al., 2003)."
    )
    not_when = (
        "Where shapes are rigid, as of most things in photos: it stands for the unsteady muscles "
        "of a hand that writes (Simard et al., 2003)."
    )
    cost = "two smoothed random numbers per pixel in a step; the trained network is the same"
    aliases = ("RandomElasticTransform", "ElasticTransform", "elastic_distortion")
    stage = Stage.GEOMETRY
    search = {"alpha": Range(8, 60, log=True), "sigma": Range(3, 8)}

    # Section 2: the best on MNIST, of 29 x 29 pixels there.
    alpha: Annotated[Float, Field(gt=0, le=1000)] = 34.0
    sigma: Annotated[Float, Field(ge=0.5, le=28)] = 4.0
    fill: Annotated[
        Literal["nearest", "constant"],
        Field(description="what enters at the edges; constant is black"),
    ] = "nearest"

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return that images are too small to be distorted, if they are."""
        height, width, _ = image_shape
        if min(height, width) >= _LEAST_SIDE:
            return None
        return (
            f"distorts images of {_LEAST_SIDE} x {_LEAST_SIDE} pixels or more, not "
            f"{height} x {width}: set a larger ingest.size"
        )

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch with every image distorted by a field of its own."""
        from regbench.regularizers.computations.elastic_fields import distorted, fields

        _, height, width, _ = batch.images.shape
        scale = (height * width) ** 0.5 / 28
        moves = fields(batch.images, self.alpha * scale**2, self.sigma * scale, seed)
        return batch._replace(images=distorted(batch.images, moves, self.fill))
