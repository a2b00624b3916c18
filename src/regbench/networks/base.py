"""The contract of a kind of network. A file in ``kinds`` is a kind that ``conf`` may name.

The file declares one subclass of ``Network``: its settings with their ranges, its title and
source, and how it is built. Weights, pruning, predictions and fingerprints work for any Keras
model made of dense, convolution and normalization layers, sequential or functional.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from regbench.fields import Settings
from regbench.regularizers.base import Position, Regularizer

if TYPE_CHECKING:
    import keras

LOGITS = "logits"


@dataclass(frozen=True)
class Plan:
    """What a network is built from, and the layers that every kind asks for.

    Every layer draws from a seed of its own, so the same seed gives the same initial weights
    whatever layers a technique puts between them.

    Attributes:
        image_shape: Height, width, channels.
        classes: How many.
        seed: Of the training.
        normalization: What ``fit_normalization`` returned: scale and offset by channel.
        regularizers: Those of the technique, bound to what the data pipeline prepared.
    """

    image_shape: tuple[int, int, int]
    classes: int
    seed: int
    normalization: Mapping[str, Sequence[float]]
    regularizers: Sequence[Regularizer] = ()

    def first_layers(self) -> "list[keras.Layer]":
        """Return the layers that take raw uint8 images and normalize them."""
        import keras

        scale = 1.0 / np.asarray(self.normalization["scale"])
        offset = -np.asarray(self.normalization["offset"]) * scale
        return [
            keras.Input(self.image_shape, dtype="uint8", name="image"),
            keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="normalization"),
        ]

    def input_layers(self, shape: tuple[int, ...]) -> "list[keras.Layer]":
        """Return the technique's layers between the normalized image and the first hidden layer.

        Args:
            shape: Of one image there.
        """
        return self._layers("input_layers", 0, shape)

    def before_activation(self, number: int, shape: tuple[int, ...]) -> "list[keras.Layer]":
        """Return the technique's layers between a hidden layer's kernel and its activation.

        Args:
            number: Of the hidden layer, from 1.
            shape: Of one image's values there.
        """
        return self._layers("layers_before_activation", number, shape)

    def after_activation(self, number: int, shape: tuple[int, ...]) -> "list[keras.Layer]":
        """Return the technique's layers after a hidden layer's activation.

        Args:
            number: Of the hidden layer, from 1.
            shape: Of one image's values there.
        """
        return self._layers("layers_after_activation", number, shape)

    def last_layers(self) -> "list[keras.Layer]":
        """Return the layers that give logits, then class probabilities."""
        import keras

        initial = keras.initializers.GlorotUniform(self.kernel_seed(0))
        return [
            keras.layers.Dense(self.classes, kernel_initializer=initial, name=LOGITS),
            keras.layers.Softmax(name="probabilities"),
        ]

    def kernel_seed(self, number: int) -> int:
        """Return the seed of a layer's initial kernel; of hidden layers from 1, of logits 0."""
        return self._seed(number, 0)

    def _layers(self, method: str, number: int, shape: tuple[int, ...]) -> "list[keras.Layer]":
        layers: list[keras.Layer] = []
        for regularizer in self.regularizers:
            if regularizer.does(method):
                at = Position(number, shape, self._seed(number, regularizer.stream()))
                layers += getattr(regularizer, method)(at)
        return layers

    def _seed(self, number: int, stream: int) -> int:
        state = np.random.SeedSequence([self.seed, number, stream]).generate_state(1)
        return int(state[0] >> 1)


class Network(Settings, ABC):
    """A kind of network: its settings, and how it is built."""

    title: ClassVar[str]  # as a reader calls it
    source: ClassVar[str]  # the paper that it is from

    @classmethod
    def kind(cls) -> str:
        """Return its name in ``conf``: that of its file."""
        return cls.__module__.rpartition(".")[2]

    def as_entry(self) -> dict[str, Any]:
        """Return it as it stands in ``conf``: its kind and its settings."""
        return {"kind": self.kind(), **self.model_dump(mode="json")}

    @abstractmethod
    def build(self, plan: Plan) -> "keras.Model":
        """Return an untrained model, the technique's layers included.

        It takes B x H x W x C uint8 images and gives B x classes float32 probabilities. It begins
        with ``plan.first_layers()``, ends with ``plan.last_layers()``, and is saved and loaded
        without any code of RegBench.
        """
