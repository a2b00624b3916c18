"""What a regularizer does to values at its marks, each with a toy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.training.test_places import (
    IMAGES,
    TRAIN,
    VALIDATION,
    Averaged,
    Recorded,
    Toy,
    built,
    made,
    protocol,
    trained,
)

from regbench.networks.inference import predict
from regbench.regularizers.base import Position
from regbench.regularizers.batch_normalization import BatchNormalization
from regbench.training import step as training_step
from regbench.training.train import train


@pytest.fixture(autouse=True)
def _compiled_anew() -> None:
    training_step.compiled_step.cache_clear()


class Marked(Toy):
    def layers_after_activation(self, at: Position) -> list[keras.Layer]:
        return [self.mark(at)]


class Halving(Marked):
    def change_values(self, values: tf.Tensor, seed: tf.Tensor, progress: tf.Tensor) -> tf.Tensor:
        return 0.5 * values


class Halves(Toy):
    """The same, by Keras' layers."""

    def layers_after_activation(self, at: Position) -> list[keras.Layer]:
        return [keras.layers.Rescaling(0.5, name=f"half_{at.number}")]


class Noting(Marked):
    def change_values(self, values: tf.Tensor, seed: tf.Tensor, progress: tf.Tensor) -> tf.Tensor:
        tf.py_function(
            lambda *given: noted.append([g.numpy() for g in given]), [seed, progress], []
        )
        return values


class Costly(Marked):
    def penalize_values(self, values: tf.Tensor) -> tf.Tensor:
        return 7.0 + 0.0 * tf.reduce_sum(values)


noted: list[list[np.ndarray]] = []


def test_changed_values_are_trained_on_and_not_evaluated() -> None:
    marked, history = trained(Halving(), epochs=2)
    by_layers, of_layers = trained(Halves(), epochs=2)
    for one, other in zip(marked.get_weights(), by_layers.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert history["train_cross_entropy"].tolist() == pytest.approx(
        of_layers["train_cross_entropy"].tolist()
    )
    plain = built()
    plain.set_weights(marked.get_weights())
    rows = np.arange(40)
    np.testing.assert_array_equal(predict(marked, IMAGES, rows), predict(plain, IMAGES, rows))


def test_every_mark_and_step_has_a_seed_and_the_share_of_steps_done() -> None:
    noted.clear()
    network = built(Noting())
    train(network, IMAGES, TRAIN, VALIDATION, protocol(2, batch_size=10), 1, [Noting()])
    assert len(noted) == 2 * 2 * 3  # marks, epochs, steps
    assert len({tuple(seed) for seed, _ in noted}) == len(noted)
    assert sorted(float(progress) for _, progress in noted[::2]) == pytest.approx(
        [step / 6 for step in range(6)]
    )
    first = sorted(map(str, noted))
    noted.clear()
    network = built(Noting())
    train(network, IMAGES, TRAIN, VALIDATION, protocol(2, batch_size=10), 1, [Noting()])
    assert sorted(map(str, noted)) == first


def test_penalties_are_in_the_loss_and_not_in_the_cross_entropy() -> None:
    plain, history = trained()
    network, penalized = trained(Costly())
    assert penalized["train_cross_entropy"].tolist() == history["train_cross_entropy"].tolist()
    for one, other in zip(network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)  # a constant: no gradient


def test_they_act_in_a_second_look_of_an_update_and_for_averaged_statistics() -> None:
    made.clear()
    for technique in ((Halving(), Recorded()), (Halving(), Averaged(), BatchNormalization())):
        _, history = trained(*technique, epochs=2)
        assert np.isfinite(history["validation_cross_entropy"]).all()


def test_other_settings_are_compiled_anew() -> None:
    trained(Halving())
    assert training_step.compiled_step.cache_info().misses == 1
    trained(Noting())
    trained(Halving())
    assert training_step.compiled_step.cache_info().misses == 3
