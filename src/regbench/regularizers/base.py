"""The contract of a regularizer. A file in this folder is a key that a technique may have.

The file declares one subclass of ``Regularizer``: its settings with their ranges and defaults, its
title, source and effect, and what it does at one or more of six places. Whatever else needs to
know of it (the schema, the checks of YAML, the pipelines' inputs, the fingerprint, MLflow's
parameters, the report's legend, the docs) reads it from there.

The six places, and the methods by which a regularizer acts there:

1. the input batch: ``change_batch`` (images and targets);
2. a layer: ``input_layers``, ``layers_before_activation``, ``layers_after_activation``;
3. a kernel: ``penalty``, ``constrain``;
4. the loss: ``change_losses``;
5. the update of the weights: ``update`` (gradients, optimizer, averaged weights);
6. the stop: ``stop``.

A method that is not overridden does nothing, and costs nothing. The training loop and the networks
call the places; they know no regularizer by name. Keras and TensorFlow are imported inside of
methods, so that whoever only reads settings does not wait for them.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Settings

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    Gradients = list[tf.Tensor]

# The methods by which a regularizer acts, by place.
PLACES = {
    "input batch": ("change_batch",),
    "layer": ("input_layers", "layers_before_activation", "layers_after_activation"),
    "kernel": ("penalty", "constrain"),
    "loss": ("change_losses",),
    "update": ("update",),
    "stop": ("stop",),
}


@dataclass(frozen=True)
class Range:
    """The values that tuning tries for a setting: from low to high, evenly or by ratio."""

    low: float
    high: float
    by_ratio: bool = False


@dataclass(frozen=True)
class Choice:
    """The values that tuning tries for a setting: one of these."""

    values: tuple[Any, ...]


class Batch(NamedTuple):
    """A batch on its way into the network.

    Attributes:
        images: B x H x W x C, uint8.
        targets: B int32 class numbers; or B x classes float32 shares of sum 1, once mixed.
        classes: How many.
    """

    images: "tf.Tensor"
    targets: "tf.Tensor"
    classes: int

    def target_shares(self) -> "tf.Tensor":
        """Return the targets as B x classes float32 shares of sum 1."""
        import tensorflow as tf

        if len(self.targets.shape) == 2:
            return self.targets
        return tf.one_hot(self.targets, self.classes)


@dataclass(frozen=True)
class Position:
    """Where in a network layers are asked for.

    Attributes:
        number: Of the hidden layer, from 1; 0 at the input.
        shape: Of one image's values there: (values,) or (height, width, channels).
        seed: For what is drawn at random there; another one for every regularizer and layer.
    """

    number: int
    shape: tuple[int, ...]
    seed: int


class Update:
    """What a regularizer keeps and does when weights are updated; a new one per network."""

    def gradients(self, compute: "Callable[[], Gradients]") -> "Gradients":
        """Return the gradients to apply; ``compute`` returns the loss' at the current weights."""
        return compute()

    def after_step(self, learning_rate: "tf.Tensor") -> None:
        """Act once the optimizer has changed the weights."""

    def averages(self) -> "Sequence[tf.Variable]":
        """Return the weights to evaluate and keep instead of the last ones; none: the last ones."""
        return ()

    def restart(self) -> None:
        """Forget the last training: the same network is trained with another seed."""


class Stop:
    """When a training stops, and which epoch's weights it keeps; a new one per training."""

    def should_stop(
        self,
        epoch: int,
        figures: Mapping[str, float],
        weights: "Callable[[], dict[str, np.ndarray]]",
    ) -> bool:
        """Return whether this was the last epoch.

        Args:
            epoch: Its number, from 1.
            figures: Those of the history, by column.
            weights: Returns a copy of the network's weights by name.
        """
        raise NotImplementedError

    def kept(self) -> "tuple[int, dict[str, np.ndarray]] | None":
        """Return the epoch to go back to, and its weights; None to keep the last."""
        return None


