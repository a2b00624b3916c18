"""Networks put together to one network: their probabilities averaged, or a layer on them."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from regbench.networks.base import LOGITS
from regbench.networks.weights import weights_of


def averaged(networks: Sequence[keras.Model], shares: Sequence[float]) -> keras.Model:
    """Return a network whose probabilities are the weighted mean of those of some networks.

    Args:
        networks: From raw uint8 images to probabilities, all of one architecture. The network has
            their layers and weights themselves.
        shares: Of each, of sum 1.
    """
    image, probabilities = _side_by_side(networks)
    parts = [
        keras.layers.Rescaling(share, dtype="float32", name=f"share_{number}")(values)
        for number, (share, values) in enumerate(zip(shares, probabilities, strict=True), start=1)
    ]
    mean = keras.layers.Add(dtype="float32", name="probabilities")(parts)
    return keras.Model(image, mean, name="network")


def stacked(networks: Sequence[keras.Model], kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Return a network with a dense layer and a softmax on the probabilities of some networks.

    Args:
        networks: K, as of ``averaged``.
        kernel: Of the layer, (K classes) x classes; the networks' probabilities stand one after
            another.
        bias: Of the layer, one for each class.
    """
    image, probabilities = _side_by_side(networks)
    values = keras.layers.Concatenate(dtype="float32", name="all_probabilities")(probabilities)
    logits = keras.layers.Dense(len(bias), dtype="float32", name=LOGITS)
    answer = keras.layers.Softmax(dtype="float32", name="probabilities")(logits(values))
    logits.set_weights([kernel, bias])
    return keras.Model(image, answer, name="network")


def with_weights_of_members(
    network: keras.Model, members: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the weights of an ensemble's network, with other values for some of its members.

    Args:
        network: From ``averaged`` or ``stacked``.
        members: For each member its weights by name, as of ``weights_of``; empty for those it has.
    """
    weights = weights_of(network)
    for number, of_member in enumerate(members, start=1):
        own = {f"{_member(number)}/{name}": values for name, values in of_member.items()}
        if unknown := own.keys() - weights.keys():
            raise KeyError(f"the network has no weights {', '.join(sorted(unknown))}")
        weights |= own
    return weights


def _side_by_side(
    networks: Sequence[keras.Model],
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """Return an image, and the probabilities that each network has for it."""
    image = keras.Input(networks[0].input_shape[1:], dtype="uint8", name="image")
    members = [
        # Functional even if sequential: loading rebuilds a sequential one for each of its layers.
        keras.Model(network.inputs[0], network.outputs[0], name=_member(number))
        for number, network in enumerate(networks, start=1)
    ]
    return image, [member(image) for member in members]


def _member(number: int) -> str:
    return f"member_{number}"
