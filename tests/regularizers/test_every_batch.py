"""What holds of every regularizer that changes the batch, discovered or yet to be written."""

import json
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from tests.regularizers.batches import CLASSES, changed, random_images
from tests.training.small_study import protocol

from regbench.networks.base import Plan
from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.base import Regularizer, Stage
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.technique import Technique
from regbench.training.step import step_for
from regbench.training.train import SplitPart, train

SHARED = {
    "augmentation": {
        "rotation": 20,
        "shift": 0.1,
        "zoom": 0.1,
        "shear": 0,
        "horizontal_flip": False,
        "vertical_flip": False,
        "fill": "constant",
        "fill_value": 0,
    }
}
KEYS = [key for key, kind in REGULARIZERS.items() if kind.does("change_batch")]
SHAPES = [(12, 9, 1), (9, 12, 3)]


def by_default(key: str) -> Regularizer:
    (regularizer,) = Technique.model_validate(
        {key: True if key == "augmentation" else {}}
    ).regularizers(SHARED)
    return regularizer


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("key", KEYS)
def test_images_stay_bytes_and_targets_stay_targets(key: str, shape: tuple[int, int, int]) -> None:
    images = random_images(10, shape)
    found, targets = changed(by_default(key), images)
    views = len(found) // 10
    assert found.shape == (10 * views, *shape)
    assert found.dtype == np.uint8
    assert (found[-10:] != images).any()
    if targets.ndim == 1:
        assert targets.tolist() == [n % CLASSES for n in range(10)] * views
    else:
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
        assert (targets >= 0).all()


@pytest.mark.parametrize("key", KEYS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(key: str) -> None:
    images = random_images(10, (12, 9, 3))
    one, again, other = (changed(by_default(key), images, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert (one[0] != other[0]).any()


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("key", KEYS)
def test_a_batch_may_be_as_small_as_it_likes(key: str, count: int) -> None:
    found, targets = changed(by_default(key), random_images(count, (8, 8, 1)))
    assert len(found) == len(targets)
    assert len(found) in (count, 3 * count)


@pytest.mark.parametrize("key", KEYS)
def test_targets_that_are_mixed_already_are_taken(key: str) -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(CLASSES), 10).astype(np.float32)
    _, targets = changed(by_default(key), random_images(10, (8, 8, 3)), shares)
    assert targets.shape[1] == CLASSES
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("key", KEYS)
def test_evaluation_sees_images_as_they_are(key: str) -> None:
    images, targets = random_images(40, (8, 8, 1)), np.arange(40) % CLASSES
    parts = [SplitPart(rows, targets[rows]) for rows in (np.arange(30), np.arange(30, 40))]
    regularizer = by_default(key)
    scaling = {"offset": [128.0], "scale": [60.0]}

    def trained(technique: list[Regularizer]) -> tuple[Any, Any]:
        network = Mlp(hidden_units=[6], activation="tanh").build(
            Plan((8, 8, 1), CLASSES, 1, scaling, technique)
        )
        return network, train(network, images, *parts, protocol(), 1, technique)[0]

    network, history = trained([regularizer])
    plain, _ = trained([])
    assert any(
        (one != other).any()
        for one, other in zip(network.get_weights(), plain.get_weights(), strict=True)
    )
    shares = np.asarray(network(images[30:], training=False), dtype=float)
    expected = -np.log(shares[np.arange(10), targets[30:]]).mean()
    assert history["validation_cross_entropy"].iloc[-1] == pytest.approx(expected, rel=1e-4)


def test_a_step_changes_in_the_order_of_stages_whatever_the_technique_says() -> None:
    entry = {"mixup": 1, "augmix": {}, "colour_jitter": {}, "cutout": 0.5, "flip": {}, "cutmix": {}}
    technique = Technique.model_validate(entry).regularizers(SHARED)
    network = Mlp(hidden_units=[4], activation="relu").build(
        Plan((8, 8, 1), CLASSES, 1, {"offset": [0.0], "scale": [1.0]}, technique)
    )
    order: list[str] = []
    for regularizer in technique:

        def noted(batch: Any, seed: Any, of: Any = regularizer) -> Any:
            order.append(of.key())
            return type(of).change_batch(of, batch, seed)

        object.__setattr__(regularizer, "change_batch", noted)
    step = step_for(network, 10, protocol().optimizer, technique)
    step.begin(network, 1)
    sums = step(random_images(10, (8, 8, 1)), np.zeros(10, np.int32), np.array([0.1]))
    assert np.isfinite(sums).all()
    assert order == ["flip", "colour_jitter", "cutout", "cutmix", "mixup", "augmix"]
    stages = [REGULARIZERS[key].stage for key in order]
    assert stages == sorted(stages)
    assert set(stages) == set(Stage)


def test_figures_of_several_views_are_those_of_the_first() -> None:
    images, targets = random_images(20, (8, 8, 1)), np.arange(20, dtype=np.int32) % CLASSES
    technique = [by_default("augmix")]
    network = Mlp(hidden_units=[6], activation="tanh").build(
        Plan((8, 8, 1), CLASSES, 1, {"offset": [128.0], "scale": [60.0]}, technique)
    )
    until = keras.Model(network.inputs, network.get_layer("logits").output)
    logits = np.asarray(until(images, training=False), dtype=float)
    step = step_for(network, 20, protocol().optimizer, technique)
    step.begin(network, 1)
    found = step(images, targets, np.array([0.1]))
    expected = -log_softmax(logits, axis=1)[np.arange(20), targets].sum()
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert found[1] == (logits.argmax(axis=1) == targets).sum()


@pytest.mark.parametrize("key", KEYS)
def test_settings_are_plain_values(key: str) -> None:
    assert json.loads(json.dumps(by_default(key).in_full())) == by_default(key).in_full()
