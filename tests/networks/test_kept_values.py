"""Values that backpropagation keeps: against sums written out, and what kinds say beforehand."""

import keras
import pytest
from keras import layers
from tests.networks.every_kind import ENTRIES, SHAPE, built, network, plan

from regbench.networks.kept_values import kept_values
from regbench.networks.registry import network_of


def model(*made: keras.Layer, shape: tuple[int, ...] = (9, 7, 3)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *made])


def test_inputs_of_weights_and_outputs_of_activations_each_once() -> None:
    network = model(
        layers.Conv2D(4, 3, padding="same"),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(5, 1),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(2),
    )
    places, pooled = 9 * 7, 4 * 3
    assert kept_values(network) == places * (3 + 4 + 4) + pooled * (4 + 5) + pooled * 5


def test_what_follows_no_trained_weight_is_not_kept() -> None:
    network = model(
        layers.Conv2D(4, 3, padding="same", name="lower"),
        layers.Activation("relu"),
        layers.Conv2D(5, 3, padding="same", name="upper"),
    )
    assert kept_values(network, frozen={"lower"}) == 9 * 7 * 4
    network.get_layer("lower").trainable = False
    assert kept_values(network, frozen={"upper"}) == 0


def test_a_model_in_a_model_counts_and_a_shared_input_once() -> None:
    inner = model(layers.Conv2D(5, 3), shape=(4, 4, 2))
    image = keras.Input((4, 4, 2))
    values = layers.Concatenate()([inner(image), layers.Conv2D(1, 3)(image)])
    beside = layers.Conv2D(1, 3)(image)
    network = keras.Model(image, layers.Dense(3)(layers.Concatenate()([values, beside])))
    assert kept_values(network) == 4 * 4 * 2 + 4 * 4 * 2 + 2 * 2 * 7


def test_a_side_of_unknown_length_counts_once() -> None:
    assert kept_values(model(layers.Dense(2), shape=(None, 3))) == 3


@pytest.mark.parametrize("name", ENTRIES)
def test_what_a_kind_says_before_it_is_built_holds(name: str) -> None:
    beforehand = network(name).kept_values(SHAPE)
    if beforehand is None:
        assert ENTRIES[name]["kind"] in {"mlp", "pretrained", "own"}
    else:
        assert beforehand == kept_values(built(name))


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "resnet", "depth": 14, "filters": 3},
        {"kind": "cnn", "filters": [2, 3, 5], "convolutions_per_stage": 3},
    ],
)
def test_sides_that_do_not_halve_evenly(entry: dict[str, object]) -> None:
    shape = (13, 10, 1)
    kind = network_of(entry)
    assert kind.kept_values(shape) == kept_values(kind.built(plan(shape=shape)))


def test_of_a_training_in_phases_the_largest_phase_counts() -> None:
    phase = {"epochs": 1, "learning_rate": 0.1}
    kind = network_of({**ENTRIES["pretrained"], "head": phase})
    network = kind.built(plan())
    features = network.get_layer("logits").input.shape[1]
    assert kind.kept_when_built(network) == features
    tuned = network_of({**ENTRIES["pretrained"], "head": phase, "fine_tune": {**phase, "from": 0}})
    assert tuned.kept_when_built(network) > 50 * features
