"""Grad-CAM against the formula, by finite differences and by hand."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.building import build_network

from regbench.networks.grad_cam import grad_cam
from regbench.networks.kinds.cnn import Cnn
from regbench.study.technique import Technique


def images(side: int = 8, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (20, side, side, channels), dtype=np.uint8)


def network(*, softmax: bool = True, trainable: bool = True) -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((8, 8, 3), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, padding="same", activation="relu", trainable=trainable),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="last"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(6, activation="relu"),
        keras.layers.Dense(3, name="logits", activation=None if softmax else "softmax"),
    ]
    return keras.Sequential([*layers, *([keras.layers.Softmax()] if softmax else [])])


def by_hand(model: keras.Model, pictures: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The maps from NumPy and the weights alone: the gradient of this head is known."""
    features = keras.Model(model.inputs[0], model.get_layer("last").output)(pictures).numpy()
    hidden, logits = (layer.get_weights() for layer in model.layers if "Dense" in str(type(layer)))
    pooled = features.mean(axis=(1, 2))
    active = pooled @ hidden[0] + hidden[1] > 0
    of_pooled = (logits[0].T[answers] * active) @ hidden[0].T  # of the answer's logit
    weights = of_pooled / np.prod(features.shape[1:3])
    maps = np.maximum(np.einsum("nhwk,nk->nhw", features, weights), 0)
    largest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)


@pytest.mark.parametrize("trainable", [True, False])
def test_maps_are_those_of_the_formula(trainable: bool) -> None:
    model = network(trainable=trainable)
    found = grad_cam(model, images())
    assert found is not None
    maps, answers = found
    assert maps.shape == (20, 4, 4)
    np.testing.assert_array_equal(answers, model.predict(images(), verbose=0).argmax(axis=1))
    expected = by_hand(model, images(), answers)
    assert (expected.max(axis=(1, 2)) == 1).sum() > 10
    np.testing.assert_allclose(maps, expected, atol=1e-4)


def test_a_stored_network_has_the_same_maps(tmp_path: Path) -> None:
    scaling = {"scale": [255.0] * 3, "offset": [0.0] * 3}
    built = build_network((8, 8, 3), 3, Cnn(filters=[4, 6]), Technique(), 1, scaling)
    built.save(tmp_path / "network.keras")
    stored = keras.models.load_model(tmp_path / "network.keras")
    maps, answers = grad_cam(stored, images()) or (np.empty(0), np.empty(0))
    of_built, answers_of_built = grad_cam(built, images()) or (np.empty(0), np.empty(0))
    assert maps.shape == (20, 4, 4)
    assert maps.max() == 1
    np.testing.assert_allclose(maps, of_built, atol=1e-5)
    np.testing.assert_array_equal(answers, answers_of_built)


def test_without_a_softmax_layer_logarithms_stand_in_for_logits() -> None:
    model = network(softmax=False)
    maps, answers = grad_cam(model, images()) or (np.empty(0), np.empty(0))
    with tf.GradientTape() as tape:
        inner = keras.Model(model.inputs[0], [model.get_layer("last").output, model.outputs[0]])
        features, probabilities = inner(images())
        of_answer = tf.math.log(tf.reduce_max(probabilities, axis=1))
    gradients = tape.gradient(of_answer, features).numpy()
    raw = np.maximum(
        (gradients.mean(axis=(1, 2), keepdims=True) * np.asarray(features)).sum(axis=-1), 0
    )
    largest = raw.max(axis=(1, 2), keepdims=True)
    expected = np.divide(raw, largest, out=np.zeros_like(raw), where=largest > 0)
    np.testing.assert_allclose(maps, expected, atol=1e-3)
    assert answers.tolist() == probabilities.numpy().argmax(axis=1).tolist()


def test_maps_may_be_those_of_a_network_inside() -> None:
    keras.utils.set_random_seed(2)
    inside = keras.Input((8, 8, 3))
    values = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="last")(inside)
    body = keras.Model(inside, keras.layers.GlobalAveragePooling2D()(values), name="body")
    outside = keras.Input((8, 8, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(outside)
    logits = keras.layers.Dense(3, name="logits")(body(scaled))
    nested = keras.Model(outside, keras.layers.Softmax()(logits))
    values = keras.layers.Conv2D(5, 3, padding="same", activation="relu")(scaled)
    values = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(values))
    flat = keras.Model(outside, keras.layers.Softmax()(values))
    flat.set_weights(nested.get_weights())
    of_nested, of_flat = grad_cam(nested, images()), grad_cam(flat, images())
    assert of_nested is not None
    assert of_flat is not None
    assert of_nested[0].max() == 1
    np.testing.assert_allclose(of_nested[0], of_flat[0], atol=1e-5)


def test_a_network_without_convolutions_has_none() -> None:
    dense = keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
            keras.layers.Softmax(),
        ]
    )
    assert grad_cam(dense, images()) is None


def test_several_networks_put_together_have_none() -> None:
    def member(name: str) -> keras.Model:
        inside = keras.Input((8, 8, 3))
        values = keras.layers.Conv2D(5, 3)(inside)
        return keras.Model(inside, keras.layers.GlobalAveragePooling2D()(values), name=name)

    image = keras.Input((8, 8, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    both = keras.layers.Average()([member("one")(scaled), member("other")(scaled)])
    together = keras.Model(image, keras.layers.Softmax()(both))
    assert grad_cam(together, images()) is None
