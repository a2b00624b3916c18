"""Networks put together to one, whatever they are made of."""

from pathlib import Path

import keras
import numpy as np
import pytest
from tests.building import build_network

from regbench.networks.base import Network
from regbench.networks.ensembles import averaged, stacked, with_weights_of_members
from regbench.networks.inference import architecture, network_from_architecture, predict
from regbench.networks.kinds.cnn import Cnn
from regbench.networks.kinds.mlp import Mlp
from regbench.networks.kinds.resnet import Resnet
from regbench.networks.weights import weights_of
from regbench.study.technique import Technique
from regbench.training.precision import built_in

SHAPE, CLASSES = (8, 8, 3), 4
IMAGES = np.random.default_rng(0).integers(0, 256, (10, *SHAPE), dtype=np.uint8)
ROWS = np.arange(10)
KINDS = {
    "mlp": Mlp(hidden_units=[6], activation="relu"),
    "cnn": Cnn(filters=[4], convolutions_per_stage=1),
    "resnet": Resnet(depth=8, filters=4),
}


def networks(kind: Network, number: int = 3) -> list[keras.Model]:
    normalization = {"offset": [100.0] * 3, "scale": [50.0] * 3}
    technique = Technique(dropout=0.3)
    return [
        build_network(SHAPE, CLASSES, kind, technique, seed, normalization)
        for seed in range(number)
    ]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_weighted_mean(kind: str, precision: str, tmp_path: Path) -> None:
    with built_in(precision):
        members = networks(KINDS[kind])
    shares = [0.5, 0.3, 0.2]
    network = averaged(members, shares)
    expected = np.average([predict(each, IMAGES, ROWS) for each in members], axis=0, weights=shares)
    # Of half precision, layers may be rounded otherwise in another graph.
    tolerance = 1e-6 if precision == "float32" else 0.02
    found = predict(network, IMAGES, ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=tolerance)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(predict(loaded, IMAGES, ROWS), found)
    copy = network_from_architecture(architecture(network))
    assert [v.shape for v in copy.variables] == [v.shape for v in network.variables]


def test_a_layer_stands_on_all_probabilities() -> None:
    members = networks(KINDS["cnn"], 2)
    drawn = np.random.default_rng(1)
    kernel, bias = drawn.normal(size=(8, 4)).astype(np.float32), drawn.normal(size=4)
    network = stacked(members, kernel, bias)
    logits = np.concatenate([predict(m, IMAGES, ROWS) for m in members], axis=1) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(network, IMAGES, ROWS), expected, atol=1e-6)


def test_weights_of_members_are_found_by_name() -> None:
    members = networks(KINDS["mlp"], 2)
    network = averaged(members, [0.5, 0.5])
    zeros = {name: np.zeros_like(values) for name, values in weights_of(members[0]).items()}
    found = with_weights_of_members(network, [{}, zeros])
    assert found.keys() == weights_of(network).keys()
    for name, values in found.items():
        if name.startswith("member_2/"):
            assert not values.any()
        else:
            np.testing.assert_array_equal(values, weights_of(network)[name])
    with pytest.raises(KeyError, match=r"member_1/other\.kernel"):
        with_weights_of_members(network, [{"other.kernel": np.zeros(1)}, {}])
