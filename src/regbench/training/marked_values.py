"""Values between layers that regularizers change or penalize while a network is trained.

A regularizer marks the places with Keras' identity layer. Outside of the training step a mark does
nothing: the network is described, saved and evaluated as it is.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import keras
import tensorflow as tf

from regbench.regularizers.base import Regularizer


class MarkedValues:
    """What regularizers do at their marks in a network."""

    def __init__(self, network: keras.Model, regularizers: Sequence[Regularizer]) -> None:
        """Let the network's marks call the regularizers.

        Args:
            network: Changed in place.
            regularizers: Those that change or penalize values.
        """
        self._step: tuple[tf.Tensor, tf.Tensor] | None = None  # seed and progress
        self._penalties: list[tf.Tensor] = []
        by_key = {regularizer.key(): regularizer for regularizer in regularizers}
        for layer in network._flatten_layers(include_self=False):  # also those of inner models
            key, number = _mark_of(layer)
            if key in by_key:
                layer.call = partial(self._call, by_key[key], number)

    @contextmanager
    def acting(self, seed: tf.Tensor, progress: tf.Tensor) -> Iterator[list[tf.Tensor]]:
        """Let them act while the network is called; yield the list that gets their penalties.

        Args:
            seed: 2 ints; different for every step and training seed.
            progress: Of the training, float32 from 0 to 1.
        """
        self._step, self._penalties = (seed, progress), []
        try:
            yield self._penalties
        finally:
            self._step = None

    def _call(self, regularizer: Regularizer, number: int, values: tf.Tensor) -> tf.Tensor:
        if self._step is None:
            return values
        seed, progress = self._step
        if regularizer.does("penalize_values"):
            self._penalties.append(regularizer.penalize_values(values))
        if not regularizer.does("change_values"):
            return values
        for fold in (regularizer.stream(), number):
            seed = tf.random.experimental.stateless_fold_in(seed, fold)
        return regularizer.change_values(values, seed, progress)


def _mark_of(layer: keras.Layer) -> tuple[str, int]:
    """Return the key of the regularizer that a mark is of, and its number; '' of other layers."""
    found = re.fullmatch(r"(.+)_(\d+)", layer.name)
    if type(layer) is not keras.layers.Identity or found is None:
        return "", 0
    return found[1], int(found[2])