class Regularizer(Settings):
    """One key of a technique: its settings, and what it does.

    In YAML it is a mapping of its settings; or a number, if ``shorthand`` names the setting that
    it stands for; or ``true``, if it has settings that all have defaults, or none.
    """

    title: ClassVar[str]  # as a reader calls it
    effect: ClassVar[str]  # what it does, in a sentence
    source: ClassVar[str]  # the paper that it is from
    shorthand: ClassVar[str | None] = None
    search: ClassVar[Mapping[str, Range | Choice]] = {}  # what tuning tries, by setting
    prepared: ClassVar[tuple[str, ...]] = ()  # datasets of the data pipeline that it needs

    @classmethod
    def key(cls) -> str:
        """Return its key in a technique: the name of its file."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def shared_settings(cls) -> type[Settings] | None:
        """Return the settings that all techniques share, a group of the same name in ``conf``.

        If they are the regularizer's own, a technique's entry is ``true`` or holds values that
        replace single ones of the study.
        """
        return None

    @classmethod
    def inherits_study_settings(cls) -> bool:
        """Return whether a technique's entry is ``true``, or values on top of the study's."""
        return cls.shared_settings() is cls

    @classmethod
    def acts(cls) -> list[str]:
        """Return the places at which it acts."""
        return [place for place, methods in PLACES.items() if any(map(cls.does, methods))]

    @classmethod
    def does(cls, method: str) -> bool:
        """Return whether it overrides a method of the contract."""
        return getattr(cls, method) is not getattr(Regularizer, method)

    @classmethod
    def stream(cls) -> int:
        """Return the number that sets its random draws apart from other regularizers'."""
        return zlib.crc32(cls.key().encode()) & 0x7FFFFFFF

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return why it means nothing for a network; None if it does.

        Args:
            network: Its kind, such as ``mlp``.
            image_shape: Height, width, channels.
        """
        return None

    def bound(self, prepared: Mapping[str, Any]) -> Self:
        """Return it with what the data pipeline has prepared for it.

        Args:
            prepared: The datasets named in ``prepared``, by name.
        """
        return self

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch that is trained on instead.

        Args:
            batch: Images and targets.
            seed: 2 ints; another one for every step, seed and regularizer.
        """
        raise NotImplementedError

    def input_layers(self, at: Position) -> "list[keras.Layer]":
        """Return layers between the normalized image and the first hidden layer."""
        raise NotImplementedError

    def layers_before_activation(self, at: Position) -> "list[keras.Layer]":
        """Return layers between a hidden layer's kernel and its activation."""
        raise NotImplementedError

    def layers_after_activation(self, at: Position) -> "list[keras.Layer]":
        """Return layers after a hidden layer's activation."""
        raise NotImplementedError

    def penalty(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return what a hidden layer's kernel adds to the loss: a float32 scalar."""
        raise NotImplementedError

    def constrain(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return what becomes of a hidden layer's kernel after every step."""
        raise NotImplementedError

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses to minimize the mean of, B float32.

        Args:
            losses: Cross-entropies in nats, or what another regularizer has made of them; B.
            targets: As in ``Batch``.
            logits: B x classes, float32.
        """
        raise NotImplementedError

    def update(self, variables: "Sequence[tf.Variable]") -> Update:
        """Return what changes the update of these trainable variables."""
        raise NotImplementedError

    def stop(self) -> Stop:
        """Return what decides when the training stops."""
        raise NotImplementedError

    def in_full(self) -> Any:
        """Return every setting as a plain value; of a lone one only its value; else ``True``."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        if set(values) == {self.shorthand}:
            return values[str(self.shorthand)]
        return values or True

    @model_validator(mode="before")
    @classmethod
    def _from_entry(cls, entry: Any) -> Any:
        if isinstance(entry, Mapping | cls):
            return entry
        if cls.shorthand is not None:
            return {cls.shorthand: entry}
        if entry is True:
            return {}
        allowed = "true, false or a mapping" if cls.model_fields else "true or false"
        raise PydanticCustomError("entry", f"must be {allowed}")

    @model_serializer(mode="wrap")
    def _as_entry(self, all_settings: SerializerFunctionWrapHandler) -> Any:
        """Write it as in YAML, without what is left at its default."""
        values = all_settings(self)
        fields = type(self).model_fields
        own = {name: values[name] for name in values if values[name] != fields[name].default}
        if self.shorthand and set(own) <= {self.shorthand}:
            return values.get(self.shorthand, getattr(self, self.shorthand))
        return own or True
