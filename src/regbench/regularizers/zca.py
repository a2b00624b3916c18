"""ZCA whitening: pixels decorrelated by a fixed linear map fitted on train images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, PrivateAttr

from regbench.fields import Float, Settings
from regbench.regularizers.base import Position, Regularizer

if TYPE_CHECKING:
    import keras


class Whitening(Settings):
    """Settings of the fit; ``epsilon`` is added to the eigenvalues of the pixels' covariance."""

    epsilon: Annotated[Float, Field(gt=0)]


class Zca(Regularizer):
    """Whiten the normalized images with the mean and matrix that ``fit_zca`` returned."""

    title = "ZCA whitening"
    effect = "takes away what neighbouring pixels have in common"
    source = "Bell and Sejnowski, The Independent Components of Natural Scenes, 1997"
    prepared = ("zca",)

    _fitted: Any = PrivateAttr(default=None)

    @classmethod
    def shared_settings(cls) -> type[Settings]:
        """Return the settings of the fit, which all techniques share."""
        return Whitening

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
        layer = keras.layers.Dense(len(mean), trainable=False, name="zca")
        layer.build((None, len(mean)))
        layer.set_weights([matrix, -mean @ matrix])
        if len(at.shape) == 1:
            return [layer]
        flat, back = keras.layers.Flatten(name="zca_flat"), keras.layers.Reshape(at.shape)
        return [flat, layer, back]
