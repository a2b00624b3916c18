"""Maps of where a network looks keep their means, and reach the page under the right images."""

import base64

import numpy as np
import pytest

from regbench.report.heat import maps_shown, small_maps


def test_small_maps_are_kept_and_large_ones_averaged() -> None:
    maps = np.random.default_rng(0).random((3, 8, 4), dtype=np.float32)
    np.testing.assert_array_equal(small_maps(maps), np.rint(255 * maps).astype(np.uint8))
    large = np.random.default_rng(0).random((2, 32, 64), dtype=np.float32)
    expected = large.reshape(2, 16, 2, 16, 4).mean(axis=(2, 4))
    found = small_maps(large)
    assert found.shape == (2, 16, 16)
    assert np.abs(found - 255 * expected).max() <= 1
    assert small_maps(np.zeros((0, 4, 4), np.float32)).shape == (0, 4, 4)


def grad_cam() -> dict[str, np.ndarray]:
    return {
        "rows": np.array([7, 3, 9]),
        "dropout.maps": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
        "dropout.answers": np.array([1, 0, 2]),
        "dropout.seed": np.asarray(4),
    }


def test_maps_stand_under_their_images() -> None:
    found = maps_shown(grad_cam(), [9, 5, 7], ["baseline", "dropout"])
    assert found is not None
    assert found["images"] == [2, 0]  # row 3 is not on the page
    nothing, dropout = found["techniques"]
    assert nothing is None
    assert (dropout["seed"], dropout["answers"]) == (4, [1, 2])
    maps = np.frombuffer(base64.b64decode(dropout["maps"]), np.uint8)
    assert maps.reshape(2, dropout["height"], dropout["width"]).tolist() == [
        [[0, 1], [2, 3]],
        [[8, 9], [10, 11]],
    ]


@pytest.mark.parametrize(
    ("maps", "rows", "techniques"),
    [
        (None, [7], ["dropout"]),
        ({"rows": np.array([7])}, [7], ["dropout"]),
        (grad_cam(), [1], ["dropout"]),
        (grad_cam(), [7], ["l2"]),
    ],
)
def test_without_maps_there_are_none(
    maps: dict[str, np.ndarray] | None, rows: list[int], techniques: list[str]
) -> None:
    assert maps_shown(maps, rows, techniques) is None
