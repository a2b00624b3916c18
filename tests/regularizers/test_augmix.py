"""AugMix: the mixture and the loss of its paper, against NumPy and SciPy."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy
from tests.regularizers.batches import changed, random_images
from tests.regularizers.by_hand import assert_weights, plain_descent, weights
from tests.training.small_study import trained

from regbench.regularizers.augmix import Augmix
from regbench.regularizers.computations import picture_operations
from regbench.regularizers.computations.picture_operations import AMOUNTS
from regbench.study.technique import Technique

PLAIN = Augmix(consistency=0)


def test_with_consistency_a_batch_is_images_and_two_mixtures() -> None:
    images = random_images(6, (9, 9, 3))
    found, targets = changed(Augmix(), images)
    np.testing.assert_array_equal(found[:6], images)
    assert (found[6:12] != images).any(axis=(1, 2, 3)).all()
    assert (found[6:12] != found[12:]).any(axis=(1, 2, 3)).all()
    assert targets.tolist() == [0, 1, 2, 3, 4, 0] * 3


def test_a_mixture_is_of_the_image_and_its_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    # Chains are replaced by black images: what is left is m times the image, m uniform.
    monkeypatch.setattr(picture_operations, "chained", lambda images, *_: tf.zeros_like(images))
    images = np.full((2000, 1, 1, 1), 200, np.uint8)
    found = np.asarray(PLAIN.mixed(tf.constant(images), tf.constant([1, 2]))).ravel() / 200
    assert np.histogram(found, 4, (0, 1))[0] == pytest.approx([500] * 4, abs=80)
    # Chains that change nothing give the image again: the shares' sum is 1.
    monkeypatch.setattr(picture_operations, "chained", lambda images, *_: images)
    again = np.asarray(PLAIN.mixed(tf.constant(random_images(50, (4, 4, 3))), tf.constant([1, 2])))
    np.testing.assert_array_equal(again, random_images(50, (4, 4, 3)))


def test_chains_are_as_deep_and_operations_as_strong_as_in_the_paper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def noted(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor, fill: str) -> tf.Tensor:
        asked.append((chosen.numpy(), amounts.numpy()))
        return images

    monkeypatch.setattr(picture_operations, "chained", noted)
    Augmix(severity=5, width=4).mixed(tf.zeros((1500, 2, 2, 3), tf.uint8), tf.constant([1, 2]))
    rounds = list(zip(*asked[0], strict=True))
    assert [len(chosen) for chosen, _ in rounds] == [6000] * 3
    active = [(chosen != 0).mean() for chosen, _ in rounds]
    assert active == pytest.approx([1, 2 / 3, 1 / 3], abs=0.03)
    assert (rounds[1][0] == 0)[rounds[2][0] == 0].any()
    assert not (rounds[1][0] == 0)[rounds[2][0] != 0].any()  # a chain that ended stays so
    chosen, amounts = rounds[0]
    names = list(AMOUNTS)
    used = {names[number] for number in np.unique(chosen)}
    assert used == set(names) - {"identity", "brightness", "contrast", "colour", "sharpness"}
    for name, (rest, most) in {
        "rotate": (0, 15),
        "shear_x": (0, 0.15),
        "translate_y": (0, 1 / 6),
        "solarize": (256, 128),
        "posterize": (4, 2),
    }.items():
        own = np.abs(amounts[chosen == names.index(name)] - rest)
        limit = abs(most - rest) if rest else most
        assert own.max() == pytest.approx(limit, rel=0.02)
        assert own.min() == pytest.approx(limit / 50, rel=0.3)  # severities from 0.1 to 5


def test_the_loss_is_that_of_the_images_and_the_divergence_of_their_answers() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (12, 5)).astype(np.float32)
    losses = np.random.default_rng(1).uniform(0, 3, 12).astype(np.float32)
    found = Augmix(consistency=7).change_losses(losses, tf.zeros(12, tf.int32), logits)
    assert found.shape == (12,)
    shares = softmax(logits.astype(float), axis=1).reshape(3, 4, 5)
    mean = shares.mean(axis=0)
    divergence = np.mean([entropy(part, mean, axis=1) for part in shares], axis=0)
    expected = losses[:4].mean() + 7 * divergence.mean()
    assert np.mean(found) == pytest.approx(expected, rel=1e-5)
    # Of two different answers and the mean of both it is SciPy's, by its definition.
    pair = shares[:2]
    of_two = np.mean([entropy(part, pair.mean(axis=0), axis=1) for part in pair], axis=0)
    np.testing.assert_allclose(jensenshannon(*pair, axis=1) ** 2, of_two, rtol=1e-6)


def test_answers_that_agree_cost_nothing_and_the_gradient_is_finite() -> None:
    logits = tf.Variable(np.tile(np.float32([[40.0, -40, 0]]), (3, 1)))
    with tf.GradientTape() as tape:
        loss: Any = tf.reduce_mean(Augmix().change_losses(tf.zeros(3), tf.zeros(3), logits))
    assert float(loss) == pytest.approx(0, abs=1e-5)
    assert np.isfinite(np.asarray(tape.gradient(loss, logits))).all()


def test_without_consistency_losses_stay_as_they_are() -> None:
    losses = tf.constant([1.0, 2.0])
    assert PLAIN.change_losses(losses, tf.zeros(2), tf.zeros((2, 3))) is losses


@pytest.mark.parametrize("other", [{"focal_loss": 2}, {"label_smoothing": 0.3}])
def test_other_changes_of_the_loss_are_those_of_the_images(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, float]
) -> None:
    # With hardly any weight of the divergence, mixtures, here black, are not learned from at all.
    monkeypatch.setattr(Augmix, "mixed", lambda _, images, seed: tf.zeros_like(images))
    shared = plain_descent(epochs=1)
    both, _ = trained(Technique(augmix={"consistency": 1e-9}, **other), shared)
    alone, _ = trained(Technique(**other), shared)
    assert_weights(weights(both), weights(alone))
