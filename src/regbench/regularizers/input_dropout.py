"""Input dropout: pixels set to zero at random during training."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Position, Range, Regularizer

if TYPE_CHECKING:
    import keras


class InputDropout(Regularizer):
    """Set values of the normalized image to zero with probability ``rate``; scale up the rest.

    Each channel of a pixel is dropped for itself. Zero is the mean of the train images, or their
    darkest value, as ``normalization`` says.
    """

    title = "input dropout"
    effect = "keeps the network from relying on single pixels"
    source = (
        "Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, "
        "2014, appendix A.4"
    )
    helps = (
        "Beside dropout of hidden units: the best networks on MNIST drop 20 % of the pixels "
        "(Srivastava et al., 2014, appendix B.1)."
    )
    not_when = (
        "At high rates: of real-valued inputs 80 % are typically kept (Srivastava et al., 2014, "
        "appendix A.4)."
    )
    cost = "one random number per pixel in a step; nothing once trained"
    aliases = ("visible_dropout", "pixel_dropout", "dropout_input")
    shorthand = "rate"
    on = {
        "mlp": "on the flat pixels, before the first layer",
        "cnn": "on the image, before the first convolution",
        "resnet": "on the image, before the first convolution",
        "pretrained": "means nothing: it scales images its own way",
        "own": "where the function calls `inputs`",
    }
    search = {"rate": Range(0.05, 0.4)}

    rate: Annotated[Float, Field(gt=0, lt=1)] = 0.2

    def input_layers(self, at: Position) -> "list[keras.Layer]":
        """Return a Keras dropout layer."""
        import keras

        return [keras.layers.Dropout(self.rate, seed=at.seed, name="input_dropout")]
