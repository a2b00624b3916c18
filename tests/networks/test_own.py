"""A user's own network: what the function may return, and what is said of one that may not."""

from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from tests.networks.every_kind import CLASSES, plan

from regbench.errors import StudyError
from regbench.networks.inference import predict
from regbench.networks.kinds.own import Own
from regbench.training.precision import built_in

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


def own(name: str) -> Own:
    return Own(function=f"tests.networks.own_networks.{name}")


def test_hooks_put_a_techniques_layers_where_they_are_called() -> None:
    network = own("with_hooks").built(plan(dropout=0.5, batch_normalization=True, zca=True))
    names = [layer.name for layer in network.layers]
    assert names[:5] == ["image", "normalization", "zca_flat", "zca", "zca_back"]
    for number in (1, 2):
        at = names.index(f"batch_normalization_{number}")
        assert isinstance(network.layers[at - 1], keras.layers.Conv2D)
        assert names[at + 2] == f"dropout_{number}"
    assert names[-2:] == ["logits", "probabilities"]


@pytest.mark.parametrize(
    "name", ["without_hooks", "with_a_softmax_layer", "of_raw_images", "nested"]
)
def test_logits_come_before_the_softmax(name: str) -> None:
    network = own(name).built(plan())
    logits = keras.Model(network.inputs, network.get_layer("logits").output)(IMAGES)
    assert np.abs(np.asarray(logits).sum(axis=1) - 1).max() > 1e-3
    exponentials = np.exp(np.asarray(logits, dtype=float))
    np.testing.assert_allclose(
        predict(network, IMAGES, np.arange(5)),
        exponentials / exponentials.sum(axis=1, keepdims=True),
        rtol=1e-4,
    )


def test_a_network_of_raw_images_gets_them_as_they_are() -> None:
    network = own("of_raw_images").built(plan())
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    logits = keras.Model(network.inputs, network.get_layer("logits").output)(IMAGES)
    np.testing.assert_allclose(logits, inner(IMAGES), rtol=1e-5)


def test_layers_that_it_does_not_ask_for_are_one_line() -> None:
    with pytest.raises(ValueError, match="does not call the hooks") as caught:
        own("without_hooks").built(plan(l2=0.1, dropout=0.5, batch_normalization=True))
    assert str(caught.value) == (
        "tests.networks.own_networks.without_hooks (parameters_networks.yml) does not call the "
        "hooks for the layers of batch_normalization, dropout: docs/your-network.md"
    )


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            "of_too_many_classes",
            f"its model returns ({CLASSES + 1},) an image, not ({CLASSES},)",
        ),
        ("of_other_images", "its model takes (9, 8, 3) an image, not (8, 8, 3)"),
        ("ending_in_sigmoid", "its model ends in sigmoid, not in logits or softmax"),
        (
            "with_nested_softmax",
            "its model has its softmax inside of another model; leave it out",
        ),
        ("with_lambda", "it may have only Keras' own layers, no Lambda: "),
        ("that_fails", "RuntimeError: no such luck"),
        ("that_exits", "SystemExit: not today"),
        ("with_a_penalty", "its layer mine has a kernel_regularizer, which is not applied"),
        ("with_a_constraint", "its layer mine has a bias_constraint, which is not applied"),
        ("with_an_activity_penalty", "its layer mine has a activity_regularizer"),
        (
            "of_half_precision",
            "its layer mine has weights in float16, and only float32 is trained; leave out its ",
        ),
        ("of_double_precision", "its layer mine has weights in float64, and only float32 is "),
        ("no_model", "must return a functional or sequential Keras model with its input"),
        ("model_before_inputs", "hooks.model needs what hooks.inputs began"),
        ("there_is_none", "AttributeError: module 'tests.networks.own_networks' has no attribute"),
    ],
)
def test_a_function_that_will_not_do_is_one_line(function: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        own(function).built(plan())
    message = caught.value.message
    assert message.startswith(
        f"parameters_networks.yml: function: tests.networks.own_networks.{function}: "
    )
    assert said in message
    assert "\n" not in message


def test_a_module_that_there_is_not_is_one_line() -> None:
    with pytest.raises(StudyError, match="ModuleNotFoundError: No module named 'no_such_module'"):
        Own(function="no_such_module.build").built(plan())


@pytest.mark.parametrize("path", ["build", "", "my module.build", "a..b", "a.b()", 3])
def test_a_function_is_named_with_its_module(path: Any) -> None:
    with pytest.raises(ValidationError):
        Own(function=path)


def test_the_seed_is_the_trainings() -> None:
    from regbench.networks.hooks import Hooks

    assert Hooks(plan(seed=5)).seed == 5


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("of_probabilities", "returns probabilities, but not from a softmax at its end"),
        ("without_weights", "its model has no weights to train"),
    ],
)
def test_what_cannot_be_trained_soundly_is_told_once_built(function: str, said: str) -> None:
    network = own(function)
    with pytest.raises(StudyError, match=said):
        network.check(network.built(plan()))


def test_images_that_are_scaled_twice_are_told() -> None:
    network = own("that_scales_again")
    (line,) = network.check(network.built(plan()))
    assert "scales images by 0.003922 in its layer mine, and they are normalized already" in line
    for sound in ("of_raw_images", "with_hooks", "without_hooks", "nested"):
        assert own(sound).check(own(sound).built(plan())) == []


@pytest.mark.parametrize("function", ["without_hooks", "with_hooks", "of_raw_images"])
def test_logits_and_probabilities_are_float32_in_mixed_precision(function: str) -> None:
    with built_in("mixed_float16"):
        network = own(function).built(plan())
    assert any(layer.compute_dtype == "float16" for layer in network._flatten_layers())
    for name in ("logits", "probabilities"):
        assert network.get_layer(name).output.dtype == "float32"


def test_a_layer_of_mixed_precision_keeps_its_weights_in_float32() -> None:
    network = own("of_mixed_precision").built(plan())
    assert {weight.dtype for weight in network.trainable_weights} == {"float32"}
    assert np.isfinite(predict(network, IMAGES, np.arange(5))).all()
