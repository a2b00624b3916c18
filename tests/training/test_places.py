"""Every place at which a regularizer may act, each with a toy that acts there alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import PrivateAttr
from scipy.special import log_softmax, softmax

from regbench.networks.base import Plan
from regbench.networks.kinds.mlp import Mlp
from regbench.networks.weights import trained_kernels
from regbench.regularizers.base import PLACES, Batch, Position, Regularizer
from regbench.regularizers.batch_normalization import BatchNormalization
from regbench.regularizers.dropout import Dropout
from regbench.regularizers.places.stop import Stop
from regbench.regularizers.places.update import TrainedVariables, Update
from regbench.regularizers.registry import REGULARIZERS
from regbench.storage.stored_file import LocalFile
from regbench.study.schema import Protocol
from regbench.training import step as training_step
from regbench.training.checkpoint import Checkpoint
from regbench.training.course import Epoch
from regbench.training.train import SplitPart, train

CLASSES = 3
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
TARGETS = RANDOM.integers(0, CLASSES, 40)
TRAIN, VALIDATION = (
    SplitPart(np.arange(30), TARGETS[:30]),
    SplitPart(np.arange(30, 40), TARGETS[30:]),
)
RATE = 0.01


@pytest.fixture(autouse=True)
def _compiled_anew() -> None:
    training_step.compiled_step.cache_clear()


class Toy(Regularizer):
    title = effect = source = "a toy"

    @classmethod
    def key(cls) -> str:
        return cls.__name__


def protocol(epochs: int = 1, batch_size: int = 30) -> Protocol:
    return Protocol.model_validate(
        {
            "split": {"method": "hashed", "train": 0.7, "validation": 0.2, "test": 0.1, "seed": 0},
            "network": "mlp",
            "optimizer": {"name": "adam", "learning_rate": RATE},
            "batch_size": batch_size,
            "epochs": epochs,
            "seeds": [1],
        }
    )


def built(*regularizers: Regularizer) -> keras.Model:
    scaling = {"offset": [128.0], "scale": [60.0]}
    plan = Plan((4, 4, 1), CLASSES, 1, scaling, regularizers)
    return Mlp(hidden_units=[6, 5], activation="tanh").build(plan)


def trained(*regularizers: Regularizer, epochs: int = 1) -> tuple[keras.Model, Any]:
    network = built(*regularizers)
    history, _ = train(network, IMAGES, TRAIN, VALIDATION, protocol(epochs), 1, regularizers)
    return network, history


def logits(network: keras.Model) -> np.ndarray:
    until = keras.Model(network.inputs, network.get_layer("logits").output)
    return np.asarray(until(IMAGES[:30], training=False), dtype=float)


def gradient(network: keras.Model, loss: Any) -> list[np.ndarray]:
    """The gradient of a loss of the logits, at a network's weights, by Keras and TensorFlow."""
    until = keras.Model(network.inputs, network.get_layer("logits").output)
    with tf.GradientTape() as tape:
        value = loss(until(IMAGES[:30], training=True), network)
    return [g.numpy() for g in tape.gradient(value, [v.value for v in network.trainable_variables])]


def cross_entropy(found: tf.Tensor, _: keras.Model) -> tf.Tensor:
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(TARGETS[:30].astype(np.int32), found)
    )


class Flipped(Toy):
    def change_batch(self, batch: Batch, seed: tf.Tensor) -> Batch:
        return batch._replace(images=255 - batch.images)


class Smoothed(Toy):
    def change_batch(self, batch: Batch, seed: tf.Tensor) -> Batch:
        return batch._replace(targets=0.7 * batch.target_shares() + 0.1)


class Doubled(Toy):
    def layers_after_activation(self, at: Position) -> list[keras.Layer]:
        return [keras.layers.Rescaling(2.0, name=f"twice_{at.number}")]


class Halved(Toy):
    def input_layers(self, at: Position) -> list[keras.Layer]:
        assert at.shape == (16,)
        return [keras.layers.Rescaling(0.5, name="half")]


