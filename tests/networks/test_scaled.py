"""Networks at a fraction of their width."""

from typing import Any

import pytest

from regbench.networks.registry import network_of

CNN = {"kind": "cnn", "filters": [32, 64, 3], "head_units": 40}


@pytest.mark.parametrize(
    ("entry", "factor", "changed"),
    [
        (
            {"kind": "mlp", "hidden_units": [50, 3], "activation": "relu"},
            0.1,
            {"hidden_units": [5, 1]},
        ),
        (CNN, 0.5, {"filters": [16, 32, 2], "head_units": 20}),
        ({**CNN, "head_units": None}, 2, {"filters": [64, 128, 6], "head_units": None}),
        ({"kind": "resnet", "filters": 16}, 0.25, {"filters": 4}),
    ],
)
def test_every_layer_is_so_many_times_as_wide(
    entry: dict[str, Any], factor: float, changed: dict[str, Any]
) -> None:
    network = network_of(entry)
    scaled = network.scaled(factor)
    assert scaled is not None
    assert scaled.as_entry() == network.as_entry() | changed


def test_a_network_of_a_given_form_has_no_width() -> None:
    network = network_of(
        {"kind": "pretrained", "application": "MobileNetV2", "weights": None, "head": None}
    )
    assert network.scaled(0.5) is None
