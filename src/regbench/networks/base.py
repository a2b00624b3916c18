"""The contract of a kind of network. Each module in ``kinds`` declares one, usable in ``conf``.

The file declares one subclass of ``Network``: its settings with their ranges, its title and
source, and how it is built. Weights, pruning, predictions and fingerprints work for any Keras
model made of dense, convolution and normalization layers, sequential or functional.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from regbench.fields import Settings
from regbench.regularizers.base import PLACES, Position, Regularizer

if TYPE_CHECKING:
    import keras

LOGITS = "logits"


@dataclass(frozen=True)
class Plan:
    """The inputs of building a network, and the layers that all kinds have in common.

    Every layer has a random seed of its own: a training's seed gives the same initial weights
    whatever layers a technique adds.

    Attributes:
        image_shape: Height, width, channels.
        classes: Number of classes.
        seed: Of the training.
        normalization: From ``fit_normalization``: ``scale`` and ``offset`` by channel; a pixel x
            becomes (x - offset) / scale.
        regularizers: Those of the technique, with the data that the data pipeline prepared.
    """

    image_shape: tuple[int, int, int]
    classes: int
    seed: int
    normalization: Mapping[str, Sequence[float]]
    regularizers: Sequence[Regularizer] = ()
    _asked: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def first_layers(self) -> "list[keras.Layer]":
        """Return the layers that take raw uint8 images and normalize them."""
        import keras
        import numpy as np

        scale = 1.0 / np.asarray(self.normalization["scale"])
        offset = -np.asarray(self.normalization["offset"]) * scale
        return [
            keras.Input(self.image_shape, dtype="uint8", name="image"),
            keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="normalization"),
        ]

    def input_layers(self, shape: tuple[int, ...]) -> "list[keras.Layer]":
        """Return the technique's layers between the normalized image and the first hidden layer.

        Args:
            shape: Of one normalized image.
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
        """Return the output layers: logits, then class probabilities."""
        import keras

        initial = keras.initializers.GlorotUniform(self.kernel_seed(0))
        return [
            keras.layers.Dense(self.classes, kernel_initializer=initial, name=LOGITS),
            keras.layers.Softmax(name="probabilities"),
        ]

    def kernel_seed(self, number: int) -> int:
        """Return the seed of a layer's initial kernel: 1 and up for hidden layers, 0 for logits."""
        return self._seed(number, 0)

    def not_asked(self) -> list[str]:
        """Return the keys of regularizers that have layers for a place that nobody asked of."""
        return [
            regularizer.key()
            for regularizer in self.regularizers
            if any(
                regularizer.does(place) and place not in self._asked for place in PLACES["layer"]
            )
        ]

    def _layers(self, method: str, number: int, shape: tuple[int, ...]) -> "list[keras.Layer]":
        self._asked.add(method)
        layers: list[keras.Layer] = []
        for regularizer in self.regularizers:
            if regularizer.does(method):
                at = Position(number, shape, self._seed(number, regularizer.stream()))
                layers += getattr(regularizer, method)(at)
        return layers

    def _seed(self, number: int, stream: int) -> int:
        import numpy as np  # here, as commands that only read settings import this module

        state = np.random.SeedSequence([self.seed, number, stream]).generate_state(1)
        return int(state[0] >> 1)


@dataclass(frozen=True)
class Phase:
    """One of several consecutive parts of a training, such as head first, then fine-tuning.

    Attributes:
        name: Its name in messages and histories.
        epochs: Number of epochs, at least 1.
        learning_rate: Of the phase; with a schedule, the rate that it begins with or peaks at.
        frozen: Names of layers, those inside of other layers included, that are not trained in
            this phase. A frozen batch normalization runs in inference mode, as Keras' own does:
            it normalizes by its moving averages and leaves them as they are.
    """

    name: str
    epochs: int
    learning_rate: float
    frozen: frozenset[str] = frozenset()


class Network(Settings, ABC):
    """A kind of network: its settings, and how it is built."""

    title: ClassVar[str]  # its name in the docs
    source: ClassVar[str]  # the paper

    @classmethod
    def kind(cls) -> str:
        """Return the kind's name in ``conf``: the name of its module."""
        return cls.__module__.rpartition(".")[2]

    def as_entry(self) -> dict[str, Any]:
        """Return the network's entry in ``conf``: its kind and its settings."""
        return {"kind": self.kind(), **self.model_dump(mode="json")}

    def built(self, plan: Plan) -> "keras.Model":
        """Return an untrained model from ``build``.

        Raises:
            ValueError: It left out layers of the technique: it would be trained without them.
        """
        model = self.build(plan)
        if left_out := plan.not_asked():
            raise ValueError(f"networks of kind {self.kind()} leave out {', '.join(left_out)}")
        return model

    @abstractmethod
    def build(self, plan: Plan) -> "keras.Model":
        """Return an untrained model, including the technique's layers.

        It maps B x H x W x C uint8 images to B x classes float32 probabilities. It begins with
        ``plan.first_layers()``, ends with ``plan.last_layers()``, and can be loaded without
        RegBench.
        """

    def phases(self, model: "keras.Model") -> Sequence[Phase]:
        """Return the phases of a training, in order.

        Args:
            model: From ``build``; names of layers are its own.

        Returns:
            Nothing if the whole training is one phase with the protocol's epochs and learning
            rate and every layer is trained.
        """
        return ()
