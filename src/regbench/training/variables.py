"""Variables and layers of a network: given other values, or frozen, for a while."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


@contextmanager
def assigned(
    variables: Sequence[keras.Variable | tf.Variable], values: Sequence[Any]
) -> Iterator[None]:
    """Give variables other values for a while."""
    last = [variable.numpy() for variable in variables]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    try:
        yield
    finally:
        for variable, value in zip(variables, last, strict=True):
            variable.assign(value)


def normalizations(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the layers of batch normalization, those inside of other layers included."""
    layers = network._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def moving_statistics(network: keras.Model) -> list[keras.Variable]:
    """Return the moving means and variances of batch normalization."""
    return [
        variable
        for layer in normalizations(network)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]


def batch_statistics(network: keras.Model, forward: Callable[[], object]) -> list[tf.Tensor]:
    """Return a batch's means and variances in every batch normalization that is trained.

    Of a frozen one: its moving ones. Both are in the order of ``moving_statistics``.

    Args:
        network: Its layers; their moving statistics are changed.
        forward: Calls the network on the batch, in training mode.
    """
    layers = normalizations(network)
    trained = [layer for layer in layers if layer.trainable]
    for layer in trained:
        for variable in (layer.moving_mean, layer.moving_variance):
            variable.assign(tf.zeros_like(variable.value))
    forward()
    found = []
    for layer in layers:
        # From 0, a moving mean moves by a share of the batch's own value.
        share = 1 - layer.momentum if layer in trained else 1.0
        both = (layer.moving_mean, layer.moving_variance)
        found += [tf.identity(variable.value) / share for variable in both]
    return found


@contextmanager
def frozen_layers(network: keras.Model, names: frozenset[str]) -> Iterator[None]:
    """Set layers untrainable for a while; batch normalization then runs in inference mode.

    Raises:
        ValueError: There is no layer of a name.
    """
    if not names:
        yield
        return
    layers = list(network._flatten_layers(include_self=False))
    missing = names - {layer.name for layer in layers}
    if missing:
        raise ValueError(f"the network has no layers {', '.join(sorted(missing))}")
    trainable = [layer.trainable for layer in layers]
    for layer in layers:
        if layer.name in names:
            layer.trainable = False
    try:
        yield
    finally:
        for layer, value in zip(layers, trainable, strict=True):  # outer ones before inner ones
            layer.trainable = value


def copy_variables(source: keras.Model, target: keras.Model) -> None:
    """Copy weights and states of random generators between networks of one architecture."""
    for value, variable in zip(source.variables, target.variables, strict=True):
        variable.assign(value)
