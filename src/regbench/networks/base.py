"""The contract of a kind of network. Each module in ``kinds`` declares one, usable in ``conf``.

The file declares one subclass of ``Network``: its settings with their ranges, its title and
source, and how it is built. Weights, pruning, predictions and fingerprints work for any Keras
model made of dense, convolution and normalization layers, sequential or functional.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from regbench.fields import Settings
from regbench.networks.initializers import Initializer, initial_kernel
from regbench.regularizers.base import LAYERS, Position, Regularizer, Traits

if TYPE_CHECKING:
    import keras

LOGITS = "logits"


class Asked(NamedTuple):
    """A place that a network has asked for layers.

    Attributes:
        method: One of ``LAYERS``.
        feature_maps: Whether its values are height x width x channels.
    """

    method: str
    feature_maps: bool


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
    _asked: set[Asked] = field(default_factory=set, init=False, repr=False, compare=False)

    def image_layer(self) -> "keras.KerasTensor":
        """Return the input, raw uint8 images, for a network that scales them its own way."""
        import keras

        return keras.Input(self.image_shape, dtype="uint8", name="image")

    def first_layers(self) -> "list[keras.Layer]":
        """Return the layers that take raw uint8 images and normalize them."""
        import keras
        import numpy as np

        scale = 1.0 / np.asarray(self.normalization["scale"])
        offset = -np.asarray(self.normalization["offset"]) * scale
        return [
            self.image_layer(),
            keras.layers.Rescaling(
                scale.tolist(), offset.tolist(), name="normalization", dtype="float32"
            ),
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

    def on_branch(self, number: int, shape: tuple[int, ...], depth: float) -> "list[keras.Layer]":
        """Return the technique's layers at the end of a residual block's branch.

        Args:
            number: Of the branch's last hidden layer, from 1.
            shape: Of one image's values there.
            depth: l / L for block l of L.
        """
        return self._layers("layers_on_branch", number, shape, depth)

    def last_layers(self, initializer: Initializer = "glorot") -> "list[keras.Layer]":
        """Return the output layers: logits, then class probabilities.

        They compute in float32, whatever precision the layers before them have.

        Args:
            initializer: Of the logits' kernel.
        """
        import keras

        initial = initial_kernel(initializer, self.kernel_seed(0))
        return [
            keras.layers.Dense(
                self.classes, kernel_initializer=initial, name=LOGITS, dtype="float32"
            ),
            keras.layers.Softmax(name="probabilities", dtype="float32"),
        ]

    def kernel_seed(self, number: int) -> int:
        """Return the seed of a layer's initial kernel: 1 and up for hidden layers, 0 for logits."""
        return self._seed(number, 0)

    def building_seed(self) -> int:
        """Return the seed of random numbers that are drawn while building, without a seed."""
        return self._seed(0, 2)

    def not_asked(self) -> list[str]:
        """Return the keys of regularizers that have layers for a place that nobody asked of."""
        return without_place(self.regularizers, self._asked)

    def asked(self) -> frozenset[Asked]:
        """Return what ``build`` has asked for so far."""
        return frozenset(self._asked)

    def _layers(
        self, method: str, number: int, shape: tuple[int, ...], depth: float = 0.0
    ) -> "list[keras.Layer]":
        self._asked.add(Asked(method, len(shape) == 3))
        layers: list[keras.Layer] = []
        for regularizer in sorted(self.regularizers, key=lambda one: not one.first):
            if regularizer.does(method):
                at = Position(number, shape, self._seed(number, regularizer.stream()), depth)
                if regularizer.feature_maps_only and not at.spatial:
                    continue
                with _random_numbers_untouched():
                    layers += getattr(regularizer, method)(at)
        return layers

    def _seed(self, number: int, stream: int) -> int:
        import numpy as np  # here, as commands that only read settings import this module

        state = np.random.SeedSequence([self.seed, number, stream]).generate_state(1)
        return int(state[0] >> 1)


def without_place(regularizers: Sequence[Regularizer], asked: Collection[Asked]) -> list[str]:
    """Return the keys of regularizers that a network leaves out.

    That is, one of their layers is for a place that is not asked of, or they need feature maps and
    no place has any.

    Args:
        regularizers: Those of a technique.
        asked: What the network has asked for.
    """
    return [of.key() for of in regularizers if _is_left_out(of, asked)]


