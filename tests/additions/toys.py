"""A regularizer, a kind of network and figures, each as the one file that adds them."""

# Gaussian noise on the activations, and a shrunken batch: layer and input batch.
REGULARIZER = '''
"""Noise: a toy."""

from typing import Annotated

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Batch, Position, Regularizer


class Noise(Regularizer):
    """Add noise to activations, and take a share off the brightness of train images."""

    title = "noise of the toy"
    effect = "makes the network see through it"
    source = "Nobody, Noise, 2026"
    helps = "In tests (Nobody, 2026)."
    not_when = "Elsewhere (Nobody, 2026)."
    cost = "nothing"
    aliases = ("Krach",)
    shorthand = "strength"

    strength: Annotated[Float, Field(gt=0, le=2)] = 0.5
    darkness: Annotated[Float, Field(ge=0, lt=1)] = 0.0

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        return "means nothing for images as small as that" if image_shape[0] < 4 else None

    def layers_after_activation(self, at: Position) -> list:
        import keras

        return [keras.layers.GaussianNoise(self.strength, seed=at.seed, name=f"noise_{at.number}")]

    def change_batch(self, batch: Batch, seed: object) -> Batch:
        import tensorflow as tf

        images = tf.cast(tf.cast(batch.images, tf.float32) * (1 - self.darkness), tf.uint8)
        return batch._replace(images=images)
'''

# A functional model with convolutions, with and without bias, and a shortcut.
NETWORK = '''
"""A small residual network: a toy."""

from pydantic import Field
from typing import Annotated

from regbench.fields import Count
from regbench.networks.base import Network, Plan


class Shortcut(Network):
    """Two convolutions with a shortcut around the second."""

    title = "toy with a shortcut"
    source = "Nobody, Shortcuts, 2026"

    filters: Annotated[Count, Field(le=64)]

    def build(self, plan: Plan):
        import keras
        from keras import layers

        image, normalization = plan.first_layers()
        shape = (*plan.image_shape[:2], self.filters)
        values = normalization(image)
        for layer in plan.input_layers(plan.image_shape):
            values = layer(values)
        for number, bias in ((1, True), (2, False)):
            initial = keras.initializers.HeNormal(plan.kernel_seed(number))
            found = layers.Conv2D(
                self.filters, 3, padding="same", use_bias=bias, kernel_initializer=initial,
                name=f"convolution_{number}",
            )(values)
            for layer in plan.before_activation(number, shape):
                found = layer(found)
            found = layers.Activation("relu", name=f"activation_{number}")(found)
            for layer in plan.after_activation(number, shape):
                found = layer(found)
            values = found if number == 1 else layers.Add()([values, found])
        values = layers.GlobalAveragePooling2D()(values)
        for layer in plan.last_layers():
            values = layer(values)
        return keras.Model(image, values, name="shortcut")
'''

FIGURE = '''\
"""How sure the network is."""

from regbench.evaluation.figures.base import SHARE, USUAL, Better, Figure, Shown, Trained


def _mean_confidence(trained: Trained) -> float:
    return float(trained.judged_probabilities.max(axis=1).mean())


def _by_class(trained: Trained) -> dict[str, float]:
    shares = trained.judged_probabilities.mean(axis=0)
    return dict(zip(trained.classes, shares.tolist(), strict=True))


FIGURES = (
    Figure(
        name="mean_confidence",
        title="confidence",
        meaning="the mean probability of the chosen class on the {part} images",
        unit=SHARE,
        digits=1,
        better=Better.LOWER,
        compute=_mean_confidence,
        shown=USUAL | Shown.TEXT,
    ),
    Figure(
        name="mean_probability",
        title="mean probability",
        meaning="the mean probability of a class on the {part} images",
        unit=SHARE,
        setting="class",
        compute=_by_class,
        shown=Shown.REPORT,
    ),
)
'''
