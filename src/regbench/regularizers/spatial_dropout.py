"""Spatial dropout: whole feature maps set to zero at random during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer

if TYPE_CHECKING:
    import keras


class SpatialDropout(Regularizer):
    """Set each feature map of an image to zero with probability ``rate``; scale up the rest.

    The paper names no rate; 0.25 is what dropout of single values has here, too.
    """

    title = "spatial dropout"
    effect = "keeps feature maps from relying on one another"
    source = "Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015"
    helps = (
        "In convolutional networks, whose neighbouring values are so much alike that dropping "
        "single ones takes nothing away (Tompson et al., 2015)."
    )
    not_when = (
        "In networks of few feature maps, and where normalization follows, whose statistics it "
        "shifts (Li et al., Understanding the Disharmony between Dropout and Batch Normalization "
        "by Variance Shift, 2019)."
    )
    cost = "one random number per feature map in a step; nothing once trained"
    aliases = ("SpatialDropout2D", "Dropout2d", "channel_dropout")
    shorthand = "rate"
    feature_maps_only = True
    on = {
        "mlp": "means nothing: it has no feature maps",
        "cnn": "after every stage's pooling but the last one's, which leaves no map",
        "resnet": "inside every block, before its second convolution",
        "pretrained": "means nothing: its place is after the pooling",
        "own": "where the function calls `after_activation` on feature maps",
    }
    search = {"rate": Range(0.05, 0.5)}

    rate: Annotated[Float, Field(gt=0, lt=1)] = 0.25

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return Keras' spatial dropout."""
        import keras

        name = f"spatial_dropout_{at.number}"
        return [keras.layers.SpatialDropout2D(self.rate, seed=at.seed, name=name)]
