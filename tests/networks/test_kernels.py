"""Kernels as matrices of incoming weights x units, against what the layers compute."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.networks.every_kind import ENTRIES, network, plan

from regbench.networks.kernels import Kernel, hidden_kernels_in_order, incoming_axes, roles_of
from regbench.networks.weights import hidden_kernels, kernel_variables

LAYERS: list[tuple[keras.Layer, tuple[int, ...]]] = [
    (keras.layers.Dense(4), (3,)),
    (keras.layers.Conv1D(4, 2), (5, 3)),
    (keras.layers.Conv2D(4, 3), (5, 6, 3)),
    (keras.layers.Conv2D(4, 3, groups=2), (5, 6, 2)),
    (keras.layers.DepthwiseConv2D((2, 3), depth_multiplier=2), (5, 6, 3)),
    (keras.layers.DepthwiseConv1D(2), (5, 3)),
    (keras.layers.Conv2DTranspose(4, (2, 3)), (5, 6, 3)),
    (keras.layers.EinsumDense("abc,cde->abde", (None, 2, 4)), (5, 3)),
    (keras.layers.EinsumDense("abde,dec->abc", (None, 4)), (5, 2, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: getattr(value, "name", ""))
def test_a_column_has_the_weights_of_one_unit(layer: keras.Layer, shape: tuple[int, ...]) -> None:
    # Zeroing a column silences one unit: one output channel, wherever it is, and no other.
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    layer(image)
    kernel = Kernel(layer.kernel.value, incoming_axes(layer, layer.kernel))
    matrix = kernel.as_matrix().numpy()
    layer.kernel.assign(layer.kernel + 0.1)
    before = layer(image).numpy()
    values = layer.kernel.numpy()
    kernel.assign_matrix(kernel.as_matrix())
    np.testing.assert_array_equal(layer.kernel.numpy(), values)
    silenced = kernel.as_matrix().numpy()
    assert silenced.shape == matrix.shape
    silenced[:, 1] = 0
    kernel.assign_matrix(tf.constant(silenced))
    changed = np.any(layer(image).numpy() != before, axis=tuple(range(1, before.ndim - 1)))[0]
    if isinstance(layer, keras.layers.EinsumDense) and before.ndim == 4:
        changed = np.any(layer(image).numpy() != before, axis=1)[0].ravel()
    assert np.flatnonzero(changed).tolist() == [1]
    assert matrix.size == layer.kernel.numpy().size


@pytest.mark.parametrize("name", ENTRIES)
def test_every_trained_variable_has_its_role(name: str) -> None:
    model = network(name).built(plan())
    roles: dict[str, list[Any]] = {}
    for variable, role in zip(model.trainable_variables, roles_of(model), strict=True):
        roles.setdefault(role.kind, []).append(variable)
        assert bool(role.incoming) == (role.kind == "kernel")
    assert roles["kernel"] == kernel_variables(model)
    assert "other" not in roles
    assert {v.name for v in roles.get("scale", [])} <= {"gamma"}
    assert {v.name for v in roles["bias"]} <= {"bias", "beta"}
    of_logits = [
        variable.shape[-1]
        for variable, role in zip(model.trainable_variables, roles_of(model), strict=True)
        if role.of_logits
    ]
    assert of_logits == [3, 3]  # kernel and bias of three classes
    in_order = hidden_kernels_in_order(model)
    for kernel, variable in zip(in_order, hidden_kernels(model), strict=True):
        assert kernel.variable is variable.value
        assert kernel.as_matrix().shape[1] * kernel.as_matrix().shape[0] == np.prod(variable.shape)
