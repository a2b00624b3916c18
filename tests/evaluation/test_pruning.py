"""Pruning, against a forward pass written by hand."""

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax
from tests.building import build_network

from regbench.evaluation import pruning
from regbench.evaluation.pruning import SHARES, pruned_accuracy
from regbench.images.normalization import fit_normalization, fit_zca, normalize, whiten
from regbench.networks.inference import predict
from regbench.networks.kinds.mlp import Mlp
from regbench.regularizers.zca import Whitening
from regbench.study.schema import Normalization
from regbench.study.technique import Technique

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (80, 5, 4, 1), dtype=np.uint8)
ROWS = np.arange(10, 80)
TARGETS = RNG.integers(0, 3, 70)
NORMALIZATION = fit_normalization(IMAGES, np.arange(80), Normalization(method="mean_std"))
ZCA = fit_zca(IMAGES, np.arange(80), NORMALIZATION, Whitening(epsilon=0.01))


def build(**technique: Any) -> keras.Model:
    network = build_network(
        (5, 4, 1),
        3,
        Mlp(hidden_units=[8, 6], activation="relu"),
        Technique(**technique),
        1,
        NORMALIZATION,
        zca=ZCA,
    )
    rng = np.random.default_rng(1)
    for layer in network.layers:  # biases and batch-norm statistics that matter
        if layer.trainable:
            layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])
    return network


def by_hand(network: keras.Model, share: float, zca: bool = False) -> float:
    """Remove weights one at a time, smallest first, and run the network in NumPy."""
    layers = [network.get_layer(name) for name in ("hidden_1", "hidden_2", "logits")]
    kernels = [layer.get_weights()[0].copy() for layer in layers]
    places = sorted(
        (abs(float(value)), number, place)
        for number, kernel in enumerate(kernels)
        for place, value in enumerate(kernel.ravel())
    )
    for _, number, place in places[: round(share * len(places))]:
        kernels[number].reshape(-1)[place] = 0
    values = normalize(IMAGES[ROWS], NORMALIZATION).reshape(len(ROWS), -1)
    if zca:
        values = whiten(values, ZCA)
    for number, (layer, kernel) in enumerate(zip(layers, kernels, strict=True), start=1):
        values = values @ kernel + layer.get_weights()[1]
        if number < len(layers):
            values = np.maximum(values, 0)
    return float((softmax(values, axis=1).argmax(axis=1) == TARGETS).mean())


@pytest.mark.parametrize("zca", [False, True])
def test_as_by_hand(zca: bool) -> None:
    network = build(zca=zca)
    shares = [0.0, 0.1, 0.3, *SHARES, 1.0]
    found = pruned_accuracy(network, IMAGES, ROWS, TARGETS, shares)
    assert found == {share: pytest.approx(by_hand(network, share, zca)) for share in shares}
    assert len(set(found.values())) > 2


def test_nothing_removed_is_the_networks_own_accuracy() -> None:
    network = build(batch_normalization=True, dropout=0.5)
    own = (predict(network, IMAGES, ROWS).argmax(axis=1) == TARGETS).mean()
    assert pruned_accuracy(network, IMAGES, ROWS, TARGETS, [0.0]) == {0.0: own}


@pytest.mark.parametrize("technique", [{}, {"batch_normalization": True, "zca": True}])
@pytest.mark.parametrize("ties", [False, True])
def test_removes_exactly_the_share_and_nothing_but_kernels(
    monkeypatch: pytest.MonkeyPatch, technique: dict[str, Any], ties: bool
) -> None:
    network = build(**technique)
    kernels = [layer.kernel for layer in network.layers if hasattr(layer, "kernel")]
    trained = [kernel for kernel in kernels if kernel.trainable]
    if ties:
        for number, kernel in enumerate(trained):
            kernel.assign(np.full(kernel.shape, 0.5 * (-1) ** number))
    before = {variable.path: variable.numpy() for variable in network.variables}
    removed = []

    def spy(network: keras.Model, *others: np.ndarray) -> np.ndarray:
        removed.append(sum(int((kernel.numpy() == 0).sum()) for kernel in trained))
        for variable in network.variables:
            if not any(variable is kernel for kernel in trained):
                np.testing.assert_array_equal(variable.numpy(), before[variable.path])
        return predict(network, *others)

    monkeypatch.setattr(pruning, "predict", spy)
    pruned_accuracy(network, IMAGES, ROWS, TARGETS, [0.9, 0.335, 0.5])
    weights = 20 * 8 + 8 * 6 + 6 * 3
    assert removed == [round(0.9 * weights), round(0.335 * weights), round(0.5 * weights)]


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_gets_its_weights_back(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    network = build(batch_normalization=True, zca=True)
    before = [value.tobytes() for value in network.get_weights()]
    if fails:

        def fail(*_: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(pruning, "predict", fail)
        with pytest.raises(MemoryError):
            pruned_accuracy(network, IMAGES, ROWS, TARGETS)
    else:
        assert list(pruned_accuracy(network, IMAGES, ROWS, TARGETS)) == list(SHARES)
    assert [value.tobytes() for value in network.get_weights()] == before
