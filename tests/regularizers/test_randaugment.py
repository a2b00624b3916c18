"""RandAugment: which operations are drawn, how many and how strong; each is tested by itself."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.regularizers.batches import changed, random_images

from regbench.regularizers.computations import picture_operations
from regbench.regularizers.computations.picture_operations import AMOUNTS
from regbench.regularizers.randaugment import Randaugment

# At magnitude 10, as of AutoAugment, Table 6: either way, or one.
LIMITS = {
    "identity": {0},
    "rotate": {-30, 30},
    "shear_x": {-0.3, 0.3},
    "shear_y": {-0.3, 0.3},
    "translate_x": {-150 / 331, 150 / 331},
    "translate_y": {-150 / 331, 150 / 331},
    "autocontrast": {0},
    "equalize": {0},
    "posterize": {4},
    "solarize": {0},
    "brightness": {0.1, 1.9},
    "contrast": {0.1, 1.9},
    "colour": {0.1, 1.9},
    "sharpness": {0.1, 1.9},
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, np.ndarray]]:
    """The numbers and amounts of each round of operations."""
    rounds: list[tuple[np.ndarray, np.ndarray]] = []

    def noted(images: tf.Tensor, chosen: tf.Tensor, amounts: tf.Tensor, fill: str) -> tf.Tensor:
        rounds.append((chosen.numpy(), amounts.numpy()))
        return images

    monkeypatch.setattr(picture_operations, "operate", noted)
    return rounds


def draw(settings: Randaugment, channels: int) -> None:
    from regbench.regularizers.base import Batch

    images = tf.zeros((3000, 2, 2, channels), tf.uint8)
    settings.change_batch(Batch(images, tf.zeros(3000, tf.int32), 2), tf.constant([1, 2]))


@pytest.mark.parametrize("channels", [1, 3])
def test_all_operations_are_as_likely_and_as_strong_as_they_should(
    drawn: list[Any], channels: int
) -> None:
    draw(Randaugment(operations=3, magnitude=10), channels)
    assert len(drawn) == 3
    names = [name for name in AMOUNTS if name != "colour" or channels == 3]
    for chosen, amounts in drawn:
        for number, name in enumerate(AMOUNTS):
            own = amounts[chosen == number]
            if name not in names:
                assert not len(own)
                continue
            assert len(own) / 3000 == pytest.approx(1 / len(names), abs=0.02)
            assert np.unique(own) == pytest.approx(sorted(LIMITS[name]), abs=1e-6)
    first, second, _ = (chosen for chosen, _ in drawn)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06


def test_half_the_magnitude_is_half_the_change(drawn: list[Any]) -> None:
    draw(Randaugment(operations=1, magnitude=5), 3)
    ((chosen, amounts),) = drawn
    for name, rest in {"rotate": 0, "posterize": 8, "solarize": 256, "contrast": 1}.items():
        found = np.unique(amounts[chosen == list(AMOUNTS).index(name)])
        expected = sorted((limit + rest) / 2 for limit in LIMITS[name])
        assert found == pytest.approx(expected, abs=1e-5)


def test_images_are_changed_by_what_is_drawn() -> None:
    images = random_images(64, (10, 10, 3))
    one, _ = changed(Randaugment(operations=1), images)
    two, _ = changed(Randaugment(operations=2), images)
    same = [(found == images).all(axis=(1, 2, 3)).mean() for found in (one, two)]
    assert same[1] < same[0] < 0.4  # identity, and autocontrast of what is stretched already
