"""Stochastic depth: residual blocks skipped at random during training."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Choice, Position, Range, Regularizer, Traits

if TYPE_CHECKING:
    import keras


class StochasticDepth(Regularizer):
    """Set the branch of block l of L to zero with probability l / L x ``rate``; scale it up else.

    That is the paper's linear decay, p_l = 1 - l / L (1 - p_L) with p_L = 1 - ``rate``. The paper
    scales branches down once trained, which is the same on average. ``each: batch`` draws once
    for all images of a batch, as the paper; ``each: image`` for every image, as later networks do
    (Tan and Le, EfficientNet, 2019).
    """

    title = "stochastic depth"
    effect = "trains an ensemble of shallower networks in one"
    source = "Huang et al., Deep Networks with Stochastic Depth, 2016"
    helps = (
        "In deep residual networks: 110 layers on CIFAR-10 went from 6.41 to 5.23 % of errors "
        "(Huang et al., 2016; the authors' code)."
    )
    not_when = (
        "In shallow ones, which need every block: the gain grows with the depth (Huang et al., "
        "2016)."
    )
    cost = "next to nothing: skipped branches are computed all the same; nothing once trained"
    aliases = ("drop_path", "DropPath", "StochasticDepth", "drop_connect_rate", "survival_prob")
    shorthand = "rate"
    on = {
        "mlp": "means nothing: it has no residual blocks",
        "cnn": "means nothing: it has no residual blocks",
        "resnet": "at the end of every block's branch, before it is added to the shortcut",
        "pretrained": "means nothing: its blocks are as they were trained",
        "own": "where the function calls `on_branch`",
    }
    search = {"rate": Range(0.05, 0.6), "each": Choice(("batch", "image"))}

    rate: Annotated[Float, Field(gt=0, lt=1, description="of the last block")] = 0.5
    each: Literal["batch", "image"] = "batch"

    def misfit(self, network: Traits) -> str | None:
        """Return that the network has no residual blocks, if it has none."""
        if "layers_on_branch" not in network.asks:
            return f"a network of kind {network.kind} has no residual blocks to skip"
        return super().misfit(network)

    def layers_on_branch(self, at: Position) -> "list[keras.Layer]":
        """Return a Keras dropout layer of whole branches."""
        import keras

        images = 1 if self.each == "batch" else None
        return [
            keras.layers.Dropout(
                self.rate * at.depth,
                noise_shape=(images, *(1 for _ in at.shape)),
                seed=at.seed,
                name=f"stochastic_depth_{at.number}",
            )
        ]
