"""A kind of network that leaves out a technique's layers is not trained without them."""

from typing import Any

import keras
import pytest

from regbench.networks.base import Network, Plan
from regbench.networks.kinds.mlp import Mlp
from regbench.study.technique import Technique


class Bare(Network):
    """Asks for no layers of the technique."""

    def build(self, plan: Plan) -> keras.Model:
        return keras.Sequential([*plan.first_layers(), keras.layers.Flatten(), *plan.last_layers()])


def plan(**regularizers: Any) -> Plan:
    technique = Technique(**regularizers).regularizers({})
    return Plan((4, 4, 1), 3, 1, {"offset": [0.0], "scale": [1.0]}, technique)


def test_layers_that_are_left_out_are_told_of() -> None:
    message = r"^networks of kind test_base leave out batch_normalization, dropout$"
    with pytest.raises(ValueError, match=message):
        Bare().built(plan(l2=0.1, dropout=0.5, batch_normalization=True))


def test_what_needs_no_layer_is_no_fault() -> None:
    assert Bare().built(plan(l2=0.1)).output_shape == (None, 3)


def test_layers_that_are_asked_for_are_no_fault() -> None:
    network = Mlp(hidden_units=[4], activation="relu")
    assert network.built(plan(dropout=0.5, batch_normalization=True)).output_shape == (None, 3)
