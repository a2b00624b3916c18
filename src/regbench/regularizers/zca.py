"""ZCA whitening: pixels decorrelated by a fixed linear map fitted on train images."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr

from regbench.fields import Float, Settings
from regbench.regularizers.base import Position, Regularizer

if TYPE_CHECKING:
    import keras


class Whitening(Settings):
    """Settings of the fit; ``epsilon`` is added to the eigenvalues of the pixels' covariance."""

    # Of an image: the float64 covariance matrix then takes 134 MB, its inverse root a minute.
    MAX_VALUES: ClassVar[int] = 4096

    epsilon: Annotated[Float, Field(gt=0, le=1000)]


class Zca(Regularizer):
    """Whiten the normalized images with the mean and matrix that ``fit_zca`` returned."""

    title = "ZCA whitening"
    effect = "takes away what neighbouring pixels have in common"
    source = (
        "Bell and Sejnowski, The 'Independent Components' of Natural Scenes Are Edge Filters, 1997"
    )
    helps = (
        "Before a network of one layer of features, on small natural images, whose neighbouring "
        "pixels are nearly equal (Coates, Ng and Lee, An Analysis of Single-Layer Networks in "
        "Unsupervised Feature Learning, 2011)."
    )
    not_when = (
        "Where train images are not many times as many as pixels: whitening makes noise as large "
        "as signal (Wadia et al., Whitening and Second Order Optimization Both Make Information "
        "in the Dataset Unusable During Training, and Can Reduce or Prevent Generalization, "
        "2021)."
    )
    cost = (
        "one matrix of pixels x pixels, fitted once: a product with it for every image, in every "
        "step and in the trained network"
    )
    aliases = ("zca_whitening", "whitening", "ZCAWhitening")
    prepared = ("zca",)
    first = True  # what others drop or add is not to be mixed into every pixel
    on = {
        "mlp": "on the flat pixels, before the first layer",
        "cnn": "on the image, before the first convolution",
        "resnet": "on the image, before the first convolution",
        "pretrained": "means nothing: the weights are of images that are scaled their own way",
        "own": "where the function calls `inputs`",
    }

    _fitted: Any = PrivateAttr(default=None)

    @classmethod
    def shared_settings(cls) -> type[Settings]:
        """Return the settings of the fit, which all techniques share."""
        return Whitening

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return that the images are too large to whiten, if they are."""
        values, most = math.prod(image_shape), Whitening.MAX_VALUES
        if values <= most:
            return None
        shape = " x ".join(map(str, image_shape))
        return (
            f"whitens at most {most} values an image; {shape} are {values}: set a smaller "
            "ingest.size"
        )

    def bound(self, prepared: Mapping[str, Any]) -> Self:
        """Return a copy that has the fitted mean (D values) and matrix (D x D), float32."""
        bound = self.model_copy()
        bound._fitted = prepared.get("zca")
        return bound

    def input_layers(self, at: Position) -> "list[keras.Layer]":
        """Return whitening as an untrained dense layer: (x - mean) W = x W - mean W.

        Raises:
            ValueError: ``bound`` gave no fitted whitening.
        """
        import keras

        if self._fitted is None:
            raise ValueError("a technique with ZCA needs the fitted whitening")
        mean, matrix = self._fitted["mean"], self._fitted["matrix"]
        layer = keras.layers.Dense(len(mean), trainable=False, name="zca", dtype="float32")
        layer.build((None, len(mean)))
        layer.set_weights([matrix, -mean @ matrix])
        if len(at.shape) == 1:
            return [layer]
        flat, back = (
            keras.layers.Flatten(name="zca_flat"),
            keras.layers.Reshape(at.shape, name="zca_back"),
        )
        return [flat, layer, back]
