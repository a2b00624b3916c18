"""Input dropout, against its share and its scale."""

from pathlib import Path

import numpy as np
import pytest
from tests.networks.every_kind import built, network, plan
from tests.regularizers.whole_training import check_training

from regbench.regularizers.base import Position
from regbench.regularizers.input_dropout import InputDropout


def test_drops_its_share_of_pixels_and_scales_up_the_rest() -> None:
    (layer,) = InputDropout(rate=0.2).input_layers(Position(0, (20, 20, 3), 1))
    values = np.ones((50, 20, 20, 3), dtype=np.float32)
    dropped = np.asarray(layer(values, training=True))
    assert np.mean(dropped == 0) == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / 0.8, rtol=1e-6)
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_pixels_are_dropped_after_whitening() -> None:
    made = network("cnn").built(plan(input_dropout=0.2, zca=True))
    names = [layer.name for layer in made.layers]
    assert names.index("input_dropout") > names.index("zca_back")


def test_hidden_layers_are_as_they_were() -> None:
    names = [layer.name for layer in built("mlp", "input_dropout").layers]
    names.remove("input_dropout")
    assert names == [layer.name for layer in built("mlp").layers]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_trains(kind: str, tmp_path: Path) -> None:
    check_training(kind, tmp_path, input_dropout=0.2)