def _is_left_out(regularizer: Regularizer, asked: Collection[Asked]) -> bool:
    places = {one.method for one in asked if one.feature_maps or not regularizer.feature_maps_only}
    return any(regularizer.does(method) and method not in places for method in LAYERS)


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
    # Whether faults may show only when it is built: the data pipeline then builds it once.
    built_to_check: ClassVar[bool] = False
    # Whether one may have feature maps: the report then shows where it looked (Grad-CAM).
    has_feature_maps: ClassVar[bool] = True

    @classmethod
    def kind(cls) -> str:
        """Return the kind's name in ``conf``: the name of its module."""
        return cls.__module__.rpartition(".")[2]

    def as_entry(self) -> dict[str, Any]:
        """Return the network's entry in ``conf``: its kind and its settings."""
        return {"kind": self.kind(), **self.model_dump(mode="json", by_alias=True)}

    def code(self) -> tuple[str, ...]:
        """Return the code that builds it: modules, or functions as ``package.module:function``."""
        return (type(self).__module__,)

    def files(self) -> tuple[str, ...]:
        """Return the paths of files whose content the network is made from."""
        return ()

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return what regularizers may need to know of it before it is built.

        Args:
            image_shape: Height, width, channels; None as long as the images decide on it.
        """
        return Traits(self.kind(), image_shape)

    def problem(self, image_shape: tuple[int, int, int], classes: int) -> str | None:
        """Return why it cannot be built for such images; None if it can.

        Args:
            image_shape: Height, width, channels.
            classes: Number of classes, at least.
        """
        return None

    def parameters(self, image_shape: tuple[int, int, int], classes: int) -> int | None:
        """Return the number of kernel weights and biases; None where it is not known beforehand.

        Args:
            image_shape: Height, width, channels.
            classes: Number of classes.
        """
        return None

    def scaled(self, factor: float) -> Self | None:
        """Return the network with its layers so many times as wide; None if it has no width."""
        return None

    def kept_values(self, image_shape: tuple[int, int, int]) -> int | None:
        """Return how many values of an image training keeps to compute gradients.

        As ``kept_when_built`` counts them.

        Args:
            image_shape: Height, width, channels.

        Returns:
            The number; None where it is not known before the network is built.
        """
        return None

    def kept_when_built(self, model: "keras.Model") -> int:
        """Return how many values of an image training keeps to compute gradients, at most at once.

        Args:
            model: From ``built``.

        Raises:
            StudyError: A phase names a layer that the model lacks.
        """
        from regbench.networks.kept_values import kept_values

        of_phases = [phase.frozen for phase in self.phases(model)] or [frozenset[str]()]
        return max(kept_values(model, frozen) for frozen in of_phases)

    def notes(self, image_shape: tuple[int, int, int]) -> list[str]:
        """Return what the user should know of how it takes such images, a line each."""
        return []

    def built(self, plan: Plan) -> "keras.Model":
        """Return an untrained model from ``build``.

        Layers that are given no name are named from 1 in every model, so that all models of an
        architecture are alike; random numbers that are drawn while building depend on the seed
        alone.

        Raises:
            ValueError: It left out layers of the technique: it would be trained without them.
        """
        with _names_from_one(), _random_numbers_untouched(plan.building_seed()):
            model = self.build(plan)
        if left_out := plan.not_asked():
            raise ValueError(self.leaves_out(left_out))
        return model

    def leaves_out(self, keys: Sequence[str]) -> str:
        """Return the message on regularizers whose layers ``build`` does not ask for."""
        return f"networks of kind {self.kind()} leave out {', '.join(keys)}"

    @abstractmethod
    def build(self, plan: Plan) -> "keras.Model":
        """Return an untrained model, including the technique's layers.

        It maps B x H x W x C uint8 images to B x classes float32 probabilities. It begins with
        ``plan.first_layers()``, ends with ``plan.last_layers()``, and can be loaded without
        RegBench.
        """

    def check(self, model: "keras.Model") -> list[str]:
        """Look at a built model, once before anything is trained.

        Args:
            model: From ``built``.

        Returns:
            What the user should be warned of, a line each.

        Raises:
            StudyError: It cannot be trained soundly.
        """
        return []

    def epochs_of_phases(self) -> dict[str, int]:
        """Return the epochs of the phases of a training, by name; empty if it has none."""
        return {}

    def phases(self, model: "keras.Model") -> Sequence[Phase]:
        """Return the phases of a training, in order.

        Args:
            model: From ``build``; names of layers are its own.

        Returns:
            Nothing if the whole training is one phase with the protocol's epochs and learning
            rate and every layer is trained.
        """
        return ()


@contextmanager
def _random_numbers_untouched(seed: int | None = None) -> Iterator[None]:
    """Restore the state of Python's and NumPy's global random numbers at the end.

    Keras draws the seed of an initializer that is given none from them.

    Args:
        seed: What both begin with; None leaves them as they are.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _names_from_one() -> Iterator[None]:
    """Count the names that Keras gives to nameless layers from the start, then go on as before."""
    from keras.src.backend.common import global_state  # no public name leads there

    counts = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", counts)