class Summed(Toy):
    def penalty(self, kernel: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return 0.3 * tf.reduce_sum(kernel**4)


class Clipped(Toy):
    def constrain(self, kernel: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(kernel, -0.1, 0.1)


class Confident(Toy):
    def change_losses(self, losses: tf.Tensor, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return 3.0 * losses


class Recorded(Toy):
    averages_weights = True

    def update(self, variables: TrainedVariables) -> Update:
        class Twice(Update):
            """Computes gradients twice; counts steps; averages all weights to zero."""

            def __init__(self) -> None:
                self.steps = tf.Variable(0)
                self.zeros = [tf.Variable(tf.zeros(v.shape)) for v in variables]

            def gradients(self, compute: Any) -> Any:
                first, second = compute(), compute()
                return [one + other for one, other in zip(first, second, strict=True)]

            def after_step(self, learning_rate: tf.Tensor) -> None:
                self.steps.assign_add(1)

            def averages(self) -> list[tf.Variable]:
                return self.zeros

            def restart(self) -> None:
                self.steps.assign(0)

        made.append(Twice())
        return made[-1]


made: list[Any] = []


class Second(Toy):
    def stop(self) -> Stop:
        class AfterTwo(Stop):
            def should_stop(self, epoch: int, figures: Mapping[str, float], weights: Any) -> bool:
                if epoch == 1:
                    self.first = weights()
                return epoch == 2

            def kept(self) -> Any:
                return 1, self.first

        return AfterTwo()


@pytest.mark.parametrize(
    ("toy", "place"),
    [
        (Flipped, "input batch"),
        (Doubled, "layer"),
        (Halved, "layer"),
        (Summed, "kernel"),
        (Clipped, "kernel"),
        (Confident, "loss"),
        (Recorded, "update"),
        (Second, "stop"),
    ],
)
def test_a_regularizer_acts_where_it_overrides(toy: type[Regularizer], place: str) -> None:
    assert toy.acts() == [place]
    assert Toy.acts() == []


def test_the_places_name_every_method_of_the_contract() -> None:
    methods = {name for of_place in PLACES.values() for name in of_place}
    passive = {name for name in vars(Regularizer) if name in methods}
    assert passive == methods


def test_images_of_a_batch() -> None:
    # The network, trained on inverted images, is the one that inverted images give without it.
    network = built()
    inverted = 255 - IMAGES
    train(network, inverted, TRAIN, VALIDATION, protocol(), 1)
    found, _ = trained(Flipped())
    for one, other in zip(found.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_targets_of_a_batch() -> None:
    _, history = trained(Smoothed())
    shares = 0.7 * np.eye(CLASSES)[TARGETS[:30]] + 0.1
    expected = -(shares * log_softmax(logits(built()), axis=1)).sum(axis=1).mean()
    assert history["train_cross_entropy"].item() == pytest.approx(expected, rel=1e-4)
    right = softmax(logits(built()), axis=1).argmax(axis=1) == TARGETS[:30]
    assert history["train_accuracy"].item() == pytest.approx(right.mean())


def test_layers() -> None:
    names = [layer.name for layer in built(Doubled(), Halved()).layers]
    assert names[1:4] == ["flatten", "half", "hidden_1"]
    assert [n for n in names if n.startswith("twice")] == ["twice_1", "twice_2"]
    assert names.index("twice_1") == names.index("activation_1") + 1


def test_penalties_and_losses_reach_the_gradient() -> None:
    def penalized(found: tf.Tensor, network: keras.Model) -> tf.Tensor:
        kernels = [network.get_layer(f"hidden_{n}").kernel.value for n in (1, 2)]
        return 3 * cross_entropy(found, network) + sum(
            0.3 * tf.reduce_sum(kernel**4) for kernel in kernels
        )

    start = built()
    expected = gradient(start, penalized)
    network, history = trained(Summed(), Confident())
    assert history["train_cross_entropy"].item() == pytest.approx(
        float(cross_entropy(tf.constant(logits(start), tf.float32), start)), rel=1e-4
    )
    # Adam's first step is the learning rate against the gradient's sign, but for tiny gradients.
    for before, after, own in zip(
        start.trainable_variables, network.trainable_variables, expected, strict=True
    ):
        moved = after.numpy() - before.numpy()
        large = np.abs(own) > 1e-4
        np.testing.assert_allclose(moved[large], -RATE * np.sign(own[large]), rtol=1e-2)


def test_constraints_hold_for_hidden_kernels_only() -> None:
    *hidden, last = trained_kernels(trained(Clipped())[0])
    assert all(np.abs(kernel).max() <= np.float32(0.1) for kernel in hidden)
    assert np.abs(last).max() > 0.2


def test_updates() -> None:
    made.clear()
    network, history = trained(Recorded(), epochs=3)
    assert int(made[0].steps) == 3
    assert not any(np.any(values) for values in network.get_weights())  # the averages
    # What is told of train images is of the weights as they were, and of one look at them.
    _, plain_history = trained()
    assert history["train_cross_entropy"].iloc[0] == pytest.approx(
        plain_history["train_cross_entropy"].iloc[0], rel=1e-5
    )
    assert history["validation_cross_entropy"].tolist() == pytest.approx([np.log(CLASSES)] * 3)


class Averaged(Toy):
    averages_weights = True

    def update(self, variables: TrainedVariables) -> Update:
        class Mean(Update):
            """The mean of the initial weights and those after each step."""

            def __init__(self) -> None:
                self.means = [tf.Variable(v) for v in variables]
                self.number = tf.Variable(1.0)

            def after_step(self, learning_rate: tf.Tensor) -> None:
                self.number.assign_add(1.0)
                for mean, variable in zip(self.means, variables, strict=True):
                    mean.assign_add((variable - mean) / self.number)

            def averages(self) -> list[tf.Variable]:
                return self.means

            def restart(self) -> None:
                self.number.assign(1.0)
                for mean, variable in zip(self.means, variables, strict=True):
                    mean.assign(variable)

        return Mean()


def test_batch_normalization_has_the_statistics_of_averaged_weights() -> None:
    # One batch an epoch: the statistics of the averaged weights are those of all train images.
    network, history = trained(Averaged(), BatchNormalization(), epochs=4)
    probabilities = np.asarray(network(IMAGES[30:], training=False), dtype=float)
    expected = -np.log(probabilities[np.arange(10), TARGETS[30:]]).mean()
    assert history["validation_cross_entropy"].iloc[-1] == pytest.approx(expected, rel=1e-4)
    for number in (1, 2):
        until = keras.Model(network.inputs, network.get_layer(f"hidden_{number}").output)
        values = np.asarray(until(IMAGES[:30], training=False), dtype=float)
        if number == 2:  # behind a layer that normalizes by the moving variance, with epsilon
            values = np.asarray(until(IMAGES[:30], training=True), dtype=float)
        layer = network.get_layer(f"batch_normalization_{number}")
        np.testing.assert_allclose(
            layer.moving_mean.numpy(), values.mean(axis=0), rtol=1e-3, atol=1e-3
        )
        np.testing.assert_allclose(layer.moving_variance.numpy(), values.var(axis=0), rtol=1e-2)


def test_a_last_batch_of_one_image_counts_as_one_image() -> None:
    network = built(Averaged(), BatchNormalization())
    regularizers = [Averaged(), BatchNormalization()]
    train(network, IMAGES, TRAIN, VALIDATION, protocol(batch_size=29), 1, regularizers)
    first = keras.Model(network.inputs, network.get_layer("hidden_1").output)
    values = np.asarray(first(IMAGES[:30], training=False), dtype=float)
    layer = network.get_layer("batch_normalization_1")
    np.testing.assert_allclose(layer.moving_mean.numpy(), values.mean(axis=0), rtol=1e-3, atol=1e-3)
    # The variance within batches of 29 images, and of one that has none.
    found = layer.moving_variance.numpy() / values.var(axis=0)
    assert (found > 0.8).all()
    assert (found < 1.1).all()


def test_averaging_changes_nothing_of_what_is_trained() -> None:
    plain, _ = trained(BatchNormalization(), Dropout(), epochs=1)
    step = training_step.step_for(
        plain, 30, protocol().optimizer, [Averaged(), BatchNormalization(), Dropout()]
    )
    trained(Averaged(), BatchNormalization(), Dropout(), epochs=1)
    assert training_step.compiled_step.cache_info().hits == 1
    for one, other in zip(step.network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_look_in_a_step_leaves_the_moving_statistics_alone() -> None:
    made.clear()
    plain, _ = trained(BatchNormalization())
    technique = [Recorded(), BatchNormalization()]
    network = built(*technique)
    step = training_step.step_for(network, 30, protocol().optimizer, technique)
    step.begin(network, 1)
    order = np.random.default_rng([1, 1]).permutation(30)
    step(IMAGES[order], TARGETS[order], np.array([RATE]))
    for number in (1, 2):
        own, expected = (
            n.get_layer(f"batch_normalization_{number}") for n in (step.network, plain)
        )
        np.testing.assert_allclose(own.moving_mean.numpy(), expected.moving_mean.numpy())
        np.testing.assert_allclose(own.moving_variance.numpy(), expected.moving_variance.numpy())


class Idle(Toy):
    def update(self, variables: TrainedVariables) -> Update:
        return Update()


@pytest.mark.parametrize(("kind", "declared"), [(Averaged, False), (Idle, True)])
def test_what_averages_weights_says_so(
    kind: type[Regularizer], declared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "averages_weights", declared)
    with pytest.raises(TypeError, match="averages_weights is to say whether"):
        trained(kind())


def test_updates_and_stops_are_in_a_checkpoint(tmp_path: Path) -> None:
    def run(*kept: Checkpoint, until: int = 9) -> keras.Model:
        technique = [Averaged(), BatchNormalization(), Dropout()]
        network = built(*technique)

        def told(epoch: Epoch) -> None:
            if epoch.epoch == until:
                raise KeyboardInterrupt

        shared = protocol(epochs=4, batch_size=10)
        checkpoint = kept[0] if kept else None
        train(
            network,
            IMAGES,
            TRAIN,
            VALIDATION,
            shared,
            1,
            technique,
            told,
            checkpoint=checkpoint,
        )
        return network

    whole = run().get_weights()
    file = LocalFile(tmp_path / "checkpoint.npz")
    with pytest.raises(KeyboardInterrupt):
        run(Checkpoint(file, "", 0), until=3)
    training_step.compiled_step.cache_clear()
    for one, other in zip(run(Checkpoint(file, "", 0)).get_weights(), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_state_of_an_update_is_its_variables_wherever_they_are() -> None:
    class Kept(Update):
        def __init__(self) -> None:
            self.one = tf.Variable(1.0)
            self.rate = 0.1
            self.several = [tf.Variable(2.0), (tf.Variable(3.0), "text")]
            self.named = {"a": tf.Variable(4.0)}

    assert sorted(float(variable) for variable in Kept().state()) == [1, 2, 3, 4]
    assert Update().state() == []


def test_a_stop_without_a_state_makes_no_checkpoints(tmp_path: Path) -> None:
    file = LocalFile(tmp_path / "checkpoint.npz")
    technique = [Second()]
    arguments = (IMAGES, TRAIN, VALIDATION, protocol(2), 1, technique)
    train(built(*technique), *arguments, checkpoint=Checkpoint(file, "", 0))
    assert not file.exists()


class Forgetful(Toy):
    def stop(self) -> Stop:
        class Never(Stop):
            def should_stop(self, epoch: int, figures: Mapping[str, float], weights: Any) -> bool:
                self.weights = weights()
                return False

            def kept(self) -> Any:
                return 7, self.weights

        return Never()


def test_a_stop_that_keeps_an_epoch_that_was_not_trained_is_told() -> None:
    with pytest.raises(ValueError, match="test_places keeps epoch 7 of 2: there is no such epoch"):
        trained(Forgetful(), epochs=2)


def test_stops() -> None:
    network, history = trained(Second(), epochs=9)
    assert history["epoch"].tolist() == [1, 2]
    assert history["kept"].tolist() == [True, False]
    one, _ = trained(epochs=1)
    for own, other in zip(network.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)


def test_every_regularizer_declares_what_a_reader_is_told() -> None:
    for key, kind in REGULARIZERS.items():
        assert kind.title, key
        assert kind.effect, key
        assert kind.source, key
        assert kind.acts(), key
        assert set(kind.search) <= set(kind.model_fields), key
        assert kind.shorthand is None or kind.shorthand in kind.model_fields


class Fitted(Toy):
    """Multiplies losses by what the data pipeline fitted."""

    _factors: Any = PrivateAttr(default=None)

    def bound(self, prepared: Mapping[str, Any]) -> Self:
        bound = self.model_copy()
        bound._factors = prepared["factors"]
        return bound

    def change_losses(self, losses: tf.Tensor, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return losses * tf.gather(tf.constant(self._factors["by_class"]), targets)


def test_data_that_a_regularizer_is_bound_to_reach_the_step() -> None:
    def trained(factors: list[float]) -> list[np.ndarray]:
        data = {"factors": {"by_class": np.array(factors, np.float32)}}
        network = built()
        train(network, IMAGES, TRAIN, VALIDATION, protocol(), 1, [Fitted().bound(data)])
        return network.get_weights()

    ones, other = trained([1, 1, 1]), trained([9, 1, 0])
    assert any((one != two).any() for one, two in zip(ones, other, strict=True))
    assert training_step.compiled_step.cache_info().hits == 0  # other data: compiled anew
    again = trained([9, 1, 0])
    assert training_step.compiled_step.cache_info().hits == 1
    for one, two in zip(other, again, strict=True):
        np.testing.assert_array_equal(one, two)
