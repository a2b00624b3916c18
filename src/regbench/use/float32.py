"""Networks in mixed precision, brought to float32: what most formats of other programs need."""

import re

import keras

from regbench.networks.inference import architecture, network_from_architecture
from regbench.networks.weights import set_weights, weights_of

_MIXED = re.compile(r'"mixed_b?float16"')  # Keras' names of the policies, in JSON


def is_mixed(network: keras.Model) -> bool:
    """Return whether a network computes in mixed precision."""
    return _MIXED.search(architecture(network)) is not None


def in_float32(network: keras.Model) -> keras.Model:
    """Return a network with the same weights that computes in float32 all over.

    In mixed precision weights are float32 already.
    """
    copy = network_from_architecture(_MIXED.sub('"float32"', architecture(network)))
    set_weights(copy, weights_of(network))
    return copy
