"""Spectral normalization, against NumPy's singular values."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.networks.every_kind import network, plan
from tests.regularizers.whole_training import IMAGES, TRAIN, VALIDATION, check_training, trained
from tests.training.small_study import protocol

from regbench.networks.weights import hidden_kernels, trained_kernels
from regbench.regularizers.base import Regularizer
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.reparametrization import Units
from regbench.regularizers.spectral_norm import SpectralNorm
from regbench.storage.stored_file import LocalFile
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training.checkpoint import Checkpoint
from regbench.training.train import train

RANDOM = np.random.default_rng(0)


def largest(kernel: np.ndarray) -> float:
    return float(np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0])


@pytest.mark.parametrize("shape", [(40, 30), (36, 7), (20, 1)])
@pytest.mark.parametrize("norm", [1.0, 2.5])
def test_the_largest_singular_value_is_the_norm(shape: tuple[int, int], norm: float) -> None:
    weights = tf.constant(RANDOM.normal(size=shape).astype(np.float32))
    made = SpectralNorm(norm=norm).reparametrize(Units(*shape))
    made.restart(weights)
    for _ in range(50):
        found = made.computed(weights, training=True)
    assert largest(np.asarray(found)) == pytest.approx(norm, rel=2e-3)
    evaluated = made.computed(weights, training=False)
    assert largest(np.asarray(evaluated)) == pytest.approx(norm, rel=1e-3)
    np.testing.assert_allclose(evaluated / weights, norm / largest(weights.numpy()), rtol=1e-3)


@pytest.mark.parametrize("of_a_channel", [1, 2])
def test_of_a_depthwise_kernel(of_a_channel: int) -> None:
    """Its matrix has a block for each channel: the largest singular value is that of a block."""
    units = 5 * of_a_channel
    weights = tf.constant(RANDOM.normal(size=(9, units)).astype(np.float32))
    made = SpectralNorm().reparametrize(Units(9, units, channels=5))
    made.restart(weights)
    found = np.asarray(made.computed(weights, training=True))
    blocks = np.zeros((9 * 5, units))
    for channel in range(5):
        of_it = slice(of_a_channel * channel, of_a_channel * (channel + 1))
        blocks[9 * channel : 9 * channel + 9, of_it] = found[:, of_it]
    if of_a_channel == 1:
        assert largest(blocks) == pytest.approx(1, rel=1e-5)
    assert 0.7 < largest(blocks) <= 1 + 1e-5  # a bound


def test_the_gradient_is_that_of_the_paper() -> None:
    """Equation 12: (G - <G, W / sigma> u v') / sigma, for the gradient G of the computed kernel."""
    weights = RANDOM.normal(size=(12, 8)).astype(np.float32)
    upper = RANDOM.normal(size=(12, 8))
    variable = tf.Variable(weights)
    made = SpectralNorm().reparametrize(Units(12, 8))
    made.restart(tf.constant(weights))
    for _ in range(300):
        made.computed(tf.constant(weights), training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made.computed(variable.value(), training=True) * upper)
    u, s, vt = np.linalg.svd(weights.astype(float))
    expected = (upper - np.sum(upper * weights) / s[0] * np.outer(u[:, 0], vt[0])) / s[0]
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet", "pretrained"])
def test_trains(kind: str, tmp_path: Path) -> None:
    kept = check_training(kind, tmp_path, spectral_norm=1.5)
    depthwise = [
        layer.name
        for layer in kept._flatten_layers()
        if isinstance(layer, keras.layers.DepthwiseConv2D)
    ]
    hidden = [k for k in hidden_kernels(kept) if not any(name in k.path for name in depthwise)]
    assert hidden
    for kernel in hidden:
        assert largest(kernel.numpy()) == pytest.approx(1.5, rel=0.02)


def test_a_training_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    technique: dict[str, Any] = {"spectral_norm": 1}
    whole = trained_kernels(trained("mlp", epochs=3, **technique))
    checkpoint = Checkpoint(LocalFile(tmp_path / "checkpoint.npz"), "this", 0)
    regularizers: list[Regularizer] = [SpectralNorm()]

    class KilledError(Exception):
        pass

    def kill(epoch: Any) -> None:
        if epoch.epoch == 3:
            raise KilledError

    def go_on(on_epoch: Any) -> keras.Model:
        training_step.compiled_step.cache_clear()  # another process
        made = network("mlp").built(plan())
        shared = protocol(epochs=3)
        train(
            made,
            IMAGES,
            TRAIN,
            VALIDATION,
            shared,
            1,
            regularizers,
            on_epoch=on_epoch,
            checkpoint=checkpoint,
        )
        return made

    with pytest.raises(KilledError):
        go_on(kill)
    for one, other in zip(trained_kernels(go_on(lambda epoch: None)), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_limits_of_the_kernels_beside_it_are_told() -> None:
    def told(**others: Any) -> str | None:
        made = Technique.model_validate(others).regularizers({})
        beside = Beside("adam", 0, "cosine", 1, {one.key(): one for one in made})
        return SpectralNorm().clash(beside)

    assert told(l2=0.1) is None
    assert told(max_norm=2, l2=0.1) == (
        "it scales the kernels, which max_norm limits: leave one of them out"
    )
