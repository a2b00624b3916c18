"""The contract of a regularizer. Each module of this package declares one: a key of techniques.

The module has one subclass of ``Regularizer``: its settings with ranges and defaults, its title,
source and effect, when it helps and when not, what it costs, and how it acts at one or more of
seven places. Schema, checks, pipelines, fingerprints, report and docs are derived from it.

The seven places, and the methods by which a regularizer acts there:

1. the input batch: ``change_batch`` (images and targets);
2. a layer: ``input_layers``, ``layers_before_activation``, ``layers_after_activation``,
   ``layers_on_branch``; and, of what Keras has no layer for, ``change_values`` and
   ``penalize_values`` at the layers that ``mark`` returns;
3. a kernel: ``penalty``, ``constrain``, ``reparametrize``;
4. the loss: ``change_losses``, ``image_weights``; of a network with a teacher ``distil``;
5. the update of the weights: ``update`` (gradients, optimizer, averaged weights; their order is in
   ``places.update``), ``change_rate``, ``factor_of_rate``;
6. the stop: ``stop``;
7. the training as a whole, of which an ensemble makes several: ``train_members`` (its contract is
   ``places.ensemble``). No other place could hold it: six are inside of one training.

A method that is not overridden is not called. The training loop and the networks call them and know
no regularizer by name. Keras and TensorFlow are imported inside of methods: settings need neither.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Choice, Range, Settings
from regbench.regularizers.places.batch import Batch, Stage
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.layer import LAYERS, Position, Traits
from regbench.regularizers.places.reparametrization import Reparametrization, Units
from regbench.regularizers.places.stop import Stop
from regbench.regularizers.places.update import TrainedVariables, Update

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from regbench.regularizers.places.ensemble import Combination, Members

__all__ = [
    "DECLARED",
    "FAMILIES",
    "LAYERS",
    "PLACES",
    "Batch",
    "Choice",
    "Position",
    "Range",
    "Regularizer",
    "Stage",
    "Traits",
]

# The methods by which a regularizer acts, by place.
PLACES = {
    "input batch": ("change_batch",),
    "layer": (*LAYERS, "change_values", "penalize_values"),
    "kernel": ("penalty", "constrain", "reparametrize"),
    "loss": ("change_losses", "image_weights", "distil"),
    "update": ("update", "change_rate", "factor_of_rate"),
    "stop": ("stop",),
    "ensemble": ("train_members",),
}

# The families that regularizers are listed by, each with its heading, in the order of the docs.
FAMILIES = {
    "batch": "Changes of the input batch",
    "layer": "Layers",
    "kernel": "Penalties and constraints of kernels",
    "loss": "The loss",
    "update": "The update of the weights",
    "stop": "The stop",
    "ensemble": "Ensembles",
}
# What every regularizer must declare.
DECLARED = ("title", "effect", "source", "helps", "not_when", "cost")


class Regularizer(Settings):
    """One key of a technique: its settings, and how it acts.

    In YAML it is a mapping of its settings; or a number, the value of the setting ``shorthand``; or
    ``true``, if all its settings have defaults or it has none.
    """

    title: ClassVar[str]  # its name in the report and the docs
    effect: ClassVar[str]  # in a few words, for the legend
    source: ClassVar[str]  # the paper
    helps: ClassVar[str]  # when it helps: a sentence, with its source and year
    not_when: ClassVar[str]  # when it does not: a sentence, with its source and year
    cost: ClassVar[str]  # in words: what a step takes more, and what the trained network does
    aliases: ClassVar[tuple[str, ...]] = ()  # in Keras, PyTorch, papers: hints at unknown keys
    shorthand: ClassVar[str | None] = None
    search: ClassVar[Mapping[str, Range | Choice]] = {}  # by setting
    prepared: ClassVar[tuple[str, ...]] = ()  # datasets of the data pipeline it needs
    averages_weights: ClassVar[bool] = False  # its update has `averages`: one of a technique may
    update_order: ClassVar[int] = 0  # of its update among those that change gradients
    normalizes: ClassVar[bool] = False  # its layers normalize activations: one of a technique may
    feature_maps_only: ClassVar[bool] = False  # it has layers for height x width x channels only
    first: ClassVar[bool] = False  # its layers stand before those of others at the same place
    stage: ClassVar[Stage] = Stage.GEOMETRY  # when it changes a batch, or losses, among others
    nuisance: ClassVar[bool] = False  # not what is compared: tuned for all, the baseline too
    on: ClassVar[Mapping[str, str]] = {}  # what it means, by kind of network; `meaning_on`

    @classmethod
    def key(cls) -> str:
        """Return its key in a technique: the name of its module."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def family(cls) -> str:
        """Return its family, a key of ``FAMILIES``: ``ensemble``, or else its first place."""
        places = cls.acts()
        return "ensemble" if "ensemble" in places else places[0].removeprefix("input ")

    @classmethod
    def shared_settings(cls) -> type[Settings] | None:
        """Return the class of settings that all techniques share, a group of this name in ``conf``.

        If it is the regularizer's own class, a technique inherits the study's settings: its entry
        is ``true``, or values that replace single ones. None without shared settings.
        """
        return None

    @classmethod
    def inherits_study_settings(cls) -> bool:
        """Return whether a technique's entry is ``true``, or values that replace the study's."""
        return cls.shared_settings() is cls

    @classmethod
    def acts(cls) -> list[str]:
        """Return the places at which it acts: keys of ``PLACES``."""
        return [place for place, methods in PLACES.items() if any(map(cls.does, methods))]

    @classmethod
    def does(cls, method: str) -> bool:
        """Return whether it overrides a method of the contract."""
        return getattr(cls, method) is not getattr(Regularizer, method)

    @classmethod
    def stream(cls) -> int:
        """Return the number of its stream of random numbers; every regularizer has its own."""
        return zlib.crc32(cls.key().encode()) & 0x7FFFFFFF

    @classmethod
    def meaning_on(cls, kind: str) -> str:
        """Return what it means on a kind of network, in words; empty if its file does not say.

        One that adds no layers and leaves kernels alone means the same on every kind.
        """
        if kind in cls.on:
            return cls.on[kind]
        return "" if {"layer", "kernel"} & set(cls.acts()) else "the same"

    def ranges(self) -> Mapping[str, Range | Choice]:
        """Return the range in which each setting is searched: ``search``, or a variant's own."""
        return type(self).search

    def problem(self, network: str, image_shape: tuple[int, int, int]) -> str | None:
        """Return why it does not apply to a network; None if it does.

        Args:
            network: The kind, such as ``mlp``.
            image_shape: Height, width, channels.
        """
        return None

    def misfit(self, network: Traits) -> str | None:
        """Return why it means nothing for a network; None if it means something, as far as known.

        How to go without it is said by who asks. Here: the network has no place for its layers,
        or ``problem`` says so.

        Args:
            network: What is known of it before it is built.
        """
        needed = [method for method in LAYERS if self.does(method)]
        if needed and not network.asks.intersection(needed):
            return f"a network of kind {network.kind} has no place for its layers"
        if self.feature_maps_only and not network.feature_maps:
            return f"a network of kind {network.kind} has no feature maps where its layers stand"
        if self.normalizes and network.batch_normalization:
            return f"a {network.kind} with {network.batch_normalization} normalizes already"
        if self.does("reparametrize") and network.weights_trained:
            return f"the kernels of this {network.kind} are trained already, and it changes them"
        if network.image_shape is None:
            return None
        return self.problem(network.kind, network.image_shape)

    def clash(self, beside: Beside) -> str | None:
        """Return why it cannot be used beside other settings of the study; None if it can.

        Args:
            beside: Those settings, and the technique's other regularizers.
        """
        return None

    def following(self, metric: str) -> Self:
        """Return a copy that follows the metric that decides the study, where settings leave it.

        Args:
            metric: Its name, such as ``accuracy``.
        """
        return self

    def bound(self, prepared: Mapping[str, Any]) -> Self:
        """Return a copy that has the data it needs, in private attributes.

        They reach every place at which it acts. Reading settings binds it without the data, too.

        Args:
            prepared: The datasets named in ``prepared``, by name; and ``train_counts``, the
                number of train images of each class, K ints.
        """
        return self

    def change_batch(self, batch: Batch, seed: "tf.Tensor") -> Batch:
        """Return the batch that is trained on instead.

        Args:
            batch: Images and targets.
            seed: 2 ints; different for every step, training seed and regularizer.
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

    def layers_on_branch(self, at: Position) -> "list[keras.Layer]":
        """Return layers at the end of a residual block's branch, before it is added."""
        raise NotImplementedError

    def mark(self, at: Position) -> "keras.Layer":
        """Return a layer without effect, at which ``change_values`` and the like act.

        It is Keras' own: a network with it is saved, and loaded, without RegBench.
        """
        import keras

        return keras.layers.Identity(name=f"{self.key()}_{at.number}")

    def change_values(
        self, values: "tf.Tensor", seed: "tf.Tensor", progress: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the values that training goes on with, at each of its marks.

        Args:
            values: B x the position's shape; float32, or the 16 bits that the network computes in.
            seed: 2 ints; different for every step, training seed, regularizer and mark.
            progress: Of the training, steps done / all steps: float32 from 0 to 1.
        """
        raise NotImplementedError

    def penalize_values(self, values: "tf.Tensor") -> "tf.Tensor":
        """Return the penalty of a batch's values, at each of its marks: a float32 scalar.

        It is added to the loss. Values are given as for ``change_values``, and before it.
        """
        raise NotImplementedError

    def penalty(self, kernel: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return a hidden kernel's penalty, which is added to the loss: a float32 scalar.

        Args:
            kernel: Incoming weights x units: a column holds the weights of one unit, or filter. Of
                a depthwise convolution every channel has units of its own.
            seed: 2 ints; different for every step, training seed, regularizer and kernel.
        """
        raise NotImplementedError

    def constrain(self, kernel: "tf.Tensor") -> "tf.Tensor":
        """Return the constrained kernel of a hidden layer; called after every step.

        Args:
            kernel: As of ``penalty``.
        """
        raise NotImplementedError

    def reparametrize(self, units: Units) -> Reparametrization:
        """Return how a hidden kernel is computed from the variable that is trained.

        Penalties and constraints are of the variable. What is evaluated and kept is the computed
        kernel, in a network without reparametrization.

        Args:
            units: The kernel's.
        """
        raise NotImplementedError

    def change_losses(
        self, losses: "tf.Tensor", targets: "tf.Tensor", logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses to minimize the mean of, B float32.

        Args:
            losses: Cross-entropies in nats, possibly changed by other regularizers; B.
            targets: As in ``Batch``.
            logits: B x classes, float32.
        """
        raise NotImplementedError

    def image_weights(self, targets: "tf.Tensor") -> "tf.Tensor":
        """Return the weight of each image's loss, B float32.

        Losses are weighted after all changes of them.

        Args:
            targets: As in ``Batch``.
        """
        raise NotImplementedError

    def distil(
        self, losses: "tf.Tensor", logits: "tf.Tensor", teacher_logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses of a network with a teacher, B float32.

        Args:
            losses: From ``change_losses``, B.
            logits: B x classes, float32.
            teacher_logits: The teacher's, of the same images; B x classes, float32.
        """
        raise NotImplementedError

    def update(self, variables: TrainedVariables) -> Update:
        """Return the ``Update`` of these variables."""
        raise NotImplementedError

    def change_rate(
        self, schedule: Callable[[int, int], float], step: int, epochs: int, steps_an_epoch: int
    ) -> float:
        """Return the share of the learning rate that a step is made with.

        Args:
            schedule: The protocol's: returns the share for a step, from 0, of so many epochs.
            step: Its number in the training, or the phase, from 0.
            epochs: Of the training, or the phase, if nothing ends it earlier.
            steps_an_epoch: Optimizer steps.
        """
        raise NotImplementedError

    def factor_of_rate(self) -> float:
        """Return a factor of the rate of every step, after all changes of its share."""
        raise NotImplementedError

    def stop(self) -> Stop:
        """Return the ``Stop`` of a training."""
        raise NotImplementedError

    def train_members(self, members: "Members") -> "Combination":
        """Return an ensemble's networks, and how they are put together."""
        raise NotImplementedError

    def in_full(self) -> Any:
        """Return all settings, defaults included, as plain values.

        Of a single setting with ``shorthand``, its value; without settings, ``True``.
        """
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
        """Return it as written in YAML, without settings at their defaults."""
        values = all_settings(self)
        fields = type(self).model_fields
        own = {name: values[name] for name in values if values[name] != fields[name].default}
        if self.shorthand and set(own) <= {self.shorthand}:
            return values.get(self.shorthand, getattr(self, self.shorthand))
        return own or True
