"""Class weights against scikit-learn's and against a training by Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from tests.building import build_network
from tests.training.small_study import protocol

from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.class_weights import ClassWeights, balanced_weights
from regbench.study.technique import Technique
from regbench.training.train import SplitPart, train

SCALING = {"offset": [128.0], "scale": [60.0]}
COUNTS = np.array([30, 8, 2])
TARGETS = np.repeat([0, 1, 2], COUNTS)


@given(st.lists(st.integers(0, 500), min_size=2, max_size=9).filter(any))
@settings(deadline=None, max_examples=50)
def test_are_scikit_learns(counts: list[int]) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    present = np.unique(targets)
    found = balanced_weights(np.array(counts))
    expected = compute_class_weight("balanced", classes=present, y=targets)
    np.testing.assert_allclose(found[present], expected, rtol=1e-6)
    assert (found[np.array(counts) == 0] == 0).all()


def test_mixed_targets_are_weighted_by_their_shares() -> None:
    weights = ClassWeights().bound({"train_counts": COUNTS})
    shares = tf.constant([[1.0, 0, 0], [0, 0.25, 0.75]])
    by_class = 40 / (3 * COUNTS)
    expected = [by_class[0], 0.25 * by_class[1] + 0.75 * by_class[2]]
    found = weights.image_weights(shares)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    found = weights.image_weights(tf.constant([0, 2]))
    np.testing.assert_allclose(found, [by_class[0], by_class[2]], rtol=1e-6)


def test_need_the_number_of_images() -> None:
    with pytest.raises(ValueError, match="class weights need the number of train images"):
        ClassWeights().image_weights(tf.zeros(1, tf.int32))


def test_a_training_is_that_of_keras() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    technique = Technique(class_weights="balanced")
    regularizers = technique.regularizers({"train_counts": COUNTS})
    network, other = (
        build_network((4, 4, 1), 3, Mlp(hidden_units=[8], activation="relu"), technique, 1, SCALING)
        for _ in range(2)
    )
    part = SplitPart(np.arange(40), TARGETS)
    shared = protocol(batch_size=40, epochs=3)
    history, _ = train(network, images, part, part, shared, 1, regularizers)
    other.compile(
        keras.optimizers.Adam(shared.optimizer.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(),
    )
    weights = compute_class_weight("balanced", classes=np.arange(3), y=TARGETS)
    keras.utils.set_random_seed(1)  # Keras shuffles by it
    other.fit(
        images, TARGETS, batch_size=40, epochs=3, class_weight=dict(enumerate(weights)), verbose=0
    )
    for one, two in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert len(history) == 3
