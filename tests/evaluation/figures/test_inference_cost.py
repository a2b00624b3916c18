"""Cost of a prediction; the count itself is tested with networks."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.networks.every_kind import built

from regbench.evaluation.figures import registry
from regbench.networks import inference


def trained(images: int = 300) -> Any:
    return SimpleNamespace(
        network=built("mlp"),
        images=np.zeros((images, 8, 8, 3), np.uint8),
        rows={"test": np.arange(images)},
        judged="test",
    )


def test_multiply_adds_are_the_networks() -> None:
    assert registry.named("multiply_adds").compute(trained()) == 192 * 8 + 8 * 6 + 6 * 3


def test_time_is_the_least_of_three_after_a_first_for_an_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[np.ndarray] = []
    clock = iter([0.0, 100.0, 100.0, 109.0, 109.0, 111.56, 112.0, 117.0])
    timer = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr("regbench.evaluation.figures.inference_cost.time", timer)
    monkeypatch.setattr(inference, "predict", lambda network, images, rows: asked.append(rows))
    found = registry.named("inference_seconds").compute(trained())
    assert found == pytest.approx(2.56 / 256)
    assert [len(rows) for rows in asked] == [256] * 4


def test_fewer_images_are_all_of_them() -> None:
    found = registry.named("inference_seconds").compute(trained(5))
    assert isinstance(found, float)
    assert found > 0
