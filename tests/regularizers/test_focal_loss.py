"""The focal loss against Keras', the paper's formula, and with class weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.building import build_network
from tests.regularizers.losses import HARD, LOG_SHARES, MIXED, SHARES, TARGETS, changed
from tests.training.small_study import protocol

from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.focal_loss import FocalLoss
from regbench.study.technique import Technique
from regbench.training.train import SplitPart, train

SCALING = {"offset": [128.0], "scale": [60.0]}


@pytest.mark.parametrize(("targets", "shares"), [(TARGETS, HARD), (MIXED, MIXED)])
@pytest.mark.parametrize("gamma", [0.5, 2, 5])
def test_is_keras(targets: np.ndarray, shares: np.ndarray, gamma: float) -> None:
    found = changed(FocalLoss(gamma=gamma), targets)
    loss = keras.losses.CategoricalFocalCrossentropy(alpha=1, gamma=gamma, reduction=None)
    np.testing.assert_allclose(found, loss(shares, SHARES), rtol=1e-3, atol=1e-5)
    formula = -(shares * (1 - SHARES) ** gamma * LOG_SHARES).sum(axis=1)
    np.testing.assert_allclose(found, formula, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 1, 2])
def test_the_gradient_is_finite_for_certain_answers(gamma: float) -> None:
    logits = tf.constant([[200.0, 0.0], [-200.0, 0.0]])
    targets = tf.constant([0, 0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        plain = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        losses = FocalLoss(gamma=gamma).change_losses(plain, targets, logits)
    np.testing.assert_allclose(losses, [0, 200], atol=1e-4)
    np.testing.assert_allclose(tape.gradient(losses, logits), [[0, 0], [-1, 1]], atol=1e-4)


def test_with_class_weights_it_is_the_papers_balanced_form() -> None:
    """A training with both is Keras' with alpha, and the history's figures are the plain ones."""
    counts = np.array([30, 8, 2])
    targets = np.repeat([0, 1, 2], counts)
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    technique = Technique(class_weights="balanced", focal_loss=2)
    network, other = (
        build_network((4, 4, 1), 3, Mlp(hidden_units=[8], activation="relu"), technique, 1, SCALING)
        for _ in range(2)
    )
    plain = keras.losses.SparseCategoricalCrossentropy()(targets, other(images)).numpy()
    part = SplitPart(np.arange(40), targets)
    shared = protocol(batch_size=40, epochs=1)
    history, _ = train(
        network, images, part, part, shared, 1, technique.regularizers({"train_counts": counts})
    )
    alpha = 40 / (3 * counts)
    other.compile(
        keras.optimizers.Adam(shared.optimizer.learning_rate),
        keras.losses.CategoricalFocalCrossentropy(alpha=list(alpha), gamma=2),
    )
    other.fit(images, np.eye(3)[targets], batch_size=40, epochs=1, shuffle=False, verbose=0)
    for one, two in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    assert history["train_cross_entropy"].item() == pytest.approx(plain, rel=1e-4)
