"""Whole small trainings of a regularizer, on networks of several kinds, for its test."""

import functools
from pathlib import Path

import keras
import numpy as np
from tests.networks.every_kind import CLASSES, PREPARED, SHAPE, network, plan
from tests.training.small_study import protocol

from regbench.networks.inference import predict
from regbench.networks.weights import weights_of
from regbench.study.technique import Technique
from regbench.training.train import SplitPart, train

TARGETS = np.arange(40) % CLASSES
IMAGES = np.random.default_rng(0).integers(0, 120, (40, *SHAPE), dtype=np.uint8)
IMAGES += (40 * TARGETS[:, None, None, None]).astype(np.uint8)
ROWS = np.arange(40)
TRAIN, VALIDATION = SplitPart(ROWS[:30], TARGETS[:30]), SplitPart(ROWS[30:], TARGETS[30:])


def trained(name: str, epochs: int = 1, seed: int = 1, **technique: object) -> keras.Model:
    """Return a network of ``every_kind.ENTRIES``, trained with a technique's regularizers."""
    regularizers = Technique.model_validate(technique).regularizers(PREPARED)
    made = network(name).built(plan(seed, **technique))
    history, _ = train(made, IMAGES, TRAIN, VALIDATION, protocol(epochs=epochs), seed, regularizers)
    assert np.isfinite(history["train_cross_entropy"]).all()
    return made


@functools.cache
def predicted_by_the_baseline(name: str) -> np.ndarray:
    """Return what a network trained without any regularizer predicts."""
    return predict(trained(name), IMAGES, ROWS)


def check_training(name: str, folder: Path, **technique: object) -> keras.Model:
    """Check what holds for every regularizer; return the trained network.

    It is changed by training, differently from the baseline, the same twice, and Keras alone loads
    it from its file and predicts the same.
    """
    network, again = trained(name, **technique), trained(name, **technique)
    for weight, values in weights_of(network).items():
        np.testing.assert_array_equal(values, weights_of(again)[weight], err_msg=weight)
    found = predict(network, IMAGES, ROWS)
    assert not np.allclose(found, predicted_by_the_baseline(name), atol=1e-6)
    np.testing.assert_array_equal(found, predict(network, IMAGES, ROWS))
    network.save(folder / "network.keras")
    loaded = keras.models.load_model(folder / "network.keras", safe_mode=True)
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded._flatten_layers())
    np.testing.assert_array_equal(predict(loaded, IMAGES, ROWS), found)
    return network
